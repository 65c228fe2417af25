//! Ends a connection whose caller may still be sending.
//!
//! Who closes with bytes unread resets the connection, which can take the last reply from the
//! caller (RFC 9112 section 9.6): its own write fails before it reads. So our side is ended first,
//! and what still comes is read and dropped: until the caller ends its side, at most for
//! [`LONGEST`] and at most [`MOST`].

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock;

/// How long it is read at most.
const LONGEST: Duration = Duration::from_secs(1);
/// How much is read at most, bytes.
const MOST: usize = 1024 * 1024;

/// A connection's end, after its last reply.
pub(in crate::api) struct Lingering {
    timeout: Pin<Box<dyn Future<Output = ()>>>,
    /// Bytes that may still come.
    left: usize,
    our_side_has_ended: bool,
    is_over: bool,
}

impl Lingering {
    /// Begins now.
    pub fn new() -> Self {
        let timeout = Box::pin(clock::sleep_until(clock::now() + LONGEST));
        Self { timeout, left: MOST, our_side_has_ended: false, is_over: false }
    }

    /// Ready when the connection is to be closed.
    pub fn poll(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if !self.is_over && self.timeout.as_mut().poll(cx).is_pending() {
            ready!(self.poll_end(stream, cx));
        }
        self.is_over = true;
        Poll::Ready(())
    }

    /// Ready when the caller's side has ended, or too much has come.
    fn poll_end(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if !self.our_side_has_ended {
            if ready!(Pin::new(&mut *stream).poll_shutdown(cx)).is_err() {
                return Poll::Ready(());
            }
            self.our_side_has_ended = true;
        }
        let mut room = [0; 8 * 1024];
        loop {
            let mut buf = ReadBuf::new(&mut room);
            let read = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf));
            let length = buf.filled().len();
            if read.is_err() || length == 0 || length > self.left {
                return Poll::Ready(());
            }
            self.left -= length;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    /// Our end, and the caller's.
    fn stream() -> (DuplexStream, DuplexStream) {
        tokio::io::duplex(64 * 1024)
    }

    async fn linger(mut ours: DuplexStream) {
        let mut lingering = Lingering::new();
        poll_fn(|cx| lingering.poll(&mut ours, cx)).await;
        // Once more does no harm.
        poll_fn(|cx| lingering.poll(&mut ours, cx)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn our_side_ends_first_and_the_rest_ends_with_the_callers() {
        let (ours, mut callers) = stream();
        let began = clock::now();
        let caller = async move {
            assert_eq!(callers.read(&mut [0; 8]).await.unwrap(), 0, "our side has ended");
            callers.write_all(&vec![7; 200_000]).await.expect("it is read all the same");
        };
        tokio::join!(linger(ours), caller);
        assert_eq!(clock::now(), began, "no time is waited");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_does_not_end_is_left_after_a_second() {
        let (ours, mut callers) = stream();
        let began = clock::now();
        let caller = async {
            while callers.write_all(b"drip").await.is_ok() {
                clock::sleep_until(clock::now() + LONGEST / 10).await;
            }
        };
        tokio::join!(linger(ours), caller);
        let took = clock::now() - began;
        assert!((LONGEST..LONGEST * 2).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_sends_without_end_is_left_after_a_mebibyte() {
        let (ours, mut callers) = stream();
        let began = clock::now();
        let caller = async {
            let mut sent = 0;
            while callers.write_all(&[7; 1024]).await.is_ok() {
                sent += 1024;
            }
            sent
        };
        let ((), sent) = tokio::join!(linger(ours), caller);
        assert!((MOST..MOST + 128 * 1024).contains(&sent), "{sent}");
        assert_eq!(clock::now(), began, "no time is waited");
    }
}
