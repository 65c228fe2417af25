//! A deadline: the instant by which an answer must have left, whatever is missing from it.

use std::time::{Duration, Instant};

/// The farthest a deadline can lie ahead. An `Instant` has no maximum of its own to stop at.
const FARTHEST: Duration = Duration::from_hours(30 * 365 * 24);

/// The instant at which work stops. One deadline covers everything that one request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline `time` from `now`; more than 30 years count as 30 years.
    pub fn after(now: Instant, time: Duration) -> Self {
        Self(now.checked_add(time.min(FARTHEST)).unwrap_or(now))
    }

    /// The instant itself.
    pub fn at(self) -> Instant {
        self.0
    }

    /// The time that is left at `now`: zero once the deadline has passed.
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Whether nothing is left at `now`. The instant of the deadline itself has passed.
    pub fn has_passed(self, now: Instant) -> bool {
        now >= self.0
    }

    /// Whether a wait begun at `now` ends strictly before the deadline.
    pub fn fits(self, now: Instant, wait: Duration) -> bool {
        wait < self.remaining(now)
    }

    /// The earlier of two deadlines.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        self.min(other)
    }
}

impl From<Instant> for Deadline {
    fn from(at: Instant) -> Self {
        Self(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::test_clock::{ms, start};
    use proptest::prelude::*;

    #[test]
    fn the_deadline_itself_has_passed_and_fits_no_wait() {
        let now = start();
        let deadline = Deadline::after(now, ms(100));
        assert!(!deadline.has_passed(now + ms(99)));
        assert!(deadline.has_passed(now + ms(100)));
        assert!(!deadline.fits(now + ms(100), Duration::ZERO));
    }

    #[test]
    fn a_wait_that_ends_on_the_deadline_does_not_fit() {
        let now = start();
        let deadline = Deadline::after(now, ms(100));
        assert!(deadline.fits(now, ms(99)));
        assert!(!deadline.fits(now, ms(100)));
        assert!(!deadline.fits(now, Duration::MAX));
    }

    #[test]
    fn a_deadline_too_far_away_is_still_a_deadline_in_the_future() {
        let now = start();
        assert_eq!(Deadline::after(now, Duration::MAX).remaining(now), FARTHEST);
    }

    #[test]
    fn the_earlier_of_two_is_the_same_whoever_asks() {
        let now = start();
        let (soon, late) = (Deadline::after(now, ms(1)), Deadline::from(now + ms(2)));
        assert_eq!(soon.earlier(late), soon);
        assert_eq!(late.earlier(soon), soon);
    }

    proptest! {
        #[test]
        fn what_fits_leaves_time_and_what_does_not_leaves_none(
            time in 0_u64..10_000, passed in 0_u64..12_000, wait in 0_u64..12_000,
        ) {
            let begin = start();
            let deadline = Deadline::after(begin, ms(time));
            let now = begin + ms(passed);
            prop_assert_eq!(deadline.fits(now, ms(wait)), !deadline.has_passed(now + ms(wait)));
            prop_assert_eq!(deadline.remaining(now), ms(time.saturating_sub(passed)));
            prop_assert_eq!(deadline.has_passed(now), deadline.remaining(now).is_zero());
        }
    }
}
