//! The one clock reading of the domain's tests: an arbitrary instant to count from.

use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "somewhere a test's time must begin")]
/// Any instant; tests reach every other one by adding to it.
pub fn start() -> Instant {
    // A few hours in, so that a test may also subtract on a machine that has just started.
    Instant::now() + Duration::from_hours(4)
}

/// `count` milliseconds.
pub fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// `count` seconds.
pub fn s(count: u64) -> Duration {
    Duration::from_secs(count)
}
