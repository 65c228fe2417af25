//! Gives the HTTP layer's own errors a body.
//!
//! actix-http answers a malformed or slow request head by itself, before any handler of ours is
//! called, with an empty body. This stream sits below it and sends a JSON problem instead of such
//! an empty reply; everything else passes through untouched.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_rt::net::{ActixStream, Ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::reply_headers::LINES;

/// No handler of ours sends an empty error, so this in a reply's head tells one of actix-http's.
const EMPTY: &[u8] = b"\r\ncontent-length: 0\r\n";

/// A stream on which actix-http's empty error replies become JSON problems.
pub struct WithErrorPages<S> {
    stream: S,
    /// What is left to be sent of a reply of ours.
    pending: Vec<u8>,
    sent: usize,
}

impl<S> WithErrorPages<S> {
    /// Wraps an accepted connection.
    pub fn new(stream: S) -> Self {
        Self { stream, pending: Vec::new(), sent: 0 }
    }

    /// What is wrapped.
    pub fn inner(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncWrite + Unpin> WithErrorPages<S> {
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.pending.len() {
            let rest = self.pending.get(self.sent..).unwrap_or_default();
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        self.pending.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

/// What to send instead, if `written` ends with one of actix-http's empty errors: what stands
/// before it (replies to earlier requests on the connection), then the same error with a body.
fn with_error_page(written: &[u8]) -> Option<Vec<u8>> {
    // An empty reply ends with its head, and nothing is written after an error.
    let head = written.ends_with(b"\r\n\r\n").then_some(written)?;
    let start = head.windows(7).rposition(|seven| seven == b"HTTP/1.")?;
    let (before, head) = written.split_at_checked(start)?;
    let status: u16 = std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()?;
    let is_empty = head.windows(EMPTY.len()).any(|part| part.eq_ignore_ascii_case(EMPTY));
    let (title, detail) = match status {
        400 => ("Bad Request", "the request is not valid HTTP"),
        408 => return Some([before, slow_head().as_bytes()].concat()).filter(|_| is_empty),
        413 => ("Content Too Large", "the request is too large"),
        414 => ("URI Too Long", "the request's target is too long"),
        431 => ("Request Header Fields Too Large", "the request's head is too large"),
        501 => ("Not Implemented", "the request uses something that is not supported"),
        500..=599 => ("Internal Server Error", "a fault in the service; its log has more"),
        _ => return None,
    };
    is_empty.then(|| [before, page(status, title, detail).as_bytes()].concat())
}

/// The reply to a request whose head came too slowly.
pub(super) fn slow_head() -> String {
    page(408, "Request Timeout", "the request's head did not come in time")
}

/// A whole reply, the last one on its connection.
fn page(status: u16, title: &str, detail: &str) -> String {
    let body = format!(
        r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"}}"#
    );
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\n{LINES}\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

impl<S: AsyncRead + Unpin> AsyncRead for WithErrorPages<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WithErrorPages<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        match with_error_page(bytes) {
            Some(page) => {
                self.pending = page;
                // The page follows with the next write or flush.
                Poll::Ready(Ok(bytes.len()))
            }
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: ActixStream> ActixStream for WithErrorPages<S> {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.stream.poll_read_ready(cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.stream.poll_write_ready(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::with_error_page;

    fn replaced(written: &str) -> Option<String> {
        with_error_page(written.as_bytes()).map(|page| String::from_utf8(page).unwrap())
    }

    const EMPTY_400: &str =
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    #[test]
    fn an_empty_error_gets_a_body_of_its_length() {
        let page = replaced(EMPTY_400).unwrap();
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["status"], 400);
    }

    #[test]
    fn the_reply_to_an_earlier_request_stays_in_front_of_it() {
        let first = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        let page = replaced(&format!("{first}{EMPTY_400}")).unwrap();
        assert!(page.starts_with(&format!("{first}HTTP/1.1 400")), "{page}");
        assert!(page.ends_with('}'), "{page}");
    }

    #[test]
    fn every_other_reply_is_left_as_it_is() {
        for written in [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 70\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n",
            "\r\n\r\n",
            "",
        ] {
            assert_eq!(replaced(written), None, "{written:?}");
        }
    }
}
