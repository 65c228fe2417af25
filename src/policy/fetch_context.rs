//! What one fetch carries through all steps.

use std::cell::Cell;
use std::time::{Duration, Instant};

use awc::http::header::{HeaderName, HeaderValue};

use crate::clock;
use crate::http::send_permit::SendPermit;
use crate::model::failure::FailureKind;
use crate::model::header::trace_context::TraceContext;
use crate::model::record::recorder::{NewAttempt, Recorder, SpanRef};
use crate::model::record::span::{BreakerChange, SpanKind};
use crate::model::time::deadline::Deadline;

/// An attempt that has less time than this is not worth its load on the upstream.
pub(crate) const MINIMUM_USEFUL: Duration = Duration::from_millis(1);

/// What one fetch carries through all steps. Each adds what those below it need to know.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// When the answer must be there.
    pub(crate) deadline: Deadline,
    /// A timeout after less than this is not the upstream's fault.
    pub(crate) min_fair_time: Duration,
    /// Since when the source has had all that it needs.
    pub(crate) ready_since: Instant,
    /// The trace of which each attempt is a span.
    pub(crate) trace: Option<&'a TraceContext>,
    /// What proves who we are.
    pub(crate) credential: Option<Credential<'a>>,
    /// Whether it tries an upstream whose circuit is not closed.
    pub(crate) is_probe: bool,
    /// Leave to send the request; whoever sends it takes it.
    permit: Option<&'a Cell<Option<SendPermit>>>,
    sendings: Option<&'a Sendings>,
    recorder: &'a Recorder,
}

/// A header that proves who we are.
#[derive(Clone, Copy)]
pub(crate) struct Credential<'a> {
    pub(crate) name: &'a HeaderName,
    /// Marked as sensitive.
    pub(crate) value: &'a HeaderValue,
    /// Whether a 401 may only mean that it has ended.
    pub(crate) may_have_ended: bool,
}

/// What has become so far of one request that may be sent more than once.
#[derive(Default)]
pub(crate) struct Sendings {
    count: Cell<u32>,
    /// The generation of the last token that was refused; 0: none was.
    refused_token: Cell<u64>,
}

impl<'a> Context<'a> {
    /// The context of a fetch that must have ended by `deadline`.
    pub(crate) fn new(
        deadline: Deadline,
        min_fair_time: Duration,
        ready_since: Instant,
        trace: Option<&'a TraceContext>,
        recorder: &'a Recorder,
    ) -> Self {
        Self {
            deadline,
            min_fair_time,
            ready_since,
            trace,
            credential: None,
            is_probe: false,
            permit: None,
            sendings: None,
            recorder,
        }
    }

    /// All that is done with one request.
    pub(crate) fn of_request(&self, sendings: &'a Sendings) -> Self {
        Self { sendings: Some(sendings), ..*self }
    }

    /// The request is sent with this credential.
    pub(crate) fn signed(&self, credential: Credential<'a>) -> Self {
        Self { credential: Some(credential), ..*self }
    }

    /// The request may be sent by this permit.
    pub(crate) fn permitted(&self, permit: &'a Cell<Option<SendPermit>>) -> Self {
        Self { permit: Some(permit), ..*self }
    }

    /// The attempt tries an upstream whose circuit is not closed.
    pub(crate) fn as_probe(&self) -> Self {
        Self { is_probe: true, ..*self }
    }

    /// The permit, for whoever sends the request.
    pub(crate) fn take_permit(&self) -> Option<SendPermit> {
        self.permit.and_then(Cell::take)
    }

    /// The generation of the last token that this request was refused with; 0: none was.
    pub(crate) fn refused_token(&self) -> u64 {
        self.sendings.map_or(0, |sendings| sendings.refused_token.get())
    }

    /// The request was refused with the token of this generation.
    pub(crate) fn token_refused(&self, generation: u64) {
        if let Some(sendings) = self.sendings {
            sendings.refused_token.set(generation);
        }
    }

    /// How long the source has had so far.
    pub(crate) fn given(&self) -> Duration {
        clock::now().saturating_duration_since(self.ready_since)
    }

    /// Something begins that takes time: until the guard is dropped.
    pub(crate) fn span(&self, kind: SpanKind) -> OpenSpan<'a> {
        let recorder = self.recorder;
        OpenSpan { recorder, id: recorder.begin(kind, clock::now()) }
    }

    /// Waits, and notes the wait.
    pub(crate) async fn spend(&self, kind: SpanKind, wait: Duration) {
        let start = clock::now();
        let _span = OpenSpan { recorder: self.recorder, id: self.recorder.begin(kind, start) };
        clock::sleep_until(start + wait).await;
    }

    /// An attempt begins: until it is ended, or the guard is dropped.
    pub(crate) fn attempt(&self, now: Instant) -> OpenAttempt<'a> {
        let span_id = fastrand::u64(1..);
        let resend = self.sendings.map_or(0, |sendings| {
            let before = sendings.count.get();
            sendings.count.set(before + 1);
            before
        });
        let id = self
            .recorder
            .begin_attempt(NewAttempt { span_id, resend, is_probe: self.is_probe }, now);
        OpenAttempt { recorder: self.recorder, id, span_id, is_ended: false }
    }

    /// What the upstream says why it failed.
    pub(crate) fn upstream_said(&self, message: String) {
        self.recorder.upstream_said(message);
    }

    /// The attempt that has just ended is no answer after all.
    pub(crate) fn attempt_failed(&self, kind: FailureKind) {
        self.recorder.attempt_failed(kind);
    }

    /// The attempt that has just ended changed the circuit breaker.
    pub(crate) fn breaker_changed(&self, change: BreakerChange) {
        self.recorder.breaker_changed(change);
    }
}

/// A stretch of time that is recorded as ended when this is dropped.
pub(crate) struct OpenSpan<'a> {
    recorder: &'a Recorder,
    id: SpanRef,
}

impl Drop for OpenSpan<'_> {
    fn drop(&mut self) {
        self.recorder.end(self.id, clock::now());
    }
}

/// An attempt under way. One that is dropped was given up.
pub(crate) struct OpenAttempt<'a> {
    recorder: &'a Recorder,
    id: SpanRef,
    /// The id of its span, which the upstream is told.
    pub(crate) span_id: u64,
    is_ended: bool,
}

impl OpenAttempt<'_> {
    /// It has ended: with this status of the upstream, or with a failure. `connect` is when a new
    /// connection was begun for it, if one was, and how long that took.
    pub(crate) fn end(
        mut self,
        status: Option<u16>,
        failure: Option<FailureKind>,
        connect: Option<(Instant, Duration)>,
    ) {
        self.is_ended = true;
        self.recorder.end_attempt(self.id, status, failure, clock::now());
        if let Some((start, took)) = connect {
            self.recorder.note(SpanKind::Connect, start, start + took);
        }
    }
}

impl Drop for OpenAttempt<'_> {
    fn drop(&mut self) {
        if !self.is_ended {
            let is_fault = std::thread::panicking();
            let kind = if is_fault { FailureKind::Internal } else { FailureKind::NotWaitedFor };
            self.recorder.end_attempt(self.id, None, Some(kind), clock::now());
        }
    }
}
