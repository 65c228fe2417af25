//! Slows down as the upstream asks for it, by `Retry-After` and by what it says of its own limit.

use std::time::{Duration, Instant};

use super::bucket::Bucket;
use crate::clock;
use crate::http::hints::ResponseHints;
use crate::model::header::rate_limit_headers::UpstreamBudget;
use crate::model::time::jitter;

/// With less than one in so many of its budget left, the rest is spread over the time until the
/// reset.
const SPREAD_BELOW_ONE_IN: u64 = 5;

/// Holds the bucket back as far as a reply with this status asks for it, for `longest` at most:
/// everybody's calls, not only those of the request that happened to hear it.
pub(super) fn heard(hints: &ResponseHints, status: u16, bucket: &Bucket, longest: Duration) {
    let now = clock::now();
    if matches!(status, 429 | 503)
        && let Some(wait) = hints.retry_after
    {
        bucket.hold_until(now + spread(wait, longest));
        // The wait that is asked for, not guessed: a reset may be that of a whole window, of which
        // a limiter by leaky bucket (GCRA) lets calls through long before its end.
        return;
    }
    if let Some(budget) = &hints.budget {
        spread_out(budget, bucket, now, longest);
    }
}

/// A pause of at least `wait`, up to a tenth longer, so that not everybody who was told the same
/// comes back in the same moment; at most `longest`.
fn spread(wait: Duration, longest: Duration) -> Duration {
    wait.saturating_add(jitter::share(wait / 10, fastrand::f64())).min(longest)
}

/// Spends what is left of an upstream's budget so that it lasts until the reset.
fn spread_out(budget: &UpstreamBudget, bucket: &Bucket, now: Instant, longest: Duration) {
    if budget.remaining == 0 {
        bucket.hold_until(now + spread(budget.reset, longest));
        return;
    }
    let reset_in = budget.reset.min(longest);
    let is_low = budget.limit.is_some_and(|limit| budget.remaining < limit / SPREAD_BELOW_ONE_IN);
    if is_low {
        let remaining = u32::try_from(budget.remaining).unwrap_or(u32::MAX);
        bucket.throttle_to(reset_in / remaining, now + reset_in);
    }
}
