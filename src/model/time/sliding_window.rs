//! A sliding window made of buckets: counts of the last so many seconds, in constant space.
//!
//! The window moves on by one bucket at a time, so it reaches back between `count − 1` and `count`
//! bucket lengths. What is counted is up to the owner, who says with `T` what a bucket holds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Buckets of equal length, the newest of which is being filled.
#[derive(Debug, Clone, PartialEq)]
pub struct SlidingWindow<T> {
    bucket_length: Duration,
    count: usize,
    newest: T,
    older: VecDeque<T>,
    /// When the newest bucket began; `None` until the first use.
    newest_began: Option<Instant>,
}

impl<T: Copy + Default> SlidingWindow<T> {
    /// A window of `count` buckets. None at all, or of no length, count as the smallest possible.
    pub fn new(bucket_length: Duration, count: usize) -> Self {
        Self {
            bucket_length: bucket_length.max(Duration::from_nanos(1)),
            count: count.max(1),
            newest: T::default(),
            older: VecDeque::with_capacity(count),
            newest_began: None,
        }
    }

    /// The bucket to count in at `now`. An instant before the newest bucket began belongs to the
    /// newest bucket: threads read the clock before they get here, in any order.
    pub fn current(&mut self, now: Instant) -> &mut T {
        self.move_on(now);
        &mut self.newest
    }

    /// All buckets that lie in the window at `now`, the newest first.
    pub fn buckets(&mut self, now: Instant) -> impl Iterator<Item = T> {
        self.move_on(now);
        std::iter::once(self.newest).chain(self.older.iter().copied())
    }

    /// Forgets all counts.
    pub fn clear(&mut self) {
        self.newest = T::default();
        self.older.clear();
    }

    fn move_on(&mut self, now: Instant) {
        let began = *self.newest_began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        if passed < self.bucket_length {
            return;
        }
        if passed
            >= self.bucket_length.saturating_mul(u32::try_from(self.count).unwrap_or(u32::MAX))
        {
            self.clear();
            self.newest_began = Some(now);
            return;
        }
        let mut began = began;
        while now.saturating_duration_since(began) >= self.bucket_length {
            began += self.bucket_length;
            self.older.push_front(std::mem::take(&mut self.newest));
            self.older.truncate(self.count - 1);
        }
        self.newest_began = Some(began);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::test_clock::{ms, s, start};
    use proptest::prelude::*;

    #[test]
    fn counts_leave_the_window_bucket_by_bucket() {
        let begin = start();
        let mut window = SlidingWindow::<u32>::new(s(1), 3);
        *window.current(begin) += 1;
        *window.current(begin + s(1)) += 10;
        *window.current(begin + s(2)) += 100;
        let mut sum_at = |time| window.buckets(begin + ms(time)).sum::<u32>();
        assert_eq!(sum_at(2999), 111);
        assert_eq!(sum_at(3000), 110);
        assert_eq!(sum_at(4000), 100);
        assert_eq!(sum_at(5000), 0);
    }

    #[test]
    fn a_late_comer_counts_in_the_newest_bucket() {
        let begin = start();
        let mut window = SlidingWindow::<u32>::new(s(1), 3);
        *window.current(begin + s(2)) += 1;
        *window.current(begin) += 1;
        assert_eq!(window.buckets(begin + s(2)).next(), Some(2));
    }

    proptest! {
        #[test]
        fn the_window_holds_what_happened_in_it(
            steps in proptest::collection::vec(0_u64..3000, 1..60), count in 1_usize..6,
        ) {
            let begin = start();
            let mut window = SlidingWindow::<u32>::new(s(1), count);
            let mut happened = Vec::new();
            let mut time = 0;
            for step in steps {
                time += step;
                *window.current(begin + ms(time)) += 1;
                happened.push(time);
                let within = |reach: u64| {
                    let recent = happened.iter().filter(|at| time - **at < reach).count();
                    u32::try_from(recent).unwrap()
                };
                let reach = u64::try_from(count).unwrap() * 1000;
                let sum = window.buckets(begin + ms(time)).sum::<u32>();
                prop_assert!(sum <= within(reach), "nothing older than the window");
                prop_assert!(sum >= within(reach - 999), "nothing younger is lost");
            }
        }
    }
}
