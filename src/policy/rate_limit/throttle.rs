//! Slows down as the upstream asks for it, by `Retry-After` and by what it says of its own limit.

use std::time::{Duration, Instant};

use super::bucket::Bucket;
use super::hold::Hold;
use crate::clock;
use crate::config::form::Word;
use crate::config::key::{AnyKey, Key};
use crate::config::number_form::Time;
use crate::config::plan_lines::PlanLines;
use crate::config::table::Table;
use crate::config::units::show_duration;
use crate::http::hints::ResponseHints;
use crate::model::header::rate_limit_headers::UpstreamBudget;
use crate::model::header::retry_after::LONGEST_WAIT;
use crate::model::time::jitter;

/// With less than one in so many of its budget left, the rest is spread over the time until the
/// reset.
const SPREAD_BELOW_ONE_IN: u64 = 5;
const RETRY_AFTER: &str = "retry-after";

/// What becomes of that which an upstream says of its rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleSpec {
    /// Whether it is heeded at all, beyond `Retry-After`.
    pub rate_limit_headers: Heeded,
    /// The longest pause that follows from it.
    pub max_pause: Duration,
}

/// Whether what an upstream says of its rate limit is heeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heeded {
    /// Where it says anything.
    Auto,
    /// It is not.
    Off,
}

/// Its keys in the source's table.
pub(crate) const KEYS: &[&dyn AnyKey] = &[&RATE_LIMIT_HEADERS, &MAX_PAUSE];

static RATE_LIMIT_HEADERS: Key<Word<Heeded>> = Key::new(
    "rate_limit_headers",
    Word(&[("auto", Heeded::Auto), ("off", Heeded::Off)]),
    "Whether calls are held back by what the upstream says of its rate limit, such as `X-RateLimit-Remaining: 0`; `Retry-After` counts in any case.",
)
.default(Heeded::Auto);

static MAX_PAUSE: Key<Time> = Key::new(
    "max_pause",
    Time(Duration::from_millis(1), LONGEST_WAIT),
    "The longest pause that follows from such headers alone; at half of it one call tries whether it is over.",
)
.default(Duration::from_mins(1));

impl ThrottleSpec {
    /// Reads its keys in a source's table; what is wrong is in the report.
    pub(crate) fn read(source: &Table) -> Self {
        Self {
            rate_limit_headers: source.value(&RATE_LIMIT_HEADERS),
            max_pause: source.value(&MAX_PAUSE),
        }
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self, lines: &mut PlanLines) {
        let text = match self.rate_limit_headers {
            Heeded::Off => "of the upstream are not heeded, but for Retry-After".to_owned(),
            Heeded::Auto => format!("make pauses of up to {}", show_duration(self.max_pause)),
        };
        lines.add("limit headers", text);
    }
}

/// Holds the bucket back as far as a reply with this status asks for it: everybody's calls, not only
/// those of the request that happened to hear it.
pub(super) fn heard(
    hints: &ResponseHints,
    status: u16,
    bucket: &Bucket,
    spec: ThrottleSpec,
    max_retry_after: Duration,
) {
    let now = clock::now();
    if matches!(status, 429 | 503)
        && let Some(wait) = hints.retry_after
    {
        let until = now + spread(wait, max_retry_after);
        bucket.heed(|hold| hold.pause(until, RETRY_AFTER));
        // The wait that is asked for, not guessed: a reset may be that of a whole window, of which
        // a limiter by leaky bucket (GCRA) lets calls through long before its end.
        return;
    }
    let budget = hints.budget.filter(|_| spec.rate_limit_headers == Heeded::Auto);
    match budget {
        Some(budget) => bucket.heed(|hold| spread_out(&budget, hold, now, spec.max_pause)),
        None if (200..=299).contains(&status) => bucket.heed(Hold::probe_succeeded),
        None => {}
    }
}

/// A pause of at least `wait`, up to a tenth longer, so that not everybody who was told the same
/// comes back in the same moment; at most `longest`.
fn spread(wait: Duration, longest: Duration) -> Duration {
    wait.saturating_add(jitter::share(wait / 10, fastrand::f64())).min(longest)
}

/// Spends what is left of an upstream's budget so that it lasts until the reset.
fn spread_out(budget: &UpstreamBudget, hold: &mut Hold, now: Instant, longest: Duration) {
    if budget.remaining == 0 {
        hold.pause_by_budget(now, now + spread(budget.reset, longest), budget.header);
        return;
    }
    hold.probe_succeeded();
    let reset_in = budget.reset.min(longest);
    let is_low = budget.limit.is_some_and(|limit| budget.remaining < limit / SPREAD_BELOW_ONE_IN);
    if is_low {
        let remaining = u32::try_from(budget.remaining).unwrap_or(u32::MAX);
        hold.pace(now, reset_in / remaining, now + reset_in, budget.header);
    }
}
