//! How often a failed attempt is repeated, and what all repeats may cost, as it was configured.

use std::time::Duration;

use crate::config::form::Flag;
use crate::config::key::{AnyKey, Key};
use crate::config::number_form::{Count, Ratio, Time};
use crate::config::plan_lines::PlanLines;
use crate::config::section::Section;
use crate::config::table::Table;
use crate::model::method::Method;
use crate::policy::retry::backoff::Backoff;
use crate::policy::retry::budget::RetryBudget;
use crate::policy::retry::decision::RetryPolicy;

/// The time over which the retry budget counts.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
/// The longest pause, unless `base` is longer.
const CAP: Duration = Duration::from_secs(5);

/// How failed attempts of a source are repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrySpec {
    /// When a failed attempt is repeated.
    pub policy: RetryPolicy,
    /// How many repeats all requests together may cause; unspent, to be cloned into the source's
    /// state.
    pub budget: RetryBudget,
    /// Whether the request may be sent again after it may have been processed.
    pub repeatable: bool,
}

/// Its keys in the source's table.
pub(crate) const KEYS: &[&dyn AnyKey] = &[&IDEMPOTENT];

static IDEMPOTENT: Key<Flag> = Key::new(
    "idempotent",
    Flag,
    "Whether the request may be sent again after it may have been processed, as a query by POST may.",
)
.derived("true for GET, PUT and DELETE, else false");

/// `[sources.NAME.retry]`.
pub(crate) static RETRY: Section = Section::new(
    "retry",
    "How often a failed attempt is repeated. The attempt with a new token after a 401 is one more.",
    &[&MAX_ATTEMPTS, &BASE, &CAP_KEY, &BUDGET_RATIO, &BUDGET_MIN_PER_SECOND],
);

static MAX_ATTEMPTS: Key<Count> =
    Key::new("max_attempts", Count(1, 20), "Attempts of one request, the first one included.")
        .default(3);

static BASE: Key<Time> = Key::new(
    "base",
    Time(MILLISECOND, HOUR),
    "The longest pause before the second attempt, of which half is random; it doubles with each further one.",
)
.default(Duration::from_millis(200));

static CAP_KEY: Key<Time> =
    Key::new("cap", Time(MILLISECOND, HOUR), "The longest pause before any attempt.")
        .derived("5s, or `base` if that is more");

static BUDGET_RATIO: Key<Ratio> = Key::new(
    "budget_ratio",
    Ratio(0.0, 1.0),
    "Repeats of all requests together, as a part of the requests of the last 10 s.",
)
.default(0.2);

static BUDGET_MIN_PER_SECOND: Key<Count> = Key::new(
    "budget_min_per_second",
    Count(0, 1000),
    "So many repeats a second may be made however few requests there are.",
)
.default(3);

impl RetrySpec {
    /// Reads the table out of a source's, whose request has this method; what is wrong is in the
    /// report.
    pub(crate) fn read(source: &Table, method: Method) -> Option<Self> {
        let repeatable = source.value_or(&IDEMPOTENT, method.is_idempotent());
        let table = source.section_or_empty(&RETRY);
        let attempts = table.value(&MAX_ATTEMPTS);
        let base = table.value(&BASE);
        let cap = table.value_or(&CAP_KEY, base.max(CAP));
        let ratio = table.value(&BUDGET_RATIO);
        let floor = table.value(&BUDGET_MIN_PER_SECOND);
        let backoff = Backoff::try_new(base, cap);
        if let Err(error) = &backoff {
            table.refuse(&CAP_KEY, &error.to_string());
        }
        let policy = RetryPolicy::try_new(attempts, backoff.ok()?);
        if let Err(error) = &policy {
            table.refuse(&MAX_ATTEMPTS, &error.to_string());
        }
        let budget = RetryBudget::try_new(ratio, floor, BUDGET_WINDOW);
        if let Err(error) = &budget {
            table.refuse(&BUDGET_RATIO, &error.to_string());
        }
        table.finish();
        Some(Self { policy: policy.ok()?, budget: budget.ok()?, repeatable })
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self, lines: &mut PlanLines) {
        lines.add("retry", format!("up to {} attempts", self.policy.max_attempts()));
        if !self.repeatable {
            lines.join("retry", "only if nothing was sent (not idempotent)");
        }
    }
}
