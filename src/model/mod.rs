//! Pure parts: values and decisions without input, output, clock or randomness.

pub mod action;
pub mod allowed_hosts;
pub mod circuit;
pub mod digest;
pub mod failure;
pub mod gauges;
pub mod header;
pub mod id;
pub mod inputs;
pub mod json;
pub mod method;
pub mod paths;
pub mod record;
pub mod regions;
pub mod reply;
pub mod secret;
pub mod template;
pub mod time;
pub mod trace_export;
