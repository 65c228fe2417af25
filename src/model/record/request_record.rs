//! What is known of a request once it is over: for the log, the metrics, the traces and the console.
//!
//! No input's value and no upstream's data is in it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::model::header::trace_context::TraceContext;
use crate::model::id::{Id, InputName};
use crate::model::json::Kind;
use crate::model::record::span::Span;
use crate::model::record::target::Target;
use crate::model::reply::outcome::{Outcome, SourceReply};

/// The status noted for a request whose caller went away before the reply (nginx's 499).
pub const CALLER_GONE: u16 = 499;

/// One request that is over.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// The request's id, as it was echoed.
    pub request_id: String,
    /// The action; absent when the request named none that there is.
    pub action: Option<Id>,
    /// The template of the path that it was sent to, or [`paths::NONE`](crate::model::paths::NONE).
    pub route: &'static str,
    /// Who sent it, as the socket knows it; no header is believed.
    pub peer: Option<IpAddr>,
    /// The name of the caller's key; absent when none is asked for or none was right.
    pub caller: Option<String>,
    /// The trace that it belongs to; absent when nobody traces it.
    pub trace: Option<TraceContext>,
    /// When it arrived, on the monotonic clock.
    pub started: Instant,
    /// The same by the wall clock.
    pub started_at: SystemTime,
    /// When the reply had to leave; absent when the request was refused before that was known.
    pub deadline: Option<Instant>,
    /// How long it took.
    pub latency: Duration,
    /// The HTTP status, that of the envelope's inside for an event; [`CALLER_GONE`] if nobody
    /// waited for it.
    pub status: u16,
    /// Whether every source gave a definite answer, and every field of a flat reply has what came;
    /// absent when there is no aggregate.
    pub complete: Option<bool>,
    /// The reply's body, bytes.
    pub reply_bytes: usize,
    /// The fields of a flat reply for which a value of another type came.
    pub wrong_types: Vec<InputName>,
    /// The fields that gave way to their defaults because of the reply's size.
    pub left_out: Vec<InputName>,
    /// Its sources, in the order of the reply.
    pub sources: Vec<SourceRecord>,
}

/// What one source did in a request.
#[derive(Debug, Clone)]
pub struct SourceRecord {
    /// The source.
    pub source: Id,
    /// What its requests have in common.
    pub target: Arc<Target>,
    /// What became of it.
    pub outcome: Outcome,
    /// The upstream's own status where it answered, else the outcome's default.
    pub status: u16,
    /// The sentence of ours that stands in the aggregate.
    pub error: Option<Cow<'static, str>>,
    /// How long it took, from the request's arrival.
    pub latency: Duration,
    /// How many HTTP requests it took.
    pub attempts: u32,
    /// Whether the reply has data of it, if only its fallback; else there is null.
    pub has_data: bool,
    /// What the upstream said why it failed, where the source is configured to look for it.
    pub said: Option<String>,
    /// What the time was spent on.
    pub spans: Vec<Span>,
}

/// What was recorded of a source while it was asked.
#[derive(Debug, Default)]
pub struct Taken {
    /// What the time was spent on.
    pub spans: Vec<Span>,
    /// What the upstream said why it failed.
    pub said: Option<String>,
}

impl SourceRecord {
    /// What is kept of a reply once its data has been written, and of what its time was spent on.
    pub fn of(reply: SourceReply, Taken { spans, said }: Taken) -> Self {
        Self {
            source: reply.source,
            target: reply.target,
            outcome: reply.outcome,
            status: reply.status,
            error: reply.error,
            latency: reply.latency,
            attempts: reply.attempts,
            has_data: reply.data.kind() != Kind::Null,
            said,
            spans,
        }
    }
}

/// Records for the tests of those who read them.
#[cfg(test)]
impl RequestRecord {
    /// A request of the action `profile` with a deadline of so many milliseconds, 200 after so many.
    pub fn sample(
        started: Instant,
        deadline_ms: u64,
        latency_ms: u64,
        sources: Vec<SourceRecord>,
    ) -> Self {
        Self {
            request_id: "r-1".to_owned(),
            action: Id::try_new("profile").ok(),
            route: crate::model::paths::ACTION,
            peer: None,
            caller: None,
            trace: None,
            started,
            started_at: SystemTime::UNIX_EPOCH,
            deadline: Some(started + Duration::from_millis(deadline_ms)),
            latency: Duration::from_millis(latency_ms),
            status: 200,
            complete: Some(sources.iter().all(|source| source.outcome.is_definite())),
            reply_bytes: 1000,
            wrong_types: Vec::new(),
            left_out: Vec::new(),
            sources,
        }
    }
}

#[cfg(test)]
impl SourceRecord {
    /// A source that came to this after so many milliseconds; every attempt among the spans counts.
    ///
    /// # Panics
    /// If `source` is no id.
    pub fn sample(source: &str, outcome: Outcome, latency_ms: u64, spans: Vec<Span>) -> Self {
        use crate::model::record::span::SpanKind;
        let attempts = spans.iter().filter(|span| matches!(span.kind, SpanKind::Attempt(_)));
        Self {
            source: Id::try_new(source).expect("an id"),
            target: Arc::new(Target::sample()),
            outcome,
            status: outcome.default_status(),
            error: None,
            latency: Duration::from_millis(latency_ms),
            attempts: u32::try_from(attempts.count()).expect("a few"),
            has_data: true,
            said: None,
            spans,
        }
    }
}
