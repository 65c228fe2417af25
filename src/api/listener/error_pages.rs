//! Gives the HTTP layer's own errors a body.
//!
//! actix-http answers a malformed or slow request head by itself, before any handler of ours is
//! called, with an empty body. This stream sits below it and sends a JSON problem instead of such
//! an empty reply. A reply's line about an upgrade that another request asked for is left out;
//! everything else passes through untouched.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::api::listener::head_refusals::Refusals;
use crate::api::listener::lingering::Lingering;
use crate::api::listener::upgrade::{self, Written};

/// No handler of ours sends an empty error, so this in a reply's head tells one of actix-http's.
const EMPTY: &[u8] = b"\r\ncontent-length: 0\r\n";
/// What actix-http writes before it gives a request to its handler, if the caller asked for it.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A stream on which actix-http's empty error replies become JSON problems.
pub struct WithErrorPages<S> {
    stream: S,
    refusals: Refusals,
    /// What is sent instead of an empty error.
    last: Option<LastPage>,
}

/// The last reply on a connection, and the connection's end.
struct LastPage {
    bytes: Vec<u8>,
    sent: usize,
    lingering: Option<Lingering>,
}

impl<S> WithErrorPages<S> {
    /// Wraps an accepted connection.
    pub fn new(stream: S, refusals: Refusals) -> Self {
        Self { stream, refusals, last: None }
    }

    /// What is wrapped.
    pub fn inner(&self) -> &S {
        &self.stream
    }
}

impl LastPage {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, sent: 0, lingering: None }
    }

    /// Ready when everything is sent and the connection is to be closed.
    fn poll(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.bytes.len() {
            let rest = self.bytes.get(self.sent..).unwrap_or_default();
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        self.lingering.get_or_insert_with(Lingering::new).poll(stream, cx).map(Ok)
    }
}

/// Whether `100 Continue` is written with the final reply behind it: the request's head was enough
/// for that, and the caller must not be asked for a body that nobody will read.
fn needs_no_continue(written: &[u8]) -> bool {
    written.strip_prefix(CONTINUE).is_some_and(|next| next.starts_with(b"HTTP/1."))
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WithErrorPages<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, refusals, last } = self.get_mut();
        if needs_no_continue(bytes) {
            return Poll::Ready(Ok(CONTINUE.len()));
        }
        let bytes = match upgrade::without_line(bytes) {
            Written::Send(bytes) => bytes,
            Written::LeaveOut(length) => return Poll::Ready(Ok(length)),
        };
        if last.is_none()
            && let Some((before, status)) = empty_error(bytes)
            && let Some(page) = refusals.reply(status)
        {
            *last = Some(LastPage::new([before, page.as_bytes()].concat()));
        }
        let Some(last) = last else { return Pin::new(stream).poll_write(cx, bytes) };
        ready!(last.poll(stream, cx))?;
        // It would drop the connection in any case, but log what is told by a record already.
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, refusals, last } = self.get_mut();
        if last.is_none() && !refusals.ends_with_what_is_written() {
            return Pin::new(stream).poll_flush(cx);
        }
        let last = last.get_or_insert_with(|| LastPage::new(Vec::new()));
        ready!(last.poll(stream, cx))?;
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::{empty_error, needs_no_continue};

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
    fn a_continue_is_left_out_where_the_final_reply_is_behind_it() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n";
        assert!(needs_no_continue(format!("{interim}HTTP/1.1 413 Too Large\r\n").as_bytes()));
        let ok = "HTTP/1.1 200 OK\r\n\r\n";
        for written in [interim.to_owned(), ok.to_owned(), format!("{ok}{interim}"), String::new()]
        {
            assert!(!needs_no_continue(written.as_bytes()), "{written:?}");
        }
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
