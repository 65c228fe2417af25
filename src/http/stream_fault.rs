//! What can be wrong with the bytes of a reply, as one typed error that travels inside `io::Error`.

use std::io;

use actix_http::error::{ParseError, PayloadError};
use awc::error::{ConnectError, SendRequestError};

/// A reply that broke HTTP/1.1, or a connection that could not carry an exchange to its end.
/// The connection is closed whenever one of these comes up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// The kept connection was closed by the other side before this request was written.
    #[error("the kept connection was closed before the request was sent")]
    ClosedWhileIdle,
    /// Bytes came that no request had asked for; they must never become somebody's answer.
    #[error("the kept connection carried bytes that no request had asked for")]
    UnsolicitedBytes,
    /// A request was about to be written before the previous reply had been read to its end.
    #[error("the previous reply on this connection was not read to its end")]
    PreviousReplyUnread,
    /// End of the stream before the first byte of a reply.
    #[error("connection closed before a reply")]
    ClosedBeforeReply,
    /// End of the stream inside a response head.
    #[error("connection closed inside the response head")]
    HeadCutShort,
    /// The response head has more bytes than allowed.
    #[error("response head larger than {limit} bytes")]
    HeadTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The response head has more header fields than allowed.
    #[error("more than {limit} headers in the response head")]
    TooManyHeaders {
        /// The limit.
        limit: usize,
    },
    /// The response head is not HTTP/1.0 or HTTP/1.1.
    #[error("malformed response head: {0}")]
    MalformedHead(&'static str),
    /// More interim (1xx) responses than anybody could mean.
    #[error("more than {limit} interim (1xx) responses")]
    TooManyInterimResponses {
        /// The limit.
        limit: u32,
    },
    /// 101, or an `Upgrade: websocket` header (RFC 9110 section 7.8: only on request).
    #[error("the server changed protocol without being asked to")]
    UnaskedUpgrade,
    /// RFC 9112 section 6.3: where the body ends cannot be told for certain.
    #[error("ambiguous response framing: {0}")]
    AmbiguousFraming(&'static str),
    /// End of the stream before the `Content-Length` was reached.
    #[error("connection closed after {received} of {expected} body bytes")]
    BodyCutShort {
        /// Body bytes that came.
        received: u64,
        /// The Content-Length in bytes.
        expected: u64,
    },
    /// End of a TLS stream without `close_notify`, where nothing else tells that the body is whole
    /// (RFC 9112 section 9.8).
    #[error("connection closed without TLS close_notify, so the body may be cut off")]
    NoCloseNotify,
    /// End of the stream before the last chunk.
    #[error("connection closed inside a chunked body")]
    ChunkedBodyCutShort,
    /// RFC 9112 section 7.1: the chunked coding itself is wrong.
    #[error("malformed chunked body: {0}")]
    MalformedChunk(&'static str),
}

impl StreamFault {
    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::ClosedWhileIdle | Self::ClosedBeforeReply => io::ErrorKind::ConnectionReset,
            Self::UnsolicitedBytes | Self::PreviousReplyUnread => io::ErrorKind::BrokenPipe,
            Self::HeadCutShort
            | Self::BodyCutShort { .. }
            | Self::NoCloseNotify
            | Self::ChunkedBodyCutShort => io::ErrorKind::UnexpectedEof,
            Self::HeadTooLarge { .. }
            | Self::TooManyHeaders { .. }
            | Self::MalformedHead(_)
            | Self::TooManyInterimResponses { .. }
            | Self::UnaskedUpgrade
            | Self::AmbiguousFraming(_)
            | Self::MalformedChunk(_) => io::ErrorKind::InvalidData,
        }
    }
}

impl StreamFault {
    /// Whether the reply itself breaks HTTP: it would be the same another time.
    pub fn is_lasting(&self) -> bool {
        self.kind() == io::ErrorKind::InvalidData
    }

    /// Whether the reply itself is more than is taken: it would be the same another time.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::HeadTooLarge { .. } | Self::TooManyHeaders { .. })
    }
}

impl From<StreamFault> for io::Error {
    fn from(fault: StreamFault) -> Self {
        io::Error::new(fault.kind(), fault)
    }
}

/// The fault that made sending a request or reading a response head fail, if it was one of ours.
pub fn stream_fault(error: &SendRequestError) -> Option<&StreamFault> {
    match error {
        SendRequestError::Send(error)
        | SendRequestError::Connect(ConnectError::Io(error))
        | SendRequestError::Response(ParseError::Io(error)) => from_io(error),
        // Both enums are awc's own and non-exhaustive.
        _ => None,
    }
}

/// The fault that made reading a response body fail, if it was one of ours.
pub fn payload_fault(error: &PayloadError) -> Option<&StreamFault> {
    match error {
        PayloadError::Incomplete(Some(error)) | PayloadError::Io(error) => from_io(error),
        // The enum is actix's own and non-exhaustive.
        _ => None,
    }
}

fn from_io(error: &io::Error) -> Option<&StreamFault> {
    error.get_ref()?.downcast_ref()
}
