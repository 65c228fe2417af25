//! What the time of one source's call was spent on: the bars of the waterfall.

use std::time::{Duration, Instant};

use crate::model::failure::FailureKind;

/// One stretch of time within a source's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What the time was spent on.
    pub kind: SpanKind,
    /// When it began, on the monotonic clock.
    pub start: Instant,
    /// When it ended; not before `start`.
    pub end: Instant,
}

impl Span {
    /// The attempt, if it is one.
    pub fn attempt(&self) -> Option<Attempt> {
        self.kind.attempt()
    }

    /// How long it took.
    pub fn length(&self) -> Duration {
        self.end.saturating_duration_since(self.start)
    }
}

/// What a stretch of time was spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Waiting for the sources whose data it uses.
    Dependencies,
    /// Waiting for an OAuth token.
    Token,
    /// Waiting for a permit of the rate limiter.
    RateLimit,
    /// Resolving, connecting and the TLS handshake of a new connection.
    Connect,
    /// One HTTP exchange, body included.
    Attempt(Attempt),
    /// Waiting before a retry.
    Backoff,
    /// Waiting between two pages.
    Pause,
}

/// What is fixed of a kind of span.
#[derive(Debug, Clone, Copy)]
pub struct SpanFacts {
    /// The word for records and scripts.
    pub label: &'static str,
    /// What it is called beside its bar.
    pub words: &'static str,
    /// Whether nothing happened meanwhile.
    pub is_wait: bool,
    /// The event of the request's trace that tells of it, where it is worth one.
    pub event: Option<&'static str>,
}

impl SpanKind {
    /// Every kind but the attempts, of which there are as many as there are attempts.
    pub const WITHOUT_ATTEMPTS: [Self; 6] = [
        Self::Dependencies,
        Self::Token,
        Self::RateLimit,
        Self::Connect,
        Self::Backoff,
        Self::Pause,
    ];

    /// The one place where the words for a kind of span stand.
    #[rustfmt::skip]
    pub const fn facts(self) -> SpanFacts {
        match self {
            Self::Dependencies => wait("dependencies", "wait for sources",    None),
            Self::Token        => wait("token",        "wait for token",      Some("tributary.token_wait")),
            Self::RateLimit    => wait("rate_limit",   "wait for rate limit", Some("tributary.rate_limit_wait")),
            Self::Backoff      => wait("backoff",      "wait before a retry", None),
            Self::Pause        => wait("pause",        "pause between pages", None),
            Self::Connect      => work("connect",      "connect"),
            Self::Attempt(_)   => work("attempt",      "attempt"),
        }
    }

    /// The attempt, if it is one.
    pub const fn attempt(self) -> Option<Attempt> {
        match self {
            Self::Attempt(attempt) => Some(attempt),
            Self::Dependencies
            | Self::Token
            | Self::RateLimit
            | Self::Connect
            | Self::Backoff
            | Self::Pause => None,
        }
    }
}

const fn wait(label: &'static str, words: &'static str, event: Option<&'static str>) -> SpanFacts {
    SpanFacts { label, words, is_wait: true, event }
}

const fn work(label: &'static str, words: &'static str) -> SpanFacts {
    SpanFacts { label, words, is_wait: false, event: None }
}

/// One HTTP exchange with an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1 within the call, pages included.
    pub number: u32,
    /// How often the same request had been sent before: 0 unless this is a retry.
    pub resend: u32,
    /// The upstream's status; absent when no reply came.
    pub status: Option<u16>,
    /// Why the attempt is no answer, where it is none.
    pub failure: Option<FailureKind>,
    /// The id of its span in the request's trace, which the upstream was told; random, never 0.
    pub span_id: u64,
    /// Whether it tried an upstream that is left alone otherwise.
    pub is_probe: bool,
    /// What its result made of the circuit breaker, if that changed.
    pub breaker: Option<BreakerChange>,
}

#[cfg(test)]
impl Attempt {
    /// An attempt for the tests of those who read them.
    pub fn sample(
        number: u32,
        resend: u32,
        status: Option<u16>,
        failure: Option<FailureKind>,
    ) -> Self {
        let span_id = u64::from(number) + 1000;
        Self { number, resend, status, failure, span_id, is_probe: false, breaker: None }
    }
}

/// How an attempt changed the circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerChange {
    /// No call passes for a while.
    Opened,
    /// All calls pass again.
    Closed,
}

impl BreakerChange {
    /// The word for records, scripts and traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
        }
    }
}
