//! Never sends more requests than the source's limit, and listens to what the upstream says of its own.

pub mod bucket;
mod governor_clock;
pub mod limiter;
pub mod sliding_log;
pub mod spec;
pub(super) mod step;
mod throttle;
pub mod throttled;
