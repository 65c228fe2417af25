//! What an upstream's reply headers say about when to come back, and where the next page is.

use std::time::{Duration, Instant, SystemTime};

use awc::http::header::{DATE, HeaderMap, HeaderValue, LINK, RETRY_AFTER};

use super::clock;
use super::limiter::Bucket;
use crate::domain::rate_limit_headers::{self, UpstreamBudget};
use crate::domain::{jitter, link_header, retry_after};

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
        let sent = sent_at(headers);
        let waits = headers.get_all(RETRY_AFTER).map(HeaderValue::as_bytes);
        let links = headers.get_all(LINK).map(HeaderValue::as_bytes);
        Self {
            retry_after: retry_after::first_valid(waits, sent),
            budget: budget(headers, sent),
            next_link: link_header::next_target(links),
        }
    }

    /// Holds the bucket back as far as the reply asks for it, for `longest` at most: everybody's
    /// calls, not only those of the request that happened to hear it.
    pub(super) fn obey(&self, status: u16, bucket: &Bucket, longest: Duration) {
        let now = clock::now();
        if matches!(status, 429 | 503)
            && let Some(wait) = self.retry_after
        {
            bucket.pause(now + spread(wait, longest));
        }
        if let Some(budget) = &self.budget {
            spread_out(budget, bucket, now, longest);
        }
    }
}

/// When the reply was sent: by the upstream's own clock (`Date`, RFC 9110 section 6.6.1), which other
/// dates in it are of as well, else by ours.
fn sent_at(headers: &HeaderMap) -> SystemTime {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    date.unwrap_or_else(SystemTime::now)
}

fn budget(headers: &HeaderMap, sent: SystemTime) -> Option<UpstreamBudget> {
    // Most replies have none, and looking for each of the many names costs an allocation.
    if !headers.keys().any(|name| name.as_str().contains("ratelimit")) {
        return None;
    }
    let lookup = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    rate_limit_headers::read(&lookup, sent)
}

/// A pause of at least `wait`, up to a tenth longer, so that not everybody who was told the same
/// comes back in the same moment; at most `longest`.
fn spread(wait: Duration, longest: Duration) -> Duration {
    wait.saturating_add(jitter::share(wait / 10, fastrand::f64())).min(longest)
}

/// Spends what is left of an upstream's budget so that it lasts until the reset.
fn spread_out(budget: &UpstreamBudget, bucket: &Bucket, now: Instant, longest: Duration) {
    if budget.remaining == 0 {
        bucket.pause(now + spread(budget.reset, longest));
        return;
    }
    let reset_in = budget.reset.min(longest);
    let is_low = budget.limit.is_some_and(|limit| budget.remaining < limit / SPREAD_BELOW_ONE_IN);
    if is_low {
        let remaining = u32::try_from(budget.remaining).unwrap_or(u32::MAX);
        bucket.pace(reset_in / remaining, now + reset_in);
    }
}
