//! Pure parts: values and decisions without input, output, clock or randomness.

pub mod action;
pub mod aggregate;
pub mod allowed_hosts;
pub mod circuit;
pub mod deadline;
pub mod digest;
pub mod escape;
pub mod failure;
pub mod fields;
pub mod gauges;
pub mod header_number;
pub mod ids;
pub mod inputs;
pub mod jitter;
pub mod json;
pub mod link_header;
pub mod log_throttle;
pub mod members;
pub mod method;
pub mod observer;
pub mod outcome;
pub mod paths;
pub mod rate_limit_headers;
pub mod record;
pub mod record_json;
pub mod recorder;
pub mod retry_after;

pub mod secret;
pub mod sliding_window;
pub mod story;
pub mod target;
pub mod template;
pub mod trace;
pub mod trace_context;
pub mod trace_export;
pub mod trace_state;

#[cfg(test)]
pub mod test_clock;
