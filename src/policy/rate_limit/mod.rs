//! Never sends more requests than the source's limit, and listens to what the upstream says of its own.

pub mod bucket;
mod governor_clock;
mod hold;
pub(super) mod limited;
pub mod limiter;
pub mod rate_limit_spec;
pub mod sliding_log;
pub mod throttle;
pub mod throttled;
