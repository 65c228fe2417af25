//! The stream that awc reads from and writes to: a connection behind a [`ResponseGuard`].
//!
//! It exists because awc takes an interim (1xx) reply for the final one and then hands the final
//! one to the next request; because it takes cut bodies for whole ones; and because it keeps
//! connections on which bytes may still come.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_rt::net::{ActixStream, Ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::connection::Connection;
use crate::http::exchange_log::ExchangeLog;
use crate::http::guard::response_state::{Phase, ResponseGuard};
use crate::http::persistence::Persistence;
use crate::http::pool::Member as _;
use crate::http::stream_fault::StreamFault;

/// One connection as awc sees it. Dropping it closes the connection.
pub struct GuardedStream {
    connection: Rc<Connection>,
    guard: ResponseGuard,
}

impl GuardedStream {
    /// Puts the guard in front of a new connection.
    pub fn new(connection: Rc<Connection>) -> Self {
        Self { connection, guard: ResponseGuard::new() }
    }

    /// The first write of a new exchange. The last look at the connection is taken here: what can
    /// be read now was sent before the request and can not be its reply.
    fn begin(&mut self, cx: &mut Context<'_>) -> Result<(), StreamFault> {
        self.guard.begin()?;
        let exchange = ExchangeLog::current();
        let id = exchange.as_ref().map_or(0, ExchangeLog::id);
        let usage = self.connection.begin(cx, id)?;
        if let Some(exchange) = exchange {
            exchange.on_connection(&self.connection, usage);
        }
        Ok(())
    }

    /// Closes the connection and tells why.
    fn fail<T>(&self, fault: impl Into<io::Error>) -> Poll<io::Result<T>> {
        self.connection.close();
        Poll::Ready(Err(fault.into()))
    }

    /// awc asks by reading whether an idle connection can be used. Whatever comes now belongs to
    /// nobody, so there are two answers only: nothing has come, or the stream is at its end.
    fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut byte = [0];
        match self.connection.poll_read(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => {
                self.connection.close();
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Reads until there is something for awc. The head is looked at where it was read.
    fn poll_reply(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let start = buf.filled().len();
        loop {
            match self.connection.poll_read(cx, buf) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return self.read_failed(error),
                Poll::Ready(Ok(())) if buf.filled().len() == start => return self.stream_ended(),
                Poll::Ready(Ok(())) => {}
            }
            let came = buf.filled_mut().get_mut(start..).unwrap_or_default();
            let count = match self.guard.accept(came) {
                Ok(count) => count,
                Err(fault) => {
                    buf.set_filled(start);
                    return self.fail(fault);
                }
            };
            buf.set_filled(start + count);
            let phase = self.guard.phase();
            match phase {
                Phase::InReply => {}
                Phase::Idle => self.connection.reply_ended(Persistence::KeepAlive),
                Phase::Ended => self.connection.reply_ended(Persistence::Close),
            }
            if self.guard.has_backlog() {
                self.hand_on(buf);
            }
            if buf.filled().len() > start || phase != Phase::InReply {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn hand_on(&mut self, buf: &mut ReadBuf<'_>) {
        self.guard.hand_on(buf.remaining(), |bytes| buf.put_slice(bytes));
    }

    fn stream_ended(&mut self) -> Poll<io::Result<()>> {
        self.connection.close();
        Poll::Ready(self.guard.end_of_stream().map_err(io::Error::from))
    }

    /// TLS reports a connection that ended without `close_notify` as an error. Where the length of
    /// the body is known that says nothing new; where it is not, the body may have been cut.
    fn read_failed(&mut self, error: io::Error) -> Poll<io::Result<()>> {
        if error.kind() != io::ErrorKind::UnexpectedEof {
            return self.fail(error);
        }
        if self.guard.ends_with_the_stream() {
            return self.fail(StreamFault::NoCloseNotify);
        }
        self.stream_ended()
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if this.guard.has_backlog() {
            this.hand_on(buf);
            return Poll::Ready(Ok(()));
        }
        match this.guard.phase() {
            Phase::Idle => this.poll_idle(cx),
            Phase::InReply => this.poll_reply(cx, buf),
            Phase::Ended => this.stream_ended(),
        }
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.guard.phase() {
            Phase::Idle => {
                if let Err(fault) = this.begin(cx) {
                    return this.fail(fault);
                }
            }
            Phase::InReply if this.connection.exchange() != ExchangeLog::current_id() => {
                return this.fail(StreamFault::PreviousReplyUnread);
            }
            Phase::InReply => {}
            Phase::Ended => return this.fail(StreamFault::ClosedWhileIdle),
        }
        let (result, sent) = this.connection.poll_write(cx, bytes);
        if sent {
            ExchangeLog::mark_sent();
        }
        if let Poll::Ready(Err(error)) = result {
            return this.fail(error);
        }
        result
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_shutdown(cx)
    }
}

impl ActixStream for GuardedStream {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.connection.poll_tcp(|tcp| tcp.poll_read_ready(cx).map_ok(|()| Ready::READABLE))
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.connection.poll_tcp(|tcp| tcp.poll_write_ready(cx).map_ok(|()| Ready::WRITABLE))
    }
}

impl fmt::Debug for GuardedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.guard.phase();
        f.debug_struct("GuardedStream").field("phase", &phase).finish_non_exhaustive()
    }
}

impl Drop for GuardedStream {
    fn drop(&mut self) {
        // An exchange may still hold the connection.
        self.connection.close();
    }
}
