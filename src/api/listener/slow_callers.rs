//! Ends a kept connection whose next request's head comes too slowly, one that had its last reply
//! while the caller still owes the rest of a body, and one whose caller does not take its reply.
//!
//! actix-http times the first head on a connection only, and waits without end for a chunked body
//! that nobody reads; without this, a caller could hold each of its connections for ever. The
//! stream and the requests on it share a [`Phase`]: bytes that come between two requests belong to
//! the next head and start a timer, and so does the end of the last reply. The stream's end is
//! told the other way: a request under way learns by it that its caller has gone. An idle connection
//! that has to make room for another one ends in the same way: see `connection_limit.rs`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::api::listener::head_refusals::Refusals;
use crate::api::listener::lingering::Lingering;
use crate::api::listener::phase::Phase;
use crate::clock;

/// How long a caller may take no byte of a reply that is ready for it. Without an end to it,
/// replies of callers that never read would fill the memory.
const WRITE_STALL: Duration = Duration::from_secs(10);

/// A stream that ends, after a 408, when a head takes longer than the time given, and that fails
/// when nothing is taken from it for long.
pub struct WithCallerTimeouts<S> {
    stream: S,
    phase: Phase,
    refusals: Refusals,
    head_timeout: Duration,
    timer: Option<Timer>,
    /// Runs out when the caller has taken nothing for too long.
    write_stall: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Resolves when the system has been asked once more whether something has come.
    last_look: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// The connection's end after a 408.
    lingering: Option<Lingering>,
}

/// Runs out when the head that follows so many requests is late.
struct Timer {
    requests: u64,
    end: Pin<Box<dyn Future<Output = ()>>>,
    is_over: bool,
}

impl<S> WithCallerTimeouts<S> {
    /// Wraps an accepted connection.
    pub fn new(stream: S, phase: Phase, refusals: Refusals, head_timeout: Duration) -> Self {
        Self {
            stream,
            phase,
            refusals,
            head_timeout,
            timer: None,
            write_stall: None,
            last_look: None,
            lingering: None,
        }
    }

    /// What the requests on this connection are to tell.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// What is wrapped.
    pub fn inner(&self) -> &S {
        &self.stream
    }

    fn start_timer(&mut self, requests: u64) {
        if self.timer.as_ref().is_none_or(|timer| timer.requests != requests) {
            let end = Box::pin(clock::sleep_until(clock::now() + self.head_timeout));
            self.timer = Some(Timer { requests, end, is_over: false });
        }
    }

    /// Whether an idle connection ends to make room. What has come already is answered: the runtime
    /// knows of it only when it has asked the system once more.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.phase.has_to_end(cx) {
            self.last_look = None;
            return Poll::Pending;
        }
        let look = self.last_look.get_or_insert_with(|| Box::pin(tokio::task::yield_now()));
        look.as_mut().poll(cx)
    }

    fn poll_late(&mut self, requests: u64, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            Some(timer) if timer.requests == requests => {
                timer.is_over = timer.is_over || timer.end.as_mut().poll(cx).is_ready();
                if timer.is_over { Poll::Ready(()) } else { Poll::Pending }
            }
            Some(_) | None => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WithCallerTimeouts<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, lingering, .. } = &mut *self;
        if let Some(lingering) = lingering {
            // No bytes: the end of the stream.
            return lingering.poll(stream, cx).map(Ok);
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let has_ended = match &read {
            Poll::Ready(Ok(())) => buf.filled().len() == before && buf.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if has_ended {
            self.phase.caller_ended();
        }
        if let Some(bytes) = buf.filled().get(before..).filter(|bytes| !bytes.is_empty()) {
            self.phase.received(bytes);
        }
        if read.is_pending() && self.poll_end(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let Some(requests) = self.phase.between() else { return read };
        if read.is_ready() {
            if buf.filled().len() > before {
                self.start_timer(requests);
            }
            return read;
        }
        if self.poll_late(requests, cx).is_pending() {
            return Poll::Pending;
        }
        if self.phase.is_over() {
            return Poll::Ready(Ok(()));
        }
        // Nothing else is being written between two requests. A caller that does not even take
        // these few bytes goes without them.
        let page = self.refusals.reply(408).unwrap_or_default();
        let _: Poll<io::Result<usize>> = Pin::new(&mut self.stream).poll_write(cx, page.as_bytes());
        self.lingering = Some(Lingering::new());
        self.poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WithCallerTimeouts<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.phase.writing();
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if written.is_ready() {
            self.write_stall = None;
            return written;
        }
        let stall = self
            .write_stall
            .get_or_insert_with(|| Box::pin(clock::sleep_until(clock::now() + WRITE_STALL)));
        stall.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(requests) = self.phase.between()
            && self.phase.is_over()
        {
            self.start_timer(requests);
            // Only to be woken when it runs out: the next read then ends the stream.
            let _: Poll<()> = self.poll_late(requests, cx);
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.phase.written();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::api::listener::connection_limit::{ConnectionLimit, WorkerConnections};

    fn stream(
        buffer: usize,
    ) -> (WithCallerTimeouts<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (ours, callers) = tokio::io::duplex(buffer);
        let limit = Arc::new(ConnectionLimit::new("public", 1, 1));
        let phase = Phase::new(WorkerConnections::new(limit).admit());
        let refusals = Refusals::new(None, None, phase.clone());
        (WithCallerTimeouts::new(ours, phase, refusals, Duration::from_secs(5)), callers)
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_takes_nothing_is_given_up() {
        let (mut ours, _callers) = stream(16);
        let began = clock::now();
        let error = ours.write_all(&[0; 64]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let took = clock::now() - began;
        assert!((WRITE_STALL..WRITE_STALL * 2).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_takes_a_little_now_and_then_gets_everything() {
        let (mut ours, mut callers) = stream(16);
        let reading = tokio::spawn(async move {
            let mut all = vec![0; 160];
            for part in all.chunks_mut(16) {
                clock::sleep_until(clock::now() + WRITE_STALL / 2).await;
                callers.read_exact(part).await.expect("there is more");
            }
            all
        });
        ours.write_all(&[7; 160]).await.expect("it is taken in time");
        assert_eq!(reading.await.expect("no panic"), [7; 160]);
    }
}
