//! `breaker` of a source: when its circuit opens, and for how long.

use std::time::Duration;

use crate::config::key::Key;
use crate::config::number_form::{Count, Ratio, Time};
use crate::config::section::Section;
use crate::config::table::Table;
use crate::policy::breaker::breaker_spec::BreakerSpec;

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);

/// `[sources.NAME.breaker]`.
pub(super) static BREAKER: Section = Section::new(
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

/// Reads the table out of a source's; what is wrong is in the report.
pub(super) fn read(source: &Table) -> BreakerSpec {
    let table = source.section_or_empty(&BREAKER);
    let open_for = table.value(&OPEN_FOR);
    let longest = open_for.max(Duration::from_mins(1));
    let spec = BreakerSpec {
        window: table.value(&WINDOW),
        min_requests: table.value(&MIN_REQUESTS),
        failure_ratio: table.value(&FAILURE_RATIO),
        open_for,
        max_open_for: table.value_or(&MAX_OPEN_FOR, longest),
        probes: table.value(&PROBES),
    };
    if let Err(error) = spec.check() {
        table.refuse_table("numbers that do not fit", &error.to_string());
    }
    table.finish();
    spec
}
