//! Gives the HTTP layer's own errors a body.
//!
//! actix-http answers a malformed or slow request head by itself, before any handler of ours is
//! called, with an empty body. This stream sits below it and sends a JSON problem instead of such
//! an empty reply. A reply's line about an upgrade that another request asked for is left out;
//! everything else passes through untouched.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_rt::net::{ActixStream, Ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::refusals::Refusals;
use super::upgrade::{self, Written};

/// No handler of ours sends an empty error, so this in a reply's head tells one of actix-http's.
const EMPTY: &[u8] = b"\r\ncontent-length: 0\r\n";

/// A stream on which actix-http's empty error replies become JSON problems.
pub struct WithErrorPages<S> {
    stream: S,
    refusals: Refusals,
    /// What is left to be sent of a reply of ours.
    pending: Vec<u8>,
    sent: usize,
}

impl<S> WithErrorPages<S> {
    /// Wraps an accepted connection.
    pub fn new(stream: S, refusals: Refusals) -> Self {
        Self { stream, refusals, pending: Vec::new(), sent: 0 }
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

/// If `written` ends with one of actix-http's empty errors: what stands before it (replies to
/// earlier requests on the connection), and the error's status.
fn empty_error(written: &[u8]) -> Option<(&[u8], u16)> {
    // An empty reply ends with its head, and nothing is written after an error.
    let head = written.ends_with(b"\r\n\r\n").then_some(written)?;
    let start = head.windows(7).rposition(|seven| seven == b"HTTP/1.")?;
    let (before, head) = written.split_at_checked(start)?;
    let status: u16 = std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()?;
    let is_empty = head.windows(EMPTY.len()).any(|part| part.eq_ignore_ascii_case(EMPTY));
    (is_empty && status >= 400).then_some((before, status))
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
        let bytes = match upgrade::without_line(bytes) {
            Written::Send(bytes) => bytes,
            Written::LeaveOut(length) => return Poll::Ready(Ok(length)),
        };
        let error = empty_error(bytes);
        let page = error.and_then(|(before, status)| Some((before, self.refusals.reply(status)?)));
        match page {
            Some((before, page)) => {
                self.pending = [before, page.as_bytes()].concat();
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
    use super::empty_error;

    const EMPTY_400: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    #[test]
    fn an_empty_error_is_found_behind_the_reply_to_an_earlier_request() {
        assert_eq!(empty_error(EMPTY_400), Some((&b""[..], 400)));
        let first = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        let both = [first, EMPTY_400].concat();
        assert_eq!(empty_error(&both), Some((&first[..], 400)));
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
            assert_eq!(empty_error(written.as_bytes()), None, "{written:?}");
        }
    }
}
