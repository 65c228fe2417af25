//! Says in words what a request's waterfall shows: which source took longest, what went wrong, and
//! what was done about it.

use std::time::Duration;

use crate::model::failure::{Again, FailureKind};
use crate::model::id::InputName;
use crate::model::record::request_record::{CALLER_GONE, RequestRecord, SourceRecord};
use crate::model::record::span::{Attempt, BreakerChange, Span, SpanKind};
use crate::model::reply::outcome::Quality;

/// A wait shorter than this is not worth a word.
const SHORT: Duration = Duration::from_millis(1);
/// A source that ends within this time of the deadline was stopped by it.
const AT_DEADLINE: Duration = Duration::from_millis(25);

/// One line for the slowest source, one for each source that did not simply answer, and one for the
/// fields that do not have what came for them.
pub fn tell(record: &RequestRecord) -> Vec<String> {
    // One that was not asked has only waited for the others.
    let asked = record.sources.iter().filter(|source| source.attempts > 0);
    let slowest = asked.max_by_key(|source| source.latency);
    let slowest = slowest.map(|source| {
        let (took, whole) = (millis(source.latency), millis(record.latency));
        format!("{} took longest: {took} of {whole}.", source.source)
    });
    let sources = record.sources.iter().filter_map(|source| of_source(source, record));
    slowest.into_iter().chain(sources).chain(defaults(record)).collect()
}

/// The fields that do not have what came for them, and why.
fn defaults(record: &RequestRecord) -> Vec<String> {
    let why = [
        (&record.wrong_types, "a value of another type came"),
        (&record.left_out, "left out, or the reply would be larger than max_reply or too late"),
    ];
    let some = why.into_iter().filter(|(fields, _)| !fields.is_empty());
    some.map(|(fields, why)| {
        let names: Vec<&str> = fields.iter().map(InputName::as_str).collect();
        format!("{}: {why}; the reply has the default instead.", names.join(", "))
    })
    .collect()
}

fn of_source(source: &SourceRecord, record: &RequestRecord) -> Option<String> {
    let mut spans = source.spans.clone();
    spans.sort_by_key(|span| span.start);
    let mut parts: Vec<String> = waits(&spans).into_iter().collect();
    parts.extend(attempts(&spans));
    parts.extend(end(source, record));
    (!parts.is_empty()).then(|| format!("{}: {}.", source.source, parts.join("; ")))
}

fn waits(spans: &[Span]) -> Option<String> {
    let waits = spans.iter().filter(|span| span.kind == SpanKind::RateLimit);
    let waited: Duration = waits.map(Span::length).sum();
    (waited >= SHORT).then(|| format!("waited {} for its rate limit", millis(waited)))
}

/// What was done about each attempt that failed.
fn attempts(spans: &[Span]) -> Vec<String> {
    let attempts: Vec<(&Span, Attempt)> =
        spans.iter().filter_map(|span| Some((span, span.attempt()?))).collect();
    let mut told = Vec::new();
    for (at, (span, attempt)) in attempts.iter().enumerate() {
        if let Some(failure) = attempt.failure {
            let next = attempts.get(at + 1).filter(|(_, next)| next.resend > 0);
            let next = next.map(|(next, _)| next.start.saturating_duration_since(span.end));
            told.push(format!(
                "attempt {} failed ({}){}",
                attempt.number,
                why(*attempt, failure),
                next.map_or_else(String::new, |wait| resent(failure, wait))
            ));
        } else if attempt.resend > 0 {
            told.push(format!("attempt {} had an answer", attempt.number));
        }
        match attempt.breaker {
            Some(BreakerChange::Opened) => {
                told.push("its breaker opened, so it is left alone for a while".to_owned());
            }
            Some(BreakerChange::Closed) => told.push("its breaker closed again".to_owned()),
            None => {}
        }
    }
    told
}

fn why(attempt: Attempt, failure: FailureKind) -> String {
    failure.facts().words.replace("{}", &came(attempt))
}

fn resent(failure: FailureKind, wait: Duration) -> String {
    if failure.facts().again == Again::WithNewToken {
        ", sent again with a new token".to_owned()
    } else {
        format!(", sent again after {}", millis(wait))
    }
}

/// How it ended, where that was not an answer.
fn end(source: &SourceRecord, record: &RequestRecord) -> Vec<String> {
    let why = source.error.as_deref().unwrap_or(source.outcome.as_str());
    let ended = record.started + source.latency;
    let at_deadline = record.deadline.is_some_and(|deadline| ended + AT_DEADLINE >= deadline);
    let given_up = match (source.attempts, at_deadline) {
        (0, _) => "not asked",
        (_, true) => "given up at the deadline",
        (_, false) => "given up",
    };
    match source.outcome.quality() {
        Quality::Good => Vec::new(),
        Quality::Partly => vec![format!("the reply has the pages that came: {why}")],
        Quality::Bad => {
            let mut told = vec![format!("{given_up}: {why}")];
            told.extend(source.said.as_ref().map(|said| format!("the upstream says {said:?}")));
            if record.status != CALLER_GONE {
                let instead = if source.has_data { "its fallback" } else { "null" };
                told.push(format!("the reply has {instead} instead"));
            }
            told
        }
    }
}

/// What came of an attempt: the upstream's status, if there is one.
pub fn came(attempt: Attempt) -> String {
    attempt.status.map_or_else(|| "no reply".to_owned(), |status| status.to_string())
}

/// Milliseconds for people, with a digit behind the point where it matters.
pub fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    let digits = usize::from(millis < 99.95);
    format!("{millis:.digits$} ms")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reply::outcome::Outcome;
    use crate::model::time::test_clock::{ms, start};

    fn span(kind: SpanKind, from: u64, to: u64) -> Span {
        Span { kind, start: start() + ms(from), end: start() + ms(to) }
    }

    fn attempt(number: u32, resend: u32, status: u16, failure: Option<FailureKind>) -> SpanKind {
        SpanKind::Attempt(Attempt::sample(number, resend, Some(status), failure))
    }

    fn told(outcome: Outcome, latency: u64, error: &'static str, spans: Vec<Span>) -> String {
        let mut source = SourceRecord::sample("orders", outcome, latency, spans);
        source.error = (!error.is_empty()).then_some(error.into());
        let slowest = if source.attempts > 0 { "orders" } else { "crm" };
        let quick = span(attempt(1, 0, 200, None), 0, 5);
        let quick = SourceRecord::sample("crm", Outcome::Ok, 5, vec![quick]);
        let lines = tell(&RequestRecord::sample(start(), 3000, latency, vec![quick, source]));
        assert!(lines[0].starts_with(&format!("{slowest} took longest: ")), "{lines:?}");
        lines[1..].join("\n")
    }

    #[test]
    fn retries_are_told_in_order_with_their_waits_and_their_end() {
        let failed = Some(FailureKind::Unavailable);
        let spans = vec![
            span(attempt(1, 0, 503, failed), 0, 40),
            span(SpanKind::Backoff, 40, 240),
            span(attempt(2, 1, 503, failed), 240, 280),
        ];
        let expected = "orders: attempt 1 failed (503), sent again after 200 ms; \
                        attempt 2 failed (503); given up: the upstream answered 503; \
                        the reply has its fallback instead.";
        let answer = told(Outcome::UpstreamError, 280, "the upstream answered 503", spans.clone());
        assert_eq!(answer, expected);
        let mut good = spans;
        good[2] = span(attempt(2, 1, 200, None), 240, 280);
        let expected = "orders: attempt 1 failed (503), sent again after 200 ms; \
                        attempt 2 had an answer.";
        assert_eq!(told(Outcome::Ok, 280, "", good), expected);
    }

    #[test]
    fn a_reply_has_a_fallback_only_where_there_is_one() {
        let mut source = SourceRecord::sample("orders", Outcome::CircuitOpen, 5, Vec::new());
        source.has_data = false;
        let lines = tell(&RequestRecord::sample(start(), 3000, 5, vec![source]));
        let [only] = lines.as_slice() else { panic!("nobody was asked: {lines:?}") };
        assert!(only.ends_with("; the reply has null instead."), "{only}");
    }

    #[test]
    fn fields_that_do_not_have_what_came_are_told_last() {
        let source = SourceRecord::sample("crm", Outcome::Ok, 5, Vec::new());
        let mut record = RequestRecord::sample(start(), 3000, 6, vec![source]);
        let name = |name: &str| InputName::try_new(name).expect("a name");
        record.wrong_types = vec![name("tier")];
        record.left_out = vec![name("ids"), name("states")];
        let expected = [
            "tier: a value of another type came; the reply has the default instead.",
            "ids, states: left out, or the reply would be larger than max_reply or too \
             late; the reply has the default instead.",
        ];
        assert_eq!(tell(&record), expected);
    }

    #[test]
    fn what_the_deadline_stopped_and_what_was_never_asked_are_told_apart() {
        let timeout = SpanKind::Attempt(Attempt::sample(1, 0, None, Some(FailureKind::Timeout)));
        let stopped =
            told(Outcome::Timeout, 2999, "no reply within 2999 ms", vec![span(timeout, 0, 2999)]);
        assert!(stopped.contains("(no reply); given up at the deadline: no reply within"));
        let open = told(Outcome::CircuitOpen, 6, "the source failed too often", Vec::new());
        assert!(open.starts_with("orders: not asked: the source failed too often;"), "{open}");
    }

    #[test]
    fn pages_and_waits_are_told_only_where_there_is_something_to_tell() {
        let pages =
            vec![span(attempt(1, 0, 200, None), 0, 40), span(attempt(2, 0, 200, None), 40, 80)];
        assert_eq!(told(Outcome::Ok, 80, "", pages), "");
        let waited = vec![span(SpanKind::RateLimit, 0, 400)];
        assert_eq!(told(Outcome::Ok, 440, "", waited), "orders: waited 400 ms for its rate limit.");
    }
}
