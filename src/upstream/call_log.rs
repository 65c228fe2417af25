//! What one request to one source did: attempts, and where the time went.

use std::time::{Duration, Instant};

use super::clock;
use super::origin::Sent;
use crate::domain::failure::FailureKind;
use crate::domain::trace::{Attempt, BreakerChange, Span, SpanKind};

/// A wait shorter than this is no wait.
const NOTICEABLE: Duration = Duration::from_micros(100);

/// What one request to one source did.
#[derive(Default)]
pub(super) struct CallLog {
    /// Requests sent to the upstream.
    pub(super) attempts: u32,
    /// What the time was spent on.
    pub(super) spans: Vec<Span>,
}

/// What came of one attempt.
#[derive(Clone, Copy)]
pub(super) struct Made {
    /// The id of its span.
    pub(super) span_id: u64,
    /// How often the same request had been sent before.
    pub(super) resend: u32,
    /// The upstream's status, if it answered.
    pub(super) status: Option<u16>,
    /// Why it is no answer, where it is none.
    pub(super) failure: Option<FailureKind>,
    /// Whether it tried an upstream that is left alone otherwise.
    pub(super) is_probe: bool,
    /// What it made of the breaker, if that changed.
    pub(super) breaker: Option<BreakerChange>,
}

impl CallLog {
    /// Notes how long other sources' data was waited for.
    pub(super) fn waited(&mut self, start: Instant, end: Instant) {
        self.spans.push(Span { kind: SpanKind::Dependencies, start, end });
    }

    /// Notes what was done from `start` until now.
    pub(super) fn span(&mut self, kind: SpanKind, start: Instant) {
        self.spans.push(Span { kind, start, end: clock::now() });
    }

    /// The same, unless it took no noticeable time.
    pub(super) fn span_if_long(&mut self, kind: SpanKind, start: Instant) {
        let end = clock::now();
        if end.saturating_duration_since(start) >= NOTICEABLE {
            self.spans.push(Span { kind, start, end });
        }
    }

    /// Waits, and notes the wait.
    pub(super) async fn spend(&mut self, kind: SpanKind, wait: Duration) {
        let start = clock::now();
        clock::sleep_until(start + wait).await;
        self.span_if_long(kind, start);
    }

    /// Notes an attempt that began then and has just ended.
    pub(super) fn attempt(&mut self, start: Instant, made: Made, sent: Sent) {
        self.attempts += 1;
        let attempt = Attempt {
            number: self.attempts,
            resend: made.resend,
            status: made.status,
            failure: made.failure,
            span_id: made.span_id,
            is_probe: made.is_probe,
            breaker: made.breaker,
        };
        self.span(SpanKind::Attempt(attempt), start);
        if let Some((start, took)) = sent.connect {
            self.spans.push(Span { kind: SpanKind::Connect, start, end: start + took });
        }
    }
}
