//! The clock that governor is given.

use std::time::Instant;

use crate::clock;

/// tokio's clock for governor, whose own clocks know nothing of paused time.
#[derive(Debug, Clone, Copy, Default)]
pub struct GovernorClock;

impl governor::clock::Clock for GovernorClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        clock::now()
    }
}
