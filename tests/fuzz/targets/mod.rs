//! One function a reader of foreign bytes. It gets any bytes and panics if a law does not hold.

pub mod escapes;
pub mod headers;
pub mod inputs;
pub mod json;
pub mod response_stream;
pub mod template;
pub mod token;
