//! `rate_limit` of a source: how many requests may be sent in a time.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::form::Text;
use crate::config::key::Key;
use crate::config::number_form::{Count, Time};
use crate::config::section::Section;
use crate::config::shown::Shown;
use crate::config::table::Table;
use crate::model::template::TextTemplate;
use crate::policy::rate_limit::rate_limit_spec::RateLimitSpec;

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);

/// `[sources.NAME.rate_limit]`.
pub(super) static RATE_LIMIT: Section = Section::new(
    "rate_limit",
    "Never more than `requests` in any `per`, `burst` of them at the same instant; without the \
     table: as many as there are.",
    &[&REQUESTS, &PER, &BURST, &KEY, &MAX_WAIT],
);

static REQUESTS: Key<Count> = Key::new(
    "requests",
    Count(1, 1_000_000),
    "Never more than this many requests in any `per`, unless `burst` is larger.",
)
.required("how many requests may be sent `per` time, from 1");

static PER: Key<Time> =
    Key::new("per", Time(MILLISECOND, HOUR), "The time in which `requests` may be sent.")
        .default(Duration::from_secs(1));

static BURST: Key<Count> =
    Key::new("burst", Count(1, 1_000_000), "So many at the same instant after a rest.")
        .derived("that of `requests`");

static KEY: Key<Text> = Key::new(
    "key",
    Text,
    "What is limited apart, as a template such as \"{externalApiKey}\"; absent: the source as a whole.",
)
.shown(Shown::Hidden);

static MAX_WAIT: Key<Time> =
    Key::new("max_wait", Time(Duration::ZERO, HOUR), "The longest wait for a permit.")
        .default(Duration::from_millis(500));

/// Reads the table out of a source's; absent or wrong: none.
pub(super) fn read(source: &Table) -> Option<RateLimitSpec> {
    let table = source.section(&RATE_LIMIT)?;
    let requests = table.required(&REQUESTS);
    let burst = table.optional(&BURST).or(requests);
    if let (Some(burst), Some(requests)) = (burst, requests)
        && burst > requests
    {
        let text = format!(
            "after a rest, {burst} requests may go at once, and {} within one `per`; write at most \
             {requests}, and there are never more than {requests}",
            u64::from(burst) + u64::from(requests)
        );
        table.warn(&BURST, &text);
    }
    let per = table.value(&PER);
    let max_wait = table.value(&MAX_WAIT);
    let key = key(&table);
    table.finish();
    Some(RateLimitSpec {
        requests: NonZeroU32::new(requests?)?,
        per,
        burst: NonZeroU32::new(burst?)?,
        key,
        max_wait,
    })
}

fn key(table: &Table) -> Option<TextTemplate> {
    let key = TextTemplate::try_new(&table.optional(&KEY)?);
    if let Err(error) = &key {
        table.refuse(&KEY, &format!("a template such as \"{{externalApiKey}}\" ({error})"));
    }
    key.ok()
}
