//! The rate limit of one source as it was configured.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::form::Text;
use crate::config::key::Key;
use crate::config::number_form::{Count, Time};
use crate::config::plan_lines::PlanLines;
use crate::config::section::Section;
use crate::config::shown::Shown;
use crate::config::table::Table;
use crate::config::units::show_duration;
use crate::model::inputs::Place;
use crate::model::template::TextTemplate;
use crate::policy::request_spec::Placed;

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);

/// How many requests may be sent to a source in a time.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimitSpec {
    /// Never more than this many requests …
    pub requests: NonZeroU32,
    /// … in any time of this length, unless `burst` is larger.
    pub per: Duration,
    /// So many at the same instant after a rest, and then one each `per / requests`: the size of
    /// a token bucket. A larger one than `requests` is kept by itself.
    pub burst: NonZeroU32,
    /// What is limited apart, for example an API key; absent: the source as a whole.
    pub key: Option<TextTemplate>,
    /// The longest wait for a permit.
    pub max_wait: Duration,
}

/// `[sources.NAME.rate_limit]`.
pub(crate) static RATE_LIMIT: Section = Section::new(
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

impl RateLimitSpec {
    /// Reads the table out of a source's; absent or wrong: none.
    pub(crate) fn read(source: &Table) -> Option<Self> {
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
        Some(Self {
            requests: NonZeroU32::new(requests?)?,
            per,
            burst: NonZeroU32::new(burst?)?,
            key,
            max_wait,
        })
    }

    /// The placeholders of its templates.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = Placed<'_>> {
        let of_key = self.key.iter().flat_map(TextTemplate::placeholders);
        of_key.map(|placeholder| Placed {
            key: "rate_limit.key".to_owned(),
            place: Place::Other,
            placeholder,
        })
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(spec: Option<&Self>, lines: &mut PlanLines) {
        let Some(limit) = spec else { return lines.add("rate_limit", "none") };
        let apart = if limit.key.is_some() { " for each key" } else { "" };
        let text = format!(
            "{} requests in {}{apart}, {} at once, waits up to {}",
            limit.requests,
            show_duration(limit.per),
            limit.burst,
            show_duration(limit.max_wait),
        );
        lines.add("rate_limit", text);
    }
}

fn key(table: &Table) -> Option<TextTemplate> {
    let key = TextTemplate::try_new(&table.optional(&KEY)?);
    if let Err(error) = &key {
        table.refuse(&KEY, &format!("a template such as \"{{externalApiKey}}\" ({error})"));
    }
    key.ok()
}
