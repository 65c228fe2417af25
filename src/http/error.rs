//! Why an exchange brought no reply, in the words of HTTP alone.

use std::time::Duration;

use super::connect_failure::ConnectFailure;
use super::stream_fault::StreamFault;

/// Why an exchange brought no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// No connection.
    #[error(transparent)]
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
    /// A reply that is not taken.
    #[error(transparent)]
    Unusable(#[from] UnusableReply),
}

/// Why a reply is not taken, whatever its body says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableReply {
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
}
