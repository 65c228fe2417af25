//! Jitter: spreading waits, so that callers who failed together do not come back together.
//!
//! The random number comes in as `unit`, meant to lie in `[0, 1)`. Anything else is brought into
//! that range (not a number counts as 0), so that no caller can produce an absurd wait.

use std::time::Duration;

/// The part `unit` of `whole`: never more than `whole`.
pub fn share(whole: Duration, unit: f64) -> Duration {
    let unit = if unit.is_nan() { 0.0 } else { unit.clamp(0.0, 1.0) };
    Duration::try_from_secs_f64(whole.as_secs_f64() * unit).map_or(whole, |part| part.min(whole))
}

/// A duration around `middle`: from `middle × (1 − spread)` at `unit` 0 to
/// `middle × (1 + spread)` at `unit` 1.
pub fn around(middle: Duration, spread: f64, unit: f64) -> Duration {
    let swing = share(middle, spread);
    middle.saturating_sub(swing).saturating_add(share(swing.saturating_mul(2), unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::test_clock::{ms, s};
    use proptest::prelude::*;

    #[test]
    fn around_reaches_from_one_side_to_the_other() {
        assert_eq!(around(s(10), 0.1, 0.0), s(9));
        assert_eq!(around(s(10), 0.1, 0.5), s(10));
        assert_eq!(around(s(10), 0.1, 1.0), s(11));
    }

    #[test]
    fn a_unit_that_is_no_number_counts_as_zero() {
        assert_eq!(share(ms(100), f64::NAN), Duration::ZERO);
        assert_eq!(share(ms(100), f64::NEG_INFINITY), Duration::ZERO);
        assert_eq!(share(ms(100), f64::INFINITY), ms(100));
    }

    proptest! {
        #[test]
        fn a_share_is_never_more_than_the_whole(
            secs in any::<u64>(), nanos in 0_u32..1_000_000_000, unit in any::<f64>(),
        ) {
            let whole = Duration::new(secs, nanos);
            prop_assert!(share(whole, unit) <= whole);
        }
    }
}
