//! The numbers of a circuit breaker, and what they may be.

use std::ops::RangeInclusive;
use std::time::Duration;
use thiserror::Error;

const WINDOW: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(1);
const OPEN_FOR: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(1);
const MIN_REQUESTS: RangeInclusive<u32> = 1..=1_000_000;
const PROBES: RangeInclusive<u32> = 1..=100;

/// When a circuit opens, for how long, and what closes it again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSpec {
    /// The time over which results are counted.
    pub window: Duration,
    /// With fewer results than this in the window it never opens.
    pub min_requests: u32,
    /// The part of the results in the window that must be failures to open it: above 0, at most 1.
    pub failure_ratio: f64,
    /// How long it is open the first time. Each re-opening doubles it, ±10 % of jitter.
    pub open_for: Duration,
    /// The longest it is open, before jitter.
    pub max_open_for: Duration,
    /// How many probes may be under way at a time, and how many in a row must succeed to close it.
    pub probes: u32,
}

/// What is wrong with a [`BreakerSpec`].
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum BreakerSpecError {
    /// `window` is out of range.
    #[error("window must be 10 ms to 1 hour, but is {found:?}")]
    Window {
        /// The window given.
        found: Duration,
    },
    /// `min_requests` is out of range.
    #[error("min_requests must be 1 to 1000000, but is {found}")]
    MinRequests {
        /// The number given.
        found: u32,
    },
    /// `failure_ratio` is out of range or no number.
    #[error("failure_ratio must be above 0 and at most 1, but is {found}")]
    FailureRatio {
        /// The ratio given.
        found: f64,
    },
    /// `open_for` is out of range.
    #[error("open_for must be 1 ms to 1 hour, but is {found:?}")]
    OpenFor {
        /// The time given.
        found: Duration,
    },
    /// `max_open_for` is out of range.
    #[error("max_open_for must be open_for ({open_for:?}) to 1 hour, but is {found:?}")]
    MaxOpenFor {
        /// `open_for`.
        open_for: Duration,
        /// The time given.
        found: Duration,
    },
    /// `probes` is out of range.
    #[error("probes must be 1 to 100, but is {found}")]
    Probes {
        /// The number given.
        found: u32,
    },
}

impl BreakerSpec {
    /// Checks every number.
    ///
    /// # Errors
    /// The first number that is out of range.
    pub fn check(&self) -> Result<(), BreakerSpecError> {
        if !WINDOW.contains(&self.window) {
            return Err(BreakerSpecError::Window { found: self.window });
        }
        if !MIN_REQUESTS.contains(&self.min_requests) {
            return Err(BreakerSpecError::MinRequests { found: self.min_requests });
        }
        let ratio = self.failure_ratio;
        if ratio.is_nan() || ratio <= 0.0 || ratio > 1.0 {
            return Err(BreakerSpecError::FailureRatio { found: ratio });
        }
        let open_for = self.open_for;
        if !OPEN_FOR.contains(&open_for) {
            return Err(BreakerSpecError::OpenFor { found: open_for });
        }
        let found = self.max_open_for;
        if found < open_for || !OPEN_FOR.contains(&found) {
            return Err(BreakerSpecError::MaxOpenFor { open_for, found });
        }
        if !PROBES.contains(&self.probes) {
            return Err(BreakerSpecError::Probes { found: self.probes });
        }
        Ok(())
    }
}
