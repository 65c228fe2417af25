//! What can go wrong in one call to an upstream, and which outcome it leads to.

use std::time::Duration;

use crate::domain::ids::Id;
use crate::domain::json::JsonError;
use crate::domain::outcome::Outcome;
use crate::domain::retry::FailureClass;
use crate::domain::template::RenderError;
use crate::domain::trace::AttemptFailure;

use super::auth::TokenError;
use super::connect_failure::ConnectFailure;
use super::limiter::Refused;
use super::stream_fault::StreamFault;

/// Why a call to an upstream gave no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// A value that the request needs is missing, or may not stand where it should.
    #[error("{0}")]
    Request(#[from] RenderError),
    /// Our own in-flight limit is reached.
    #[error("{limit} calls are under way already, the most allowed (max_in_flight)")]
    Overloaded {
        /// The limit.
        limit: usize,
    },
    /// The circuit breaker is open.
    #[error("the source failed too often and is left alone for another {} ms", .retry_in.as_millis())]
    CircuitOpen {
        /// Until the next probe may go.
        retry_in: Duration,
    },
    /// Our own rate limit, or the upstream's earlier word, leaves no room in time.
    #[error(transparent)]
    NoPermit(#[from] Refused),
    /// No token could be had.
    #[error("no token: {0}")]
    NoToken(#[from] TokenError),
    /// The upstream refused the token, which may have ended.
    #[error("the upstream refused the token (401)")]
    TokenRefused,
    /// The upstream refused the token, and the one that was to replace it could not be had.
    #[error("the upstream refused the token (401), and no other came: {0}")]
    NoOtherToken(TokenError),
    /// The upstream refuses tokens that are fresh from their issuer, this one or one before.
    #[error(
        "the upstream refused the token (401), as it did fresh ones of late; the next is fetched for it in {} ms at the earliest",
        .renewal_in.as_millis()
    )]
    FreshTokenRefused {
        /// Until its refusals count again.
        renewal_in: Duration,
    },
    /// No connection.
    #[error("{0}")]
    Connect(#[from] ConnectFailure),
    /// The connection broke before the reply was complete.
    #[error("the connection broke: {reason}")]
    Broken {
        /// What happened to it.
        reason: String,
    },
    /// The time ran out.
    #[error("no reply within {} ms", .given.as_millis())]
    TimedOut {
        /// How long the upstream was given.
        given: Duration,
    },
    /// An answer with a status that is neither success nor a definite "there is none".
    #[error("the upstream answered {status}")]
    Status {
        /// The status.
        status: u16,
        /// What the upstream said about when to come back.
        retry_after: Option<Duration>,
    },
    /// A success whose body is not usable.
    #[error("{0}")]
    Payload(#[from] PayloadError),
    /// A rendered request that HTTP cannot carry, such as an overlong URL.
    #[error("the request cannot be sent: its {part} is not valid or too long")]
    Unsendable {
        /// The part of the request.
        part: &'static str,
    },
    /// It needs the data of another source, which had not come by the deadline.
    #[error("not asked: {other} had not answered in time")]
    Unasked {
        /// The other source.
        other: Id,
    },
    /// A required source failed, and the reply left without this one.
    #[error("not waited for: a required source failed")]
    NotWaitedFor,
    /// A fault of ours.
    #[error("a fault in the service; its log has more")]
    Internal,
}

/// Why a reply's body is not usable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON as it should be.
    #[error("the reply is not usable: {0}")]
    Json(#[from] JsonError),
    /// Nothing, where an answer has to be.
    #[error("the reply is not usable: the body is empty (empty_body)")]
    Empty,
    /// Nothing until the connection was closed, where nothing would be an answer.
    #[error("the reply is not usable: the body is empty and has no length, so it may be cut off")]
    EmptyUntilClose,
    /// 206 without a `Range` in the request (RFC 9110 section 15.3.7).
    #[error("the reply is only a part (206), which was not asked for")]
    Partial,
    /// More than the source's `max_response`.
    #[error("the reply is larger than {limit} bytes (max_response)")]
    TooLarge {
        /// The limit, bytes.
        limit: usize,
    },
    /// A head that is larger than is taken.
    #[error("the reply is not usable: {0}")]
    Head(StreamFault),
    /// A content coding that was not asked for.
    #[error("the reply is encoded as {coding}, which was not asked for")]
    Encoded {
        /// The coding, shortened to a plain token.
        coding: String,
    },
    /// A page that does not look as the paging says.
    #[error("{0}")]
    Page(&'static str),
}

impl CallError {
    /// The outcome this failure leads to.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Request(_)
            | Self::Unsendable { .. }
            | Self::Unasked { .. }
            | Self::NotWaitedFor => Outcome::Skipped,
            Self::Overloaded { .. } | Self::Connect(ConnectFailure::Shortage(_)) => {
                Outcome::Overloaded
            }
            Self::NoToken(error) | Self::NoOtherToken(error) if error.is_shortage() => {
                Outcome::Overloaded
            }
            Self::CircuitOpen { .. } => Outcome::CircuitOpen,
            Self::NoToken(_)
            | Self::NoOtherToken(_)
            | Self::TokenRefused
            | Self::FreshTokenRefused { .. } => Outcome::AuthFailed,
            Self::Connect(_) | Self::Broken { .. } => Outcome::ConnectFailed,
            Self::TimedOut { .. } => Outcome::Timeout,
            Self::NoPermit(_) | Self::Status { status: 429, .. } => Outcome::RateLimited,
            Self::Status { status: 500.., .. } => Outcome::UpstreamError,
            Self::Status { .. } => Outcome::Rejected,
            Self::Payload(_) => Outcome::BadPayload,
            Self::Internal => Outcome::Internal,
        }
    }

    /// The status the aggregate shows: the upstream's own where it answered.
    pub fn status(&self) -> u16 {
        match self {
            Self::Status { status, .. } => *status,
            other => other.outcome().default_status(),
        }
    }

    /// What kind of failure this is, as far as a retry is concerned.
    pub fn class(&self) -> FailureClass {
        match self {
            // A certificate that is refused now is refused again at once, and a shortage is not to
            // be made worse.
            Self::Connect(ConnectFailure::Tls { .. } | ConnectFailure::Shortage(_)) => {
                FailureClass::Permanent
            }
            Self::Connect(ConnectFailure::Tcp { .. } | ConnectFailure::Dns { .. }) => {
                FailureClass::NotConnected
            }
            Self::Connect(_) | Self::Broken { .. } | Self::Status { status: 502..=504, .. } => {
                FailureClass::Transient
            }
            Self::Status { status: 429, .. } => FailureClass::RateLimited,
            Self::TokenRefused => FailureClass::Unauthorized,
            Self::TimedOut { .. } => FailureClass::TimedOut,
            Self::Request(_)
            | Self::Overloaded { .. }
            | Self::CircuitOpen { .. }
            | Self::NoPermit(_)
            | Self::NoToken(_)
            | Self::NoOtherToken(_)
            | Self::FreshTokenRefused { .. }
            | Self::Status { .. }
            | Self::Payload(_)
            | Self::Unsendable { .. }
            | Self::Unasked { .. }
            | Self::NotWaitedFor
            | Self::Internal => FailureClass::Permanent,
        }
    }

    /// The same in the words of an attempt. Errors of no attempt at all count as faults of ours.
    pub fn as_attempt_failure(&self) -> AttemptFailure {
        match self {
            Self::Connect(ConnectFailure::Shortage(_)) => AttemptFailure::Overloaded,
            Self::Connect(_) => AttemptFailure::Connect,
            Self::Broken { .. } => AttemptFailure::Broken,
            Self::TimedOut { .. } => AttemptFailure::Timeout,
            Self::Payload(_) => AttemptFailure::BadPayload,
            Self::TokenRefused | Self::FreshTokenRefused { .. } => AttemptFailure::TokenRefused,
            Self::Status { status: 429, .. } => AttemptFailure::RateLimited,
            Self::Status { status: 500.., .. } => AttemptFailure::UpstreamError,
            Self::Status { .. } => AttemptFailure::Rejected,
            Self::Request(_)
            | Self::Overloaded { .. }
            | Self::CircuitOpen { .. }
            | Self::NoPermit(_)
            | Self::NoToken(_)
            | Self::NoOtherToken(_)
            | Self::Unsendable { .. }
            | Self::Unasked { .. }
            | Self::NotWaitedFor
            | Self::Internal => AttemptFailure::Internal,
        }
    }

    /// When the upstream asked to be left alone until.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Status { retry_after, .. } = self { *retry_after } else { None }
    }
}
