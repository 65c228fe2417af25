//! How long something took of late, in a few numbers: a histogram of fixed buckets, each a quarter wider
//! than the one before.

use std::time::{Duration, Instant};

/// How many buckets there are.
const BUCKETS: usize = 59;
/// The upper end of the first, microseconds.
const FIRST: u64 = 500;
/// The upper ends of the buckets but the last, which has none, microseconds: up to some 2 minutes.
const BOUNDS: [u64; BUCKETS - 1] = bounds();
/// What is older than two of these is forgotten.
const WINDOW: Duration = Duration::from_mins(5);

const fn bounds() -> [u64; BUCKETS - 1] {
    let mut bounds = [FIRST; BUCKETS - 1];
    let mut i = 1;
    while i < bounds.len() {
        bounds[i] = bounds[i - 1] * 5 / 4;
        i += 1;
    }
    bounds
}

/// The times of the last 5 to 10 minutes.
#[derive(Debug, Clone)]
pub struct LatencyHistogram {
    /// The window that goes on, and since when it does.
    now: Counts,
    since: Instant,
    /// The one before.
    before: Counts,
}

/// How many times fell into each bucket.
#[derive(Debug, Clone, Copy)]
pub struct Counts([u32; BUCKETS]);

impl LatencyHistogram {
    /// One in which nothing has been counted.
    pub fn new(now: Instant) -> Self {
        Self { now: Counts::default(), since: now, before: Counts::default() }
    }

    /// Counts one time.
    pub fn record(&mut self, took: Duration, now: Instant) {
        self.turn(now);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.now.0.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
    }

    /// What was counted of late.
    pub fn counts(&mut self, now: Instant) -> Counts {
        self.turn(now);
        let mut counts = self.now;
        counts.add(&self.before);
        counts
    }

    /// Begins another window if this one is over.
    fn turn(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age >= WINDOW {
            let is_next = age < 2 * WINDOW;
            self.before = if is_next { self.now } else { Counts::default() };
            self.now = Counts::default();
            self.since = now;
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Counts {
    /// Puts those of another one on top.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }

    /// The time that this part of them did not exceed, a quarter too long at most (from half a
    /// millisecond to 2 minutes); none if none were counted. `part` is 0 to 1.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let mut seen = 0;
        let bucket = self.0.iter().position(|count| {
            seen += u64::from(*count);
            as_float(seen) >= as_float(total) * part
        });
        let longest = BOUNDS.last().copied().unwrap_or(FIRST);
        let bound = bucket.and_then(|bucket| BOUNDS.get(bucket)).copied().unwrap_or(longest);
        Some(Duration::from_micros(bound))
    }
}

#[expect(clippy::cast_precision_loss, reason = "more than 2^53 are never counted in 10 minutes")]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::time::test_clock::{ms, s, start};

    fn of(times: impl IntoIterator<Item = Duration>) -> Counts {
        let now = start();
        let mut histogram = LatencyHistogram::new(now);
        times.into_iter().for_each(|took| histogram.record(took, now));
        histogram.counts(now)
    }

    #[test]
    fn quantiles_are_a_quarter_too_long_at_most() {
        let counts = of((1..=1000).map(ms));
        assert_eq!(counts.total(), 1000);
        for (part, exact) in [(0.5, 500), (0.95, 950), (0.99, 990)] {
            let found = counts.quantile(part).expect("some were counted");
            assert!(found >= ms(exact) && found <= ms(exact) * 5 / 4, "{part}: {found:?}");
        }
    }

    #[test]
    fn nothing_has_no_quantile_and_what_is_longer_than_all_buckets_counts_as_the_longest() {
        assert_eq!(of([]).quantile(0.5), None);
        let longest = of([s(3600)]).quantile(0.5).expect("one was counted");
        assert!(longest > s(60) && longest < s(300), "{longest:?}");
    }

    #[test]
    fn what_is_older_than_ten_minutes_is_forgotten() {
        let now = start();
        let mut histogram = LatencyHistogram::new(now);
        histogram.record(ms(10), now);
        assert_eq!(histogram.counts(now + WINDOW).total(), 1);
        histogram.record(ms(10), now + WINDOW);
        assert_eq!(histogram.counts(now + 2 * WINDOW).total(), 1);
        assert_eq!(histogram.counts(now + 5 * WINDOW).total(), 0);
    }

    #[test]
    fn those_of_several_are_added() {
        let mut both = of([ms(1), ms(2)]);
        both.add(&of([ms(400)]));
        assert_eq!(both.total(), 3);
        assert!(both.quantile(1.0).expect("some") >= ms(400));
    }

    proptest! {
        #[test]
        fn a_larger_part_never_has_a_shorter_time(
            times in proptest::collection::vec(0_u64..10_000_000, 1..50), a in 0.0..1.0, b in 0.0..1.0,
        ) {
            let counts = of(times.into_iter().map(Duration::from_micros));
            let (less, more) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(counts.quantile(less) <= counts.quantile(more));
        }
    }
}
