//! When a source is given a rest, as it was configured.

use std::time::Duration;

use crate::config::key::Key;
use crate::config::number_form::{Count, Ratio, Time};
use crate::config::plan_lines::PlanLines;
use crate::config::section::Section;
use crate::config::table::Table;
use crate::config::units::show_duration;

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);

/// When a circuit opens, for how long, and what closes it again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSpec {
    /// The time over which results are counted.
    pub window: Duration,
    /// With fewer results than this in the window it never opens.
    pub min_requests: u32,
    /// The part of the results in the window that must be failures to open it: above 0, at most 1.
    pub failure_ratio: f64,
    /// How long it is open the first time. Each re-opening doubles it, ±10 % of jitter.
    pub open_for: Duration,
    /// The longest it is open, before jitter.
    pub max_open_for: Duration,
    /// How many probes may be under way at a time, and how many in a row must succeed to close it.
    pub probes: u32,
}

/// `[sources.NAME.breaker]`.
pub(crate) static BREAKER: Section = Section::new(
    "breaker",
    "When the source is given a rest: it is then not asked at all.",
    &[&WINDOW, &MIN_REQUESTS, &FAILURE_RATIO, &OPEN_FOR, &MAX_OPEN_FOR, &PROBES],
);

static WINDOW: Key<Time> =
    Key::new("window", Time(Duration::from_millis(10), HOUR), "The time over which results count.")
        .default(Duration::from_secs(10));

static MIN_REQUESTS: Key<Count> = Key::new(
    "min_requests",
    Count(1, 1_000_000),
    "With fewer results than this in the window it never opens.",
)
.default(20);

static FAILURE_RATIO: Key<Ratio> = Key::new(
    "failure_ratio",
    Ratio(0.0, 1.0),
    "The part of the results that must be failures to open it; more than 0.",
)
.default(0.5);

static OPEN_FOR: Key<Time> = Key::new(
    "open_for",
    Time(MILLISECOND, HOUR),
    "How long it is open the first time; each time that it opens anew doubles that.",
)
.default(Duration::from_secs(5));

static MAX_OPEN_FOR: Key<Time> =
    Key::new("max_open_for", Time(MILLISECOND, HOUR), "The longest time that it is open.")
        .derived("60s, or `open_for` if that is more");

static PROBES: Key<Count> = Key::new(
    "probes",
    Count(1, 100),
    "How many calls may try at a time whether the source is well again, and how many in a row must succeed.",
)
.default(1);

impl BreakerSpec {
    /// Reads the table out of a source's; what is wrong is in the report.
    pub(crate) fn read(source: &Table) -> Self {
        let table = source.section_or_empty(&BREAKER);
        let open_for = table.value(&OPEN_FOR);
        let longest = open_for.max(Duration::from_mins(1));
        let spec = Self {
            window: table.value(&WINDOW),
            min_requests: table.value(&MIN_REQUESTS),
            failure_ratio: table.value(&FAILURE_RATIO),
            open_for,
            max_open_for: table.value_or(&MAX_OPEN_FOR, longest),
            probes: table.value(&PROBES),
        };
        if spec.failure_ratio <= 0.0 {
            table.refuse(&FAILURE_RATIO, "a number above 0, at most 1");
        }
        if spec.max_open_for < open_for {
            let allowed = format!("at least `open_for`, which is {}", show_duration(open_for));
            table.refuse(&MAX_OPEN_FOR, &allowed);
        }
        table.finish();
        spec
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self, lines: &mut PlanLines) {
        let text = format!(
            "opens for {} to {} when {} of at least {} requests in {} fail",
            show_duration(self.open_for),
            show_duration(self.max_open_for),
            self.failure_ratio,
            self.min_requests,
            show_duration(self.window),
        );
        lines.add("breaker", text);
    }
}
