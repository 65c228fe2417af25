//! What the time of one source's call was spent on: the bars of the waterfall.

use std::time::Instant;

use super::failure::FailureKind;

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
        match self.kind {
            SpanKind::Attempt(attempt) => Some(attempt),
            SpanKind::Dependencies
            | SpanKind::Token
            | SpanKind::RateLimit
            | SpanKind::Connect
            | SpanKind::Backoff
            | SpanKind::Pause => None,
        }
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
    /// The upstream is left alone now.
    Opened,
    /// The upstream is asked again.
    Closed,
}
