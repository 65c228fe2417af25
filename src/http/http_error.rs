//! Why an exchange brought no reply, in the words of HTTP alone.

use std::time::Duration;

use awc::error::{ConnectError, PayloadError, SendRequestError};

use crate::http::connect_failure::{ConnectFailure, connect_failure, tcp_reason};
use crate::http::stream_fault::{StreamFault, payload_fault, stream_fault};

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
    /// What came was no HTTP/1.1, and would be none another time.
    #[error("the connection broke: {fault}")]
    NotHttp {
        /// What was wrong with it.
        fault: StreamFault,
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

/// Whether the kept connection was found to be closed, or in disorder, before it was used.
pub(super) fn is_stale(error: &SendRequestError) -> bool {
    matches!(
        stream_fault(error),
        Some(StreamFault::ClosedWhileIdle | StreamFault::UnsolicitedBytes)
    )
}

/// What went wrong before the response's head was there.
pub(super) fn failed(error: &SendRequestError) -> HttpError {
    if let Some(failure) = connect_failure(error) {
        return HttpError::Connect(failure.clone());
    }
    if let Some(fault) = stream_fault(error).filter(|fault| fault.is_too_large()) {
        return UnusableReply::Head(fault.clone()).into();
    }
    if let Some(fault) = stream_fault(error).filter(|fault| fault.is_lasting()) {
        return HttpError::NotHttp { fault: fault.clone() };
    }
    let reason = match (stream_fault(error), error) {
        (Some(fault), _) => fault.to_string(),
        (None, SendRequestError::Connect(ConnectError::Disconnected)) => {
            "it was closed before a reply".to_owned()
        }
        // awc's own words; they hold nothing of the request or the reply.
        (None, other) => other.to_string(),
    };
    HttpError::Broken { reason }
}

/// What went wrong within the response's body.
pub(super) fn broke_off(error: &PayloadError) -> HttpError {
    if let Some(fault) = payload_fault(error).filter(|fault| fault.is_lasting()) {
        return HttpError::NotHttp { fault: fault.clone() };
    }
    let reason = match (payload_fault(error), error) {
        (Some(fault), _) => fault.to_string(),
        // Its own text shows the error within as it is written in code.
        (None, PayloadError::Incomplete(Some(error)) | PayloadError::Io(error)) => {
            tcp_reason(error)
        }
        (None, other) => other.to_string(),
    };
    HttpError::Broken { reason }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_reset_within_a_body_is_told_in_plain_words() {
        let reset = || io::Error::from_raw_os_error(104);
        for error in [PayloadError::Incomplete(Some(reset())), PayloadError::Io(reset())] {
            assert_eq!(broke_off(&error).to_string(), "the connection broke: connection reset");
        }
    }
}
