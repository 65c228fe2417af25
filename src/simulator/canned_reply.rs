//! Replies as bytes (HTTP/1.1, RFC 9112), also such as no well-behaved server would send.

use bytes::{Bytes, BytesMut};
use serde_json::Value;

/// A complete reply of an upstream, before it is decided how its bytes are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers, without the one that gives the body's length: that one is added when the
    /// reply is sent, unless it is here already.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// How a reply says where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplyFraming {
    /// `Content-Length` with this number, true or not.
    Length(usize),
    Chunked,
    /// The end of the connection is the end of the body.
    UntilClose,
}

impl Reply {
    /// A reply without headers and without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// A JSON reply.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status)
            .with_header("content-type", "application/json")
            .with_body(body.to_string())
    }

    /// Adds a header, after those that are there.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Replaces the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Whether the status forbids a body (RFC 9110, section 6.4.1).
    fn is_bodiless(&self) -> bool {
        matches!(self.status, 100..=199 | 204 | 304)
    }

    /// Whether a header of its own says where the body ends.
    fn is_framed(&self) -> bool {
        self.headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("content-length")
                || name.eq_ignore_ascii_case("transfer-encoding")
        })
    }

    /// The bytes of the status line and the headers, blank line included.
    pub(super) fn head(&self, framing: ReplyFraming) -> Bytes {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            push_header(&mut head, name, value);
        }
        if !self.is_bodiless() && !self.is_framed() {
            let (name, value) = match framing {
                ReplyFraming::Length(length) => ("content-length", length.to_string()),
                ReplyFraming::Chunked => ("transfer-encoding", "chunked".to_owned()),
                ReplyFraming::UntilClose => ("connection", "close".to_owned()),
            };
            push_header(&mut head, name, &value);
        }
        head.push_str("\r\n");
        Bytes::from(head)
    }

    /// The body as it may be sent: empty if the status forbids one.
    pub(super) fn sent_body(&self) -> Bytes {
        if self.is_bodiless() { Bytes::new() } else { self.body.clone() }
    }

    /// Head and body of a plain reply with its true length.
    pub(super) fn whole(&self) -> Bytes {
        let body = self.sent_body();
        let mut bytes = BytesMut::from(self.head(ReplyFraming::Length(body.len())));
        bytes.extend_from_slice(&body);
        bytes.freeze()
    }
}

fn push_header(head: &mut String, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        head.push_str(part);
    }
}

/// The usual words for a status; clients must not care (RFC 9112, section 4).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Simulated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_carries_its_length_unless_the_status_or_a_header_says_otherwise() {
        let reply = Reply::status(200).with_body("äö");
        assert_eq!(reply.whole(), "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\näö");
        let empty = Reply::status(204).with_body("ignored");
        assert_eq!(empty.whole(), "HTTP/1.1 204 No Content\r\n\r\n");
        let lying = Reply::status(304).with_header("content-length", "7");
        assert_eq!(lying.whole(), "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n");
    }
}
