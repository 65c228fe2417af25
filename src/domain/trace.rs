//! What the time of one source's call was spent on: the bars of the waterfall.

use std::time::Instant;

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
    /// One HTTP exchange, body included; `status` is absent when no reply came.
    Attempt {
        /// Counted from 1 within the call.
        number: u32,
        /// The upstream's status.
        status: Option<u16>,
    },
    /// Waiting before a retry.
    Backoff,
    /// Waiting between two pages.
    Pause,
}
