//! A line in the log at most once in a while, for what would be said again and again otherwise.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Says when a line may be logged again.
#[derive(Debug)]
pub struct LogThrottle {
    quiet: Duration,
    last: Mutex<Option<Instant>>,
}

impl LogThrottle {
    /// At most one line in each `quiet`.
    pub const fn new(quiet: Duration) -> Self {
        Self { quiet, last: Mutex::new(None) }
    }

    /// Whether the line may be logged now; if so, that is noted.
    pub fn is_due(&self, now: Instant) -> bool {
        // Nothing panics while it holds the lock: a poisoned one is still sound.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.saturating_duration_since(last) < self.quiet) {
            return false;
        }
        *last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::test_clock::{ms, s, start};

    #[test]
    fn a_line_is_due_once_in_the_time() {
        let (throttle, now) = (LogThrottle::new(s(60)), start());
        assert!(throttle.is_due(now));
        assert!(!throttle.is_due(now + ms(59_999)));
        assert!(throttle.is_due(now + s(60)));
        assert!(!throttle.is_due(now), "another thread's clock was read a little earlier");
    }
}
