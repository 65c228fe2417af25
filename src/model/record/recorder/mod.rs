//! What the sources of a request do, written down while they do it.
//!
//! It belongs to those who wait: whatever is given up half-way (a required source failed, the
//! deadline came, the caller went away), its attempts and the ids of their spans are still there.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::failure::{Failure, FailureKind};
use crate::model::id::Id;
use crate::model::record::request_record::{SourceRecord, Taken};
use crate::model::record::span::{Attempt, BreakerChange, Span, SpanKind};
use crate::model::record::target::Target;
use crate::model::reply::outcome::Outcome;

/// A wait shorter than this is no wait.
const NOTICEABLE: Duration = Duration::from_micros(100);

/// What all sources of one request have done so far.
#[derive(Debug, Default)]
pub struct Progress {
    sources: Mutex<Vec<SourceProgress>>,
}

#[derive(Debug)]
struct SourceProgress {
    source: Id,
    target: Arc<Target>,
    /// When the request arrived.
    started: Instant,
    attempts: u32,
    spans: Vec<Recorded>,
    last_attempt: Option<usize>,
    /// What the upstream said last why it failed.
    said: Option<String>,
    /// What became of it; absent as long as it is under way.
    end: Option<End>,
    /// Nobody waits for it any more: what it still does is of no interest.
    is_closed: bool,
}

/// A span that may still be open.
#[derive(Debug)]
struct Recorded {
    kind: SpanKind,
    start: Instant,
    end: Option<Instant>,
}

#[derive(Debug)]
struct End {
    outcome: Outcome,
    status: u16,
    error: Option<Cow<'static, str>>,
    latency: Duration,
}

/// Writes down what one source does. Clones write to the same place.
#[derive(Debug, Clone)]
pub struct Recorder {
    progress: Arc<Progress>,
    index: usize,
}

/// A span that has begun.
#[derive(Debug, Clone, Copy)]
pub struct SpanRef(usize);

impl Progress {
    /// Begins to record a source that is asked for a request which arrived at `started`.
    pub fn recorder(
        self: &Arc<Self>,
        source: Id,
        target: Arc<Target>,
        started: Instant,
    ) -> Recorder {
        let mut sources = self.lock();
        sources.push(SourceProgress {
            source,
            target,
            started,
            attempts: 0,
            spans: Vec::new(),
            last_attempt: None,
            said: None,
            end: None,
            is_closed: false,
        });
        Recorder { progress: Arc::clone(self), index: sources.len() - 1 }
    }

    /// Takes what was recorded of a source; nothing more is.
    pub fn take(&self, source: &Id) -> Taken {
        let mut sources = self.lock();
        let found = sources.iter_mut().find(|one| one.source == *source);
        let taken =
            found.map(|source| Taken { spans: source.take_spans(), said: source.said.take() });
        taken.unwrap_or_default()
    }

    /// Takes what all sources have done up to `now`. Those that are still under way are given up by
    /// this failure.
    pub fn give_up(&self, failure: &Failure, now: Instant) -> Vec<SourceRecord> {
        self.lock().iter_mut().map(|source| source.give_up(failure, now)).collect()
    }

    /// A panic while the lock was held leaves plain values behind: they are still good.
    fn lock(&self) -> MutexGuard<'_, Vec<SourceProgress>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SourceProgress {
    /// Ends what is still open. An attempt under way failed in this way.
    fn close(&mut self, kind: FailureKind, now: Instant) {
        self.is_closed = true;
        for span in self.spans.iter_mut().filter(|span| span.end.is_none()) {
            span.end = Some(now);
            if let SpanKind::Attempt(attempt) = &mut span.kind {
                attempt.failure = Some(kind);
            }
        }
    }

    fn take_spans(&mut self) -> Vec<Span> {
        self.is_closed = true;
        let spans = std::mem::take(&mut self.spans).into_iter();
        let ended = spans.map(|Recorded { kind, start, end }| {
            let end = end.unwrap_or(start);
            Span { kind, start, end }
        });
        ended.filter(is_noticeable).collect()
    }

    fn give_up(&mut self, failure: &Failure, now: Instant) -> SourceRecord {
        self.close(failure.kind, now);
        let end = self.end.take().unwrap_or_else(|| End {
            outcome: failure.facts().outcome,
            status: failure.shown_status(),
            error: Some(failure.detail.clone()),
            latency: now.saturating_duration_since(self.started),
        });
        SourceRecord {
            source: self.source.clone(),
            target: Arc::clone(&self.target),
            outcome: end.outcome,
            status: end.status,
            error: end.error,
            latency: end.latency,
            attempts: self.attempts,
            // Nobody is there to whom it would be shown.
            has_data: false,
            said: self.said.take(),
            spans: self.take_spans(),
        }
    }
}

/// Whether a span is worth keeping: our own waits are, if they are any.
fn is_noticeable(span: &Span) -> bool {
    match span.kind {
        SpanKind::RateLimit | SpanKind::Backoff | SpanKind::Pause => {
            span.end.saturating_duration_since(span.start) >= NOTICEABLE
        }
        SpanKind::Dependencies | SpanKind::Token | SpanKind::Connect | SpanKind::Attempt(_) => true,
    }
}

/// What is known of an attempt when it begins.
#[derive(Debug, Clone, Copy)]
pub struct NewAttempt {
    /// The id of its span.
    pub span_id: u64,
    /// How often the same request was sent before.
    pub resend: u32,
    /// Whether it tries an upstream whose circuit is not closed.
    pub is_probe: bool,
}

impl Recorder {
    /// Something begins that takes time.
    pub fn begin(&self, kind: SpanKind, now: Instant) -> SpanRef {
        self.write(|source| source.push(Recorded { kind, start: now, end: None }))
    }

    /// It has ended.
    pub fn end(&self, span: SpanRef, now: Instant) {
        self.write(|source| {
            if let Some(span) = source.open(span) {
                span.end = Some(now);
            }
        });
    }

    /// Notes what took from `start` to `end`.
    pub fn note(&self, kind: SpanKind, start: Instant, end: Instant) {
        self.write(|source| source.push(Recorded { kind, start, end: Some(end) }));
    }

    /// An attempt begins.
    pub fn begin_attempt(&self, attempt: NewAttempt, now: Instant) -> SpanRef {
        let NewAttempt { span_id, resend, is_probe } = attempt;
        self.write(|source| {
            if !source.is_closed {
                source.attempts += 1;
            }
            let number = source.attempts;
            let (status, failure, breaker) = (None, None, None);
            let attempt = Attempt { number, resend, status, failure, span_id, is_probe, breaker };
            source.push(Recorded { kind: SpanKind::Attempt(attempt), start: now, end: None })
        })
    }

    /// The attempt has ended: with this status of the upstream, or with a failure.
    pub fn end_attempt(
        &self,
        id: SpanRef,
        status: Option<u16>,
        failure: Option<FailureKind>,
        now: Instant,
    ) {
        self.write(|source| {
            let Some(span) = source.open(id) else { return };
            span.end = Some(now);
            if let SpanKind::Attempt(attempt) = &mut span.kind {
                (attempt.status, attempt.failure) = (status, failure);
            }
            source.last_attempt = Some(id.0);
        });
    }

    /// The attempt that has just ended is no answer after all.
    pub fn attempt_failed(&self, kind: FailureKind) {
        self.amend_last_attempt(|attempt| attempt.failure = Some(kind));
    }

    /// What the upstream says why it failed.
    pub fn upstream_said(&self, message: String) {
        self.write(|source| source.said = Some(message));
    }

    /// The attempt that has just ended changed the circuit breaker.
    pub fn breaker_changed(&self, change: BreakerChange) {
        self.amend_last_attempt(|attempt| attempt.breaker = Some(change));
    }

    /// How many requests were sent so far.
    pub fn attempts(&self) -> u32 {
        self.write(|source| source.attempts)
    }

    /// What became of the source.
    pub fn finish(
        &self,
        outcome: Outcome,
        status: u16,
        error: Option<Cow<'static, str>>,
        latency: Duration,
    ) {
        self.write(|source| source.end = Some(End { outcome, status, error, latency }));
    }

    /// Nobody waits for it any more: what is still under way has failed in this way.
    pub fn close(&self, kind: FailureKind, now: Instant) {
        self.write(|source| source.close(kind, now));
    }

    fn amend_last_attempt(&self, amend: impl FnOnce(&mut Attempt)) {
        self.write(|source| {
            if source.is_closed {
                return;
            }
            let last = source.last_attempt.and_then(|last| source.spans.get_mut(last));
            if let Some(Recorded { kind: SpanKind::Attempt(attempt), .. }) = last {
                amend(attempt);
            }
        });
    }

    #[expect(clippy::indexing_slicing, reason = "a source that is recorded stays in the list")]
    fn write<T>(&self, act: impl FnOnce(&mut SourceProgress) -> T) -> T {
        act(&mut self.progress.lock()[self.index])
    }
}

impl SourceProgress {
    fn push(&mut self, span: Recorded) -> SpanRef {
        if !self.is_closed {
            self.spans.push(span);
        }
        SpanRef(self.spans.len().wrapping_sub(1))
    }

    /// The span, if it is still open and of interest.
    fn open(&mut self, SpanRef(index): SpanRef) -> Option<&mut Recorded> {
        let span = self.spans.get_mut(index).filter(|span| span.end.is_none());
        span.filter(|_| !self.is_closed)
    }
}

#[cfg(test)]
mod tests;
