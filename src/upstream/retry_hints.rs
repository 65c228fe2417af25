//! What an upstream's reply headers say about when to come back.

use std::time::{Duration, Instant, SystemTime};

use awc::http::header::{HeaderMap, HeaderValue, RETRY_AFTER};

use super::clock;
use super::limiter::Lane;
use super::origin::Reply;
use crate::domain::jitter;
use crate::domain::rate_limit_headers::{self, UpstreamBudget};

/// An upstream that asks for a longer pause is asked again after this long all the same.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// With less than this part of its budget left, the rest is spread over the time until the reset.
const SPREAD_BELOW: u64 = 5;

/// Holds the lane back as far as the reply's headers ask for it: everybody's calls, not only
/// those of the request that happened to hear it.
pub(super) fn obey(reply: &Reply, lane: &Lane) {
    let now = clock::now();
    if matches!(reply.status, 429 | 503)
        && let Some(wait) = retry_after(&reply.headers)
    {
        let spread = jitter::share(wait / 10, fastrand::f64());
        lane.pause(now + (wait + spread).min(LONGEST_PAUSE));
    }
    let lookup = |name: &str| reply.headers.get(name).map(HeaderValue::as_bytes);
    if let Some(budget) = rate_limit_headers::read(&lookup, SystemTime::now()) {
        save(&budget, lane, now);
    }
}

/// Spends what is left of an upstream's budget so that it lasts until the reset.
fn save(budget: &UpstreamBudget, lane: &Lane, now: Instant) {
    let reset = now + budget.reset.min(LONGEST_PAUSE);
    if budget.remaining == 0 {
        lane.pause(reset);
        return;
    }
    let is_low = budget.limit.is_some_and(|limit| budget.remaining < limit / SPREAD_BELOW);
    if is_low {
        let remaining = u32::try_from(budget.remaining).unwrap_or(u32::MAX);
        lane.pace(budget.reset.min(LONGEST_PAUSE) / remaining, reset);
    }
}

/// The first valid `Retry-After`, seconds or a date.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(RETRY_AFTER).map(HeaderValue::as_bytes);
    crate::domain::retry_after::first_valid(values, SystemTime::now())
}
