//! The retry budget: how many retries all requests of one source may make together.
//!
//! A limit per request does not protect an upstream that is down: with three attempts each, it
//! receives three times its usual load just when it can bear least. So retries are paid for by
//! requests: in a sliding window there may be `ratio` retries for each request. A source with few
//! requests could then never retry, therefore a retry is also allowed while fewer than
//! `min_per_second` were made within the last second. That floor is part of the share, not an
//! extra on top: all retries count against both.
//!
//! The idea is known from Finagle's retry budgets and `tower::retry::budget`.

use crate::model::time::sliding_window::SlidingWindow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use thiserror::Error;

const SECOND: Duration = Duration::from_secs(1);

/// The most retries a second that a floor may grant.
pub const HIGHEST_FLOOR: u32 = 1000;

/// The longest window.
pub const LONGEST_WINDOW: Duration = Duration::from_mins(1);

/// Why numbers are no retry budget.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum RetryBudgetError {
    /// `ratio` is negative, above 1 or no number.
    #[error("ratio must be 0 to 1 retries for each request, but is {found}")]
    Ratio {
        /// The ratio given.
        found: f64,
    },
    /// `min_per_second` is above [`HIGHEST_FLOOR`].
    #[error("min_per_second must be at most {HIGHEST_FLOOR}, but is {found}")]
    MinPerSecond {
        /// The number given.
        found: u32,
    },
    /// `window` is not made of whole seconds, zero or above [`LONGEST_WINDOW`].
    #[error("window must be a whole number of seconds from 1 to 60, but is {found:?}")]
    Window {
        /// The window given.
        found: Duration,
    },
}

/// What happened in one second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    requests: u32,
    retries: u32,
}

/// The budget at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudgetSnapshot {
    /// Requests in the window.
    pub requests: u32,
    /// Retries in the window.
    pub retries: u32,
    /// Retries that were refused since the start.
    pub refused: u64,
    /// Whether a retry would be refused at present.
    pub is_spent: bool,
}

/// How many retries there may be, over all requests.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryBudget {
    ratio: f64,
    min_per_second: u32,
    window: SlidingWindow<Counts>,
    /// When the latest retries were made: at most `min_per_second` instants, the oldest first.
    latest: VecDeque<Instant>,
    refused: u64,
}

impl RetryBudget {
    /// `ratio` retries for each request of the `window`, and at least `min_per_second`.
    ///
    /// # Errors
    /// If not `0 ≤ ratio ≤ 1`, `min_per_second ≤ 1000` and `window` whole seconds from 1 to 60.
    pub fn try_new(
        ratio: f64,
        min_per_second: u32,
        window: Duration,
    ) -> Result<Self, RetryBudgetError> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(RetryBudgetError::Ratio { found: ratio });
        }
        if min_per_second > HIGHEST_FLOOR {
            return Err(RetryBudgetError::MinPerSecond { found: min_per_second });
        }
        let whole_seconds = window.subsec_nanos() == 0 && !window.is_zero();
        let buckets = usize::try_from(window.as_secs()).unwrap_or(usize::MAX);
        if !whole_seconds || window > LONGEST_WINDOW {
            return Err(RetryBudgetError::Window { found: window });
        }
        Ok(Self {
            ratio,
            min_per_second,
            window: SlidingWindow::new(SECOND, buckets),
            latest: VecDeque::new(),
            refused: 0,
        })
    }

    /// Counts a request: its first attempt, not its retries.
    pub fn record_request(&mut self, now: Instant) {
        let counts = self.window.current(now);
        counts.requests = counts.requests.saturating_add(1);
    }

    /// Takes one retry out of the budget. If the answer is `false`, there is to be none.
    pub fn try_withdraw(&mut self, now: Instant) -> bool {
        if !self.allows(now) {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        let counts = self.window.current(now);
        counts.retries = counts.retries.saturating_add(1);
        self.latest.push_back(now);
        while self.latest.len() > self.min_per_second as usize {
            self.latest.pop_front();
        }
        true
    }

    /// The counts at `now`.
    pub fn snapshot(&mut self, now: Instant) -> RetryBudgetSnapshot {
        let Counts { requests, retries } = self.totals(now);
        let is_spent = !self.allows(now);
        RetryBudgetSnapshot { requests, retries, refused: self.refused, is_spent }
    }

    fn allows(&mut self, now: Instant) -> bool {
        let Counts { requests, retries } = self.totals(now);
        let is_within_share = f64::from(retries) + 1.0 <= self.ratio * f64::from(requests);
        is_within_share || self.is_below_floor(now)
    }

    fn is_below_floor(&self, now: Instant) -> bool {
        let in_last_second = |at: &&Instant| now.saturating_duration_since(**at) < SECOND;
        self.latest.iter().filter(in_last_second).count() < self.min_per_second as usize
    }

    fn totals(&mut self, now: Instant) -> Counts {
        self.window.buckets(now).fold(Counts::default(), |sum, counts| Counts {
            requests: sum.requests.saturating_add(counts.requests),
            retries: sum.retries.saturating_add(counts.retries),
        })
    }
}

#[cfg(test)]
mod tests;
