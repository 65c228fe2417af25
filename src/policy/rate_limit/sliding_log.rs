//! A sliding window log: when the latest requests were sent, so that never more than so many are
//! sent in any time of one length.
//!
//! A request first reserves a place. Nobody knows yet when it will be sent, so it counts as if that
//! were now; from [`SlidingLog::record_sent`] on it counts from that moment. A counter for each
//! fixed time would be smaller, but lets twice as many through around its change.
//!
//! Up to [`MOST_ENTRIES`] requests, the log has the moment of each. Above that, those that were sent
//! close together share an entry, so that the log stays small whatever the limit is: then a request
//! may have to wait a thousandth of the length longer, and never goes too early.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// About so many entries a log has at most.
pub const MOST_ENTRIES: u32 = 1024;

/// The latest requests, the oldest first.
#[derive(Debug)]
pub struct SlidingLog {
    limit: u32,
    /// How long an entry counts from its moment on.
    lifetime: Duration,
    /// Requests within so long after an entry's moment share it.
    grain: Duration,
    sent: VecDeque<Entry>,
    /// How many requests the entries stand for.
    logged: u32,
    /// How many requests have a place and are not sent yet.
    reserved: u32,
}

/// Requests that count from the same moment on.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Instant,
    count: u32,
}

impl SlidingLog {
    /// A log that lets `limit` requests through in any time of this length; 0 counts as 1.
    pub fn new(limit: u32, length: Duration) -> Self {
        let grain = if limit > MOST_ENTRIES { length / MOST_ENTRIES } else { Duration::ZERO };
        Self {
            limit: limit.max(1),
            lifetime: length.saturating_add(grain),
            grain,
            sent: VecDeque::new(),
            logged: 0,
            reserved: 0,
        }
    }

    /// Takes a place for a request that is about to be sent.
    ///
    /// # Errors
    /// When the next place is free; `None` if all are taken by requests that are not sent yet.
    pub fn reserve(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        self.forget_old(now);
        if self.logged + self.reserved < self.limit {
            self.reserved += 1;
            return Ok(());
        }
        Err(self.sent.front().map(|oldest| oldest.at + self.lifetime))
    }

    /// A request that has a place was sent. Moments may come in slightly out of order, because
    /// threads read the clock before they get here: an earlier one counts as the latest so far.
    pub fn record_sent(&mut self, now: Instant) {
        self.release();
        self.logged += 1;
        match self.sent.back_mut() {
            Some(entry) if now.saturating_duration_since(entry.at) <= self.grain => {
                entry.count += 1;
            }
            Some(_) | None => self.sent.push_back(Entry { at: now, count: 1 }),
        }
    }

    /// A request that has a place will not be sent.
    pub fn release(&mut self) {
        self.reserved = self.reserved.saturating_sub(1);
    }

    /// The earliest moment, from `from` on, for a request before which `ahead` others have their
    /// turn. Places that are reserved are taken for sent now.
    pub fn turn(&self, now: Instant, from: Instant, ahead: u32) -> Instant {
        // After `limit` others, all places are taken anew.
        let (rounds, ahead) = (ahead / self.limit, ahead % self.limit);
        let taken = self.logged + self.reserved + ahead;
        let first = match taken.checked_sub(self.limit) {
            Some(index) => self.end_of(index, now).max(from),
            None => from,
        };
        first + self.lifetime.saturating_mul(rounds)
    }

    /// Whether no request counts any more.
    pub fn is_empty(&self, now: Instant) -> bool {
        let is_old = |newest: &Entry| newest.at + self.lifetime <= now;
        self.reserved == 0 && self.sent.back().is_none_or(is_old)
    }

    /// Until when the request counts before which `index` others were sent.
    fn end_of(&self, index: u32, now: Instant) -> Instant {
        let mut before = 0;
        let entry = self.sent.iter().find(|entry| {
            before += entry.count;
            before > index
        });
        entry.map_or(now, |entry| entry.at) + self.lifetime
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some(oldest) = self.sent.front().filter(|entry| entry.at + self.lifetime <= now) {
            self.logged -= oldest.count;
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::test_clock::{ms, s, start};
    use proptest::prelude::*;

    /// Sends as many requests at once as the log lets through.
    fn send_all(log: &mut SlidingLog, now: Instant) -> u32 {
        let sent = (0..).take_while(|_| log.reserve(now).is_ok());
        let count = u32::try_from(sent.count()).unwrap();
        (0..count).for_each(|_| log.record_sent(now));
        count
    }

    #[test]
    fn after_a_rest_all_may_go_at_once_and_the_next_when_they_are_out_of_the_window() {
        let begin = start();
        let mut log = SlidingLog::new(50, s(1));
        assert_eq!(send_all(&mut log, begin), 50);
        assert_eq!(log.reserve(begin + ms(999)), Err(Some(begin + s(1))));
        assert_eq!(send_all(&mut log, begin + s(1)), 50);
    }

    #[test]
    fn a_request_counts_from_when_it_was_sent_not_from_when_it_got_its_place() {
        let begin = start();
        let mut log = SlidingLog::new(1, s(1));
        log.reserve(begin).unwrap();
        assert_eq!(log.reserve(begin + s(5)), Err(None), "it may be sent at any moment");
        log.record_sent(begin + s(5));
        assert_eq!(log.reserve(begin + s(5)), Err(Some(begin + s(6))));
        log.reserve(begin + s(6)).unwrap();
    }

    #[test]
    fn a_place_that_is_given_back_is_free_at_once() {
        let begin = start();
        let mut log = SlidingLog::new(2, s(1));
        assert!(log.reserve(begin).is_ok() && log.reserve(begin).is_ok());
        log.release();
        assert_eq!(log.reserve(begin), Ok(()));
        assert_eq!(log.reserve(begin), Err(None));
    }

    #[test]
    fn a_turn_is_told_from_the_place_that_it_needs() {
        let begin = start();
        let mut log = SlidingLog::new(3, s(1));
        assert_eq!(log.turn(begin, begin, 2), begin);
        assert_eq!(log.turn(begin, begin, 3), begin + s(1));
        for time in [0, 100] {
            log.reserve(begin + ms(time)).unwrap();
            log.record_sent(begin + ms(time));
        }
        log.reserve(begin + ms(200)).unwrap();
        let turn = |ahead| log.turn(begin + ms(250), begin + ms(250), ahead) - begin;
        let turns: Vec<_> = (0..7).map(turn).collect();
        let expected = [1000, 1100, 1250, 2000, 2100, 2250, 3000].map(ms);
        assert_eq!(turns, expected, "the third is taken for sent now");
        assert_eq!(log.turn(begin + ms(250), begin + s(9), 1), begin + s(9));
    }

    #[test]
    fn a_log_of_very_many_requests_stays_small() {
        let begin = start();
        let mut log = SlidingLog::new(1_000_000, s(1));
        for step in 0..40_000_u32 {
            let now = begin + Duration::from_micros(50) * step;
            log.reserve(now).unwrap();
            log.record_sent(now);
        }
        assert!(log.sent.len() <= 1026, "{}", log.sent.len());
        assert!(!log.is_empty(begin + s(2)));
        assert!(log.is_empty(begin + s(4)));
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_in_any_window_and_no_place_is_withheld(
            limit in prop_oneof![1_u32..6, 1020_u32..1030], length in 1_u64..2_000,
            steps in proptest::collection::vec((0_u64..400, 1_u32..1200, 0_u64..50), 1..40),
        ) {
            let begin = start();
            let mut log = SlidingLog::new(limit, ms(length));
            let grain = if limit > MOST_ENTRIES { ms(length) / MOST_ENTRIES } else { ms(0) };
            let (mut now, mut sent) = (begin, Vec::<Instant>::new());
            for (pause, wanted, delay) in steps {
                now += ms(pause);
                let mut got = 0;
                let refused = loop {
                    if got == wanted { break None }
                    match log.reserve(now) {
                        Ok(()) => got += 1,
                        Err(next) => break Some(next),
                    }
                };
                let counting =
                    |log: &[Instant], kept: Duration| log.iter().filter(|at| **at + kept > now).count();
                if let Some(next) = refused {
                    // Exactly as many as fit, but for what shares an entry.
                    prop_assert!(counting(&sent, ms(length) + grain) + got as usize >= limit as usize);
                    prop_assert_eq!(next.is_none(), got == limit);
                    prop_assert!(next.is_none_or(|next| next > now && log.turn(now, now, 0) <= next));
                }
                for _ in 0..got {
                    now += Duration::from_micros(delay);
                    log.record_sent(now);
                    sent.push(now);
                }
            }
            for (early, late) in sent.iter().zip(sent.iter().skip(limit as usize)) {
                prop_assert!(*late - *early >= ms(length));
            }
        }

        /// The moment that is told for a turn is the one at which it comes.
        #[test]
        fn a_turn_comes_when_it_was_said_to_come(
            limit in 1_u32..6, steps in proptest::collection::vec(0_u64..400, 0..20),
            ahead in 0_u32..20,
        ) {
            let begin = start();
            let mut log = SlidingLog::new(limit, s(1));
            let mut now = begin;
            for step in steps {
                now += ms(step);
                if log.reserve(now).is_ok() {
                    log.record_sent(now);
                }
            }
            let said = log.turn(now, now, ahead);
            for _ in 0..=ahead {
                while let Err(next) = log.reserve(now) {
                    now = next.unwrap();
                }
                log.record_sent(now);
            }
            prop_assert_eq!(now, said);
        }
    }
}
