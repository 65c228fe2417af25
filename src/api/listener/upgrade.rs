//! A request that asks for another protocol is answered in HTTP/1.1, as if it had not asked.
//!
//! RFC 9110 section 7.8 lets a server ignore `Upgrade`. actix-http cannot: once such a request has
//! come it keeps no connection, and it takes all that follows an `Upgrade: websocket`, or a
//! `CONNECT`, for one body without end, whatever `Content-Length` says. So the body is cut at its
//! length here, and the listener says with the reply that it is the last one on the connection:
//! whoever sent another request behind it, a proxy that shares its connections above all, knows
//! that this has to be sent anew.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_http::{BoxedPayloadStream, ConnectionType};
use actix_web::HttpMessage as _;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use memchr::memmem;

/// Whether a request asks for another protocol. If so, it gets the body that it announces, and its
/// reply has to be the last one on the connection.
pub fn decline(request: &mut ServiceRequest) -> bool {
    let head = request.head();
    let asks = head.headers().contains_key(UPGRADE)
        || head.connection_type() == ConnectionType::Upgrade
        || head.method == Method::CONNECT;
    // A chunked body has its own end, also for actix-http.
    if asks && !head.headers().contains_key(TRANSFER_ENCODING) {
        let length = content_length(request);
        let payload = match (length, request.take_payload()) {
            (0, _) => Payload::None,
            (left, payload) => {
                Payload::from(Box::pin(Sized { payload, left }) as BoxedPayloadStream)
            }
        };
        request.set_payload(payload);
    }
    asks
}

/// The length that a request announces; actix-http has refused whatever is no number.
fn content_length(request: &ServiceRequest) -> u64 {
    let length = request.headers().get(CONTENT_LENGTH);
    length.and_then(|length| length.to_str().ok()?.trim().parse().ok()).unwrap_or_default()
}

/// actix-http reads ahead, and writes into the head of a reply what the last request that it has
/// read wants of the connection: this, if that one asks for another protocol.
const LINE: &[u8] = b"connection: upgrade\r\n";

/// What is to be done with bytes that actix-http writes.
#[derive(Debug, PartialEq, Eq)]
pub enum Written<'a> {
    /// This much is sent as it is; it may be all.
    Send(&'a [u8]),
    /// So many bytes at the beginning are left out.
    LeaveOut(usize),
}

/// Finds the line by which a reply would speak of an upgrade, for another request than its own.
/// Nothing else that is sent can hold it: in JSON, no text has line breaks.
pub fn without_line(written: &[u8]) -> Written<'_> {
    if written.starts_with(LINE) {
        return Written::LeaveOut(LINE.len());
    }
    // A line begins behind the end of another.
    let found = memmem::find_iter(written, LINE);
    let mut before = found.filter_map(|at| written.get(..at)).filter(|it| it.ends_with(b"\r\n"));
    Written::Send(before.next().unwrap_or(written))
}

/// The beginning of a body that goes on.
struct Sized {
    payload: Payload,
    /// So many bytes belong to it.
    left: u64,
}

impl Stream for Sized {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let left = self.left;
        let next = self.payload.poll_next_unpin(cx);
        next.map_ok(|mut chunk| {
            chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            self.left -= chunk.len() as u64;
            chunk
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_line_of_a_head_is_left_out() {
        let (before, after) = ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", "date: x\r\n\r\n{}");
        let line = "connection: upgrade\r\n";
        let written = [before, line, after].concat();
        assert_eq!(without_line(written.as_bytes()), Written::Send(before.as_bytes()));
        let rest = [line, after].concat();
        assert_eq!(without_line(rest.as_bytes()), Written::LeaveOut(line.len()));
        for other in [after, "", "x-connection: upgrade\r\n", "\r\nconnection: upgrades\r\n"] {
            assert_eq!(without_line(other.as_bytes()), Written::Send(other.as_bytes()), "{other}");
        }
    }
}
