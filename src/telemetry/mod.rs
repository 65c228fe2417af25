//! What the service tells about itself.

pub mod large_replies;
mod log_writer;
pub mod logging;
pub mod metrics;
pub mod recent;
pub mod request_log;
pub mod traces;
