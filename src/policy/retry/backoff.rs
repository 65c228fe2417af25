//! Exponential backoff with equal jitter: before retry `n`, wait a random time between the half and
//! the whole of `min(cap, base × 2^(n−1))`.
//!
//! "Equal jitter" is the term of the AWS Architecture Blog ("Exponential Backoff And Jitter"). Half of
//! the range is random, because callers that failed in the same moment would otherwise come back in
//! the same moment. The other half is not: what most often goes wrong for a moment is an upstream that
//! is restarted, and with waits from nothing on ("full jitter", which spreads callers still better) all
//! attempts may be over before it is back. With the defaults, three attempts span 300 to 600 ms.

use crate::model::time::jitter;
use std::time::Duration;
use thiserror::Error;

/// A wait for which there is little room is cut down to one part in so many of the longest.
const SHORTEST_PART: u32 = 10;

/// The longest `cap` that is accepted.
pub const LONGEST_CAP: Duration = Duration::from_hours(24);

/// Why a pair of `base` and `cap` is no backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BackoffError {
    /// `base` is zero: every wait would be zero.
    #[error("base must be more than 0")]
    BaseIsZero,
    /// `cap` is below `base`.
    #[error("cap must be at least base, but cap is {cap:?} and base is {base:?}")]
    CapBelowBase {
        /// The base given.
        base: Duration,
        /// The cap given.
        cap: Duration,
    },
    /// `cap` is above [`LONGEST_CAP`].
    #[error("cap must be at most 24 hours, but is {cap:?}")]
    CapTooLong {
        /// The cap given.
        cap: Duration,
    },
}

/// How long to wait before a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// `base` bounds the first wait, `cap` all of them.
    ///
    /// # Errors
    /// If not `0 < base ≤ cap ≤ 24 h`.
    pub fn try_new(base: Duration, cap: Duration) -> Result<Self, BackoffError> {
        if base.is_zero() {
            return Err(BackoffError::BaseIsZero);
        }
        if cap < base {
            return Err(BackoffError::CapBelowBase { base, cap });
        }
        if cap > LONGEST_CAP {
            return Err(BackoffError::CapTooLong { cap });
        }
        Ok(Self { base, cap })
    }

    /// The longest wait before retry `retry_number` (1 is the first; 0 counts as 1):
    /// `min(cap, base × 2^(retry_number−1))`.
    pub fn longest_delay(&self, retry_number: u32) -> Duration {
        let mut longest = self.base;
        for _ in 1..retry_number {
            if longest >= self.cap {
                break;
            }
            longest = longest.saturating_mul(2);
        }
        longest.min(self.cap)
    }

    /// The wait before retry `retry_number`, `unit` being a random number in `[0, 1)`: at least half
    /// of the longest.
    pub fn delay(&self, retry_number: u32, unit: f64) -> Duration {
        let half = self.longest_delay(retry_number) / 2;
        half.saturating_add(jitter::share(half, unit))
    }

    /// The same where only `room` is left for the wait and the attempt after it: the attempt gets
    /// half of it, if the wait would leave it less. `None` if that is less than a tenth of the longest
    /// wait: who configures long waits wants no retry at once.
    pub fn delay_within(&self, room: Duration, retry_number: u32, unit: f64) -> Option<Duration> {
        let delay = self.delay(retry_number, unit);
        let most = room / 2;
        if delay <= most {
            return Some(delay);
        }
        (most >= self.longest_delay(retry_number) / SHORTEST_PART).then_some(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::test_clock::{ms, s};
    use proptest::prelude::*;

    #[test]
    fn the_longest_delay_doubles_up_to_the_cap() {
        let backoff = Backoff::try_new(ms(200), s(1)).unwrap();
        let longest: Vec<_> = (0..6).map(|n| backoff.longest_delay(n)).collect();
        assert_eq!(longest, [ms(200), ms(200), ms(400), ms(800), s(1), s(1)]);
    }

    #[test]
    fn the_delay_is_spread_over_the_upper_half_of_the_range() {
        let backoff = Backoff::try_new(ms(200), s(5)).unwrap();
        assert_eq!(backoff.delay(2, 0.0), ms(200));
        assert_eq!(backoff.delay(2, 0.25), ms(250));
        assert_eq!(backoff.delay(2, 1.0), ms(400));
    }

    #[test]
    fn bad_numbers_are_refused_with_what_is_allowed() {
        assert_eq!(Backoff::try_new(Duration::ZERO, s(1)), Err(BackoffError::BaseIsZero));
        assert_eq!(
            Backoff::try_new(s(2), s(1)).unwrap_err().to_string(),
            "cap must be at least base, but cap is 1s and base is 2s"
        );
        assert_eq!(
            Backoff::try_new(s(2), s(90_000)).unwrap_err().to_string(),
            "cap must be at most 24 hours, but is 90000s"
        );
    }

    proptest! {
        #[test]
        fn a_delay_keeps_its_bounds_for_any_retry(
            base in 1_u64..86_400_000_000_000, factor in 1_u64..100_000,
            retry in any::<u32>(), unit in 0.0_f64..1.0,
        ) {
            let base = Duration::from_nanos(base);
            let cap = base.saturating_mul(u32::try_from(factor).unwrap()).min(LONGEST_CAP);
            let backoff = Backoff::try_new(base, cap).unwrap();
            let doubled = 2_f64.powf(f64::from(retry.max(1)) - 1.0) * base.as_secs_f64();
            let delay = backoff.delay(retry, unit);
            prop_assert!(delay <= cap);
            prop_assert!(delay.as_secs_f64() <= doubled * (1.0 + 1e-9));
            prop_assert!(delay >= backoff.longest_delay(retry) / 2);
            let later = backoff.longest_delay(retry.saturating_add(1));
            prop_assert!(backoff.longest_delay(retry) <= later);
        }

        #[test]
        fn a_wait_with_little_room_leaves_half_of_it_and_is_no_retry_at_once(
            retry in 0_u32..40, unit in 0.0_f64..1.0, room in 0_u64..20_000,
        ) {
            let backoff = Backoff::try_new(ms(200), s(5)).unwrap();
            let (delay, longest) = (backoff.delay(retry, unit), backoff.longest_delay(retry));
            match backoff.delay_within(ms(room), retry, unit) {
                Some(within) => {
                    prop_assert!(within <= delay && within <= ms(room) / 2);
                    prop_assert!(within == delay || within == ms(room) / 2);
                    prop_assert!(within >= longest / 10);
                }
                None => prop_assert!(ms(room) / 2 < longest / 10),
            }
        }

        #[test]
        fn a_greater_unit_never_waits_less(
            retry in 0_u32..40, one in 0.0_f64..1.0, other in 0.0_f64..1.0,
        ) {
            let backoff = Backoff::try_new(ms(200), s(5)).unwrap();
            let (low, high) = (one.min(other), one.max(other));
            prop_assert!(backoff.delay(retry, low) <= backoff.delay(retry, high));
        }
    }
}
