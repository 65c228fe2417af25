//! What is known of a request once it is over, for everybody who tells of it.

pub mod explanation;
pub mod observer;
pub mod record_json;
pub mod recorder;
pub mod request_record;
pub mod span;
pub mod target;
