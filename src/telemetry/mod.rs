//! What the service tells about itself.

pub mod large_replies;
pub mod logging;
pub mod metrics;
pub mod recent;
pub mod request_log;
pub mod traces;
