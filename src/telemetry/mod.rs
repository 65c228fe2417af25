//! What the service tells about itself.

pub mod logging;
pub mod metrics;
pub mod recent;
pub mod request_log;
