//! One request's record as spans, by the semantic conventions of OpenTelemetry (HTTP spans 1.x):
//! one of the server's kind for the request, and below it one of the client's kind for each attempt
//! at an upstream, with the id that the upstream was told.
//!
//! What has no convention is called `tributary.…`. No input's value and no upstream's data is in it:
//! `url.full` has the template's placeholders where the values were.

use std::borrow::Cow;
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{
    Event, SpanContext, SpanId, SpanKind as Kind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::model::failure::FailureKind;
use crate::model::header::trace_context::TraceContext;
use crate::model::paths;
use crate::model::record::request_record::{CALLER_GONE, RequestRecord, SourceRecord};
use crate::model::record::span::{Attempt, BreakerChange, Span};

/// Makes spans of records.
#[derive(Debug)]
pub(super) struct Spans {
    scope: InstrumentationScope,
    /// How callers are spoken to: `http` or `https`.
    scheme: &'static str,
}

impl Spans {
    pub(super) fn new(scheme: &'static str) -> Self {
        let scope = InstrumentationScope::builder("tributary");
        Self { scope: scope.with_version(env!("CARGO_PKG_VERSION")).build(), scheme }
    }

    /// The request's span and those of its attempts.
    pub(super) fn of(&self, record: &RequestRecord, trace: &TraceContext) -> Vec<SpanData> {
        let mut spans = vec![self.of_request(record, trace)];
        for source in &record.sources {
            for span in &source.spans {
                if let Some(attempt) = span.attempt() {
                    spans.push(self.of_attempt(record, trace, source, *span, attempt));
                }
            }
        }
        spans
    }

    fn of_request(&self, record: &RequestRecord, trace: &TraceContext) -> SpanData {
        let mut attributes = vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("http.route", record.route),
            KeyValue::new("url.path", path(record)),
            KeyValue::new("url.scheme", self.scheme),
            KeyValue::new("tributary.request_id", record.request_id.clone()),
        ];
        attributes.push(status(record));
        let action = record.action.as_ref().map(ToString::to_string);
        attributes.extend(action.map(|action| KeyValue::new("tributary.action", action)));
        let complete = record.complete;
        attributes.extend(complete.map(|complete| KeyValue::new("tributary.complete", complete)));
        let is_error = record.status >= 500;
        if is_error {
            attributes.push(KeyValue::new("error.type", record.status.to_string()));
        } else if record.status == CALLER_GONE {
            attributes.push(KeyValue::new("error.type", "caller_gone"));
        }
        SpanData {
            parent_span_id: trace.parent_span_id.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: trace.parent_span_id.is_some(),
            span_kind: Kind::Server,
            name: Cow::Owned(format!("POST {}", record.route)),
            start_time: record.started_at,
            end_time: record.started_at + record.latency,
            attributes,
            events: events_of_request(record),
            status: if is_error { Status::error("") } else { Status::Unset },
            ..self.blank(trace, trace.span_id)
        }
    }

    fn of_attempt(
        &self,
        record: &RequestRecord,
        trace: &TraceContext,
        source: &SourceRecord,
        span: Span,
        attempt: Attempt,
    ) -> SpanData {
        let target = &source.target;
        let mut attributes = vec![
            KeyValue::new("http.request.method", target.method.as_str()),
            KeyValue::new("server.address", target.host.clone()),
            KeyValue::new("server.port", i64::from(target.port)),
            KeyValue::new("url.full", target.url.clone()),
            KeyValue::new("url.template", target.path.clone()),
            KeyValue::new("tributary.request_id", record.request_id.clone()),
            KeyValue::new("tributary.source", source.source.to_string()),
            KeyValue::new("tributary.attempt", i64::from(attempt.number)),
        ];
        let status = attempt.status.map(i64::from);
        attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", status)));
        if attempt.resend > 0 {
            let resend = i64::from(attempt.resend);
            attributes.push(KeyValue::new("http.request.resend_count", resend));
        }
        if attempt.is_probe {
            attributes.push(KeyValue::new("tributary.probe", true));
        }
        let tenant = target.tenant.as_ref().map(ToString::to_string);
        attributes.extend(tenant.map(|tenant| KeyValue::new("tributary.tenant", tenant)));
        if let Some(failure) = attempt.failure {
            attributes.push(KeyValue::new("error.type", error_type(attempt, failure)));
        }
        let end = wall_clock(record, span.end);
        SpanData {
            parent_span_id: SpanId::from(trace.span_id),
            span_kind: Kind::Client,
            name: Cow::Owned(format!("{} {}", target.method.as_str(), target.path)),
            start_time: wall_clock(record, span.start),
            end_time: end,
            attributes,
            events: events_of_attempt(attempt, end),
            status: if attempt.failure.is_some() { Status::error("") } else { Status::Unset },
            ..self.blank(trace, attempt.span_id)
        }
    }

    /// A span of the trace with nothing in it yet.
    fn blank(&self, trace: &TraceContext, span_id: u64) -> SpanData {
        // One that is not right was passed on as it came; a span goes without it.
        let state = trace.state.as_ref().and_then(|state| state.parse::<TraceState>().ok());
        SpanData {
            span_context: SpanContext::new(
                TraceId::from(trace.trace_id),
                SpanId::from(span_id),
                TraceFlags::SAMPLED,
                false,
                state.unwrap_or_default(),
            ),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: Kind::Internal,
            name: Cow::Borrowed(""),
            start_time: SystemTime::UNIX_EPOCH,
            end_time: SystemTime::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// The status that was sent; under a name of our own where that is another one, or none.
fn status(record: &RequestRecord) -> KeyValue {
    // The record of an event has the status within the envelope; the envelope's own is 200.
    let is_sent = record.status != CALLER_GONE && record.route != paths::EVENTS;
    let name = if is_sent { "http.response.status_code" } else { "tributary.status" };
    KeyValue::new(name, i64::from(record.status))
}

/// The path that the request was sent to; an action that there is not stays a placeholder.
fn path(record: &RequestRecord) -> String {
    match &record.action {
        Some(action) => record.route.replace("{action}", action.as_str()),
        None => record.route.to_owned(),
    }
}

/// The waits of all sources, and why a source has no answer.
fn events_of_request(record: &RequestRecord) -> SpanEvents {
    let mut events = SpanEvents::default();
    for source in &record.sources {
        let name = || KeyValue::new("tributary.source", source.source.to_string());
        for span in &source.spans {
            let Some(what) = span.kind.facts().event else { continue };
            let took = span.length().as_secs_f64() * 1e3;
            let attributes = vec![name(), KeyValue::new("tributary.wait_ms", took)];
            events.events.push(Event::new(what, wall_clock(record, span.start), attributes, 0));
        }
        if !source.outcome.is_definite() {
            let mut attributes = vec![name(), KeyValue::new("error.type", source.outcome.as_str())];
            let error = source.error.as_ref().map(ToString::to_string);
            attributes.extend(error.map(|error| KeyValue::new("tributary.error", error)));
            let at = record.started_at + source.latency;
            events.events.push(Event::new("tributary.source_failed", at, attributes, 0));
        }
    }
    events
}

fn events_of_attempt(attempt: Attempt, end: SystemTime) -> SpanEvents {
    let mut events = SpanEvents::default();
    let change = attempt.breaker.map(|change| match change {
        BreakerChange::Opened => "tributary.breaker_opened",
        BreakerChange::Closed => "tributary.breaker_closed",
    });
    events.events.extend(change.map(|change| Event::new(change, end, Vec::new(), 0)));
    events
}

/// The status of an answer that is a failure by it, else a word.
fn error_type(attempt: Attempt, failure: FailureKind) -> Cow<'static, str> {
    match attempt.status {
        Some(status @ 400..) => Cow::Owned(status.to_string()),
        Some(_) | None => Cow::Borrowed(failure.facts().label),
    }
}

fn wall_clock(record: &RequestRecord, at: Instant) -> SystemTime {
    record.started_at + at.saturating_duration_since(record.started)
}
