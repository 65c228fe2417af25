//! A request's record as JSON, for whoever draws it: the console's page and scripts.
//!
//! ```text
//! {"request_id": "r-1", "action": "profile", "caller": null, "trace_id": null,
//!  "started_at_ms": 1764067000000, "status": 200, "complete": true, "latency_ms": 41.3,
//!  "deadline_ms": 3000.0, "reply_bytes": 1000,
//!  "sources": [{"source": "crm", "tenant": null, "outcome": "ok", "status": 200, "error": null, "upstream_said": null, "attempts": 1,
//!    "latency_ms": 41.2,
//!    "spans": [{"kind": "attempt", "start_ms": 0.2, "end_ms": 41.2, "number": 1, "resend": 0,
//!               "status": 200, "failure": null, "probe": false, "breaker": null}]}],
//!  "explanation": ["crm took longest: 41.2 ms of 41.3 ms."]}
//! ```
//!
//! `started_at_ms` counts from the epoch (Unix), all other times from the request's arrival, in
//! milliseconds with three digits. Spans are in the order in which they began. Other kinds of
//! spans have no more than their times.

use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::model::id::Id;
use crate::model::record::explanation;
use crate::model::record::request_record::{RequestRecord, SourceRecord};
use crate::model::record::span::{BreakerChange, Span};

/// The record as JSON.
pub fn of(record: &RequestRecord) -> Value {
    let since_epoch = record.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let after = |at: Instant| millis(at.saturating_duration_since(record.started));
    let told = explanation::tell(record);
    json!({
        "request_id": record.request_id,
        "action": record.action.as_ref().map(Id::as_str),
        "caller": record.caller,
        "trace_id": record.trace.as_ref().map(|trace| format!("{:032x}", trace.trace_id)),
        "started_at_ms": u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        "status": record.status,
        "complete": record.complete,
        "latency_ms": millis(record.latency),
        "deadline_ms": record.deadline.map(after),
        "reply_bytes": record.reply_bytes,
        "sources": record.sources.iter().map(|source| of_source(source, &after)).collect::<Vec<_>>(),
        "explanation": told,
        // Its earlier name, until the next minor version.
        "story": told,
    })
}

fn of_source(source: &SourceRecord, after: &dyn Fn(Instant) -> f64) -> Value {
    let mut spans: Vec<&Span> = source.spans.iter().collect();
    spans.sort_by_key(|span| span.start);
    json!({
        "source": source.source.as_str(),
        "tenant": source.target.tenant.as_ref().map(Id::as_str),
        "outcome": source.outcome.as_str(),
        "status": source.status,
        "error": source.error,
        "upstream_said": source.said,
        "attempts": source.attempts,
        "latency_ms": millis(source.latency),
        "spans": spans.into_iter().map(|span| of_span(span, after)).collect::<Vec<_>>(),
    })
}

fn of_span(span: &Span, after: &dyn Fn(Instant) -> f64) -> Value {
    let (start, end) = (after(span.start), after(span.end));
    let kind = span.kind.facts().label;
    let Some(attempt) = span.kind.attempt() else {
        return json!({"kind": kind, "start_ms": start, "end_ms": end});
    };
    json!({
        "kind": kind,
        "start_ms": start,
        "end_ms": end,
        "number": attempt.number,
        "resend": attempt.resend,
        "status": attempt.status,
        "failure": attempt.failure.map(|failure| failure.facts().label),
        "probe": attempt.is_probe,
        "breaker": attempt.breaker.map(BreakerChange::as_str),
    })
}

/// Milliseconds with three digits behind the point.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::FailureKind;
    use crate::model::record::span::{Attempt, SpanKind};
    use crate::model::reply::outcome::Outcome;
    use crate::model::time::test_clock::{ms, start};

    #[test]
    fn times_count_from_the_arrival_and_spans_are_in_order() {
        let arrival = start();
        let span = |kind, from, to| Span { kind, start: arrival + ms(from), end: arrival + ms(to) };
        let failed = Attempt::sample(1, 0, Some(503), Some(FailureKind::Unavailable));
        let failed = Attempt { breaker: Some(BreakerChange::Opened), ..failed };
        let spans = vec![span(SpanKind::Attempt(failed), 2, 40), span(SpanKind::Connect, 1, 2)];
        let mut source = SourceRecord::sample("crm", Outcome::UpstreamError, 41, spans);
        source.error = Some("the upstream answered 503".into());
        let record = RequestRecord::sample(arrival, 3000, 42, vec![source]);
        let expected = json!({
            "request_id": "r-1", "action": "profile", "caller": null, "trace_id": null,
            "started_at_ms": 0, "status": 200, "complete": false, "latency_ms": 42.0,
            "deadline_ms": 3000.0, "reply_bytes": 1000,
            "sources": [{
                "source": "crm", "tenant": null, "outcome": "upstream_error", "status": 502,
                "error": "the upstream answered 503", "upstream_said": null, "attempts": 1, "latency_ms": 41.0,
                "spans": [
                    {"kind": "connect", "start_ms": 1.0, "end_ms": 2.0},
                    {"kind": "attempt", "start_ms": 2.0, "end_ms": 40.0, "number": 1, "resend": 0,
                     "status": 503, "failure": "upstream_error", "probe": false,
                     "breaker": "opened"},
                ],
            }],
            "explanation": [
                "crm took longest: 41.0 ms of 42.0 ms.",
                "crm: attempt 1 failed (503); its breaker opened, so it is left alone for a while; \
                 given up: the upstream answered 503; the reply has its fallback instead.",
            ],
        });
        let mut found = of(&record);
        let earlier = found.as_object_mut().and_then(|found| found.remove("story"));
        assert_eq!(earlier.as_ref(), Some(&found["explanation"]));
        assert_eq!(found, expected);
    }
}
