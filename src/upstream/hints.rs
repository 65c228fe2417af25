//! What an upstream's reply headers say about when to come back, and where the next page is.

use std::time::{Duration, Instant, SystemTime};

use awc::http::header::{HeaderMap, HeaderValue, LINK, RETRY_AFTER};

use super::clock;
use super::limiter::Lane;
use crate::domain::rate_limit_headers::{self, UpstreamBudget};
use crate::domain::{jitter, link_header, retry_after};

/// An upstream that asks for a longer pause is asked again after this long all the same.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// With less than one in so many of its budget left, the rest is spread over the time until the
/// reset.
const SPREAD_BELOW_ONE_IN: u64 = 5;

/// What a reply's headers say besides the body.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// The first valid `Retry-After`, seconds or a date.
    pub retry_after: Option<Duration>,
    /// What is left of the upstream's own rate limit.
    pub budget: Option<UpstreamBudget>,
    /// The target of the `Link` with `rel="next"`.
    pub next_link: Option<String>,
}

impl Hints {
    /// Reads the headers.
    pub fn read(headers: &HeaderMap) -> Self {
        let now = SystemTime::now();
        let waits = headers.get_all(RETRY_AFTER).map(HeaderValue::as_bytes);
        let links = headers.get_all(LINK).map(HeaderValue::as_bytes);
        Self {
            retry_after: retry_after::first_valid(waits, now),
            budget: budget(headers, now),
            next_link: link_header::next_target(links),
        }
    }

    /// Holds the lane back as far as the reply asks for it: everybody's calls, not only those of
    /// the request that happened to hear it.
    pub(super) fn obey(&self, status: u16, lane: &Lane) {
        let now = clock::now();
        if matches!(status, 429 | 503)
            && let Some(wait) = self.retry_after
        {
            lane.pause(now + spread(wait));
        }
        if let Some(budget) = &self.budget {
            spread_out(budget, lane, now);
        }
    }
}

fn budget(headers: &HeaderMap, now: SystemTime) -> Option<UpstreamBudget> {
    // Most replies have none, and looking for each of the many names costs an allocation.
    if !headers.keys().any(|name| name.as_str().contains("ratelimit")) {
        return None;
    }
    let lookup = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    rate_limit_headers::read(&lookup, now)
}

/// A pause of at least `wait`, up to a tenth longer, so that not everybody who was told the same
/// comes back in the same moment; at most [`LONGEST_PAUSE`].
fn spread(wait: Duration) -> Duration {
    wait.saturating_add(jitter::share(wait / 10, fastrand::f64())).min(LONGEST_PAUSE)
}

/// Spends what is left of an upstream's budget so that it lasts until the reset.
fn spread_out(budget: &UpstreamBudget, lane: &Lane, now: Instant) {
    if budget.remaining == 0 {
        lane.pause(now + spread(budget.reset));
        return;
    }
    let reset_in = budget.reset.min(LONGEST_PAUSE);
    let is_low = budget.limit.is_some_and(|limit| budget.remaining < limit / SPREAD_BELOW_ONE_IN);
    if is_low {
        let remaining = u32::try_from(budget.remaining).unwrap_or(u32::MAX);
        lane.pace(reset_in / remaining, now + reset_in);
    }
}
