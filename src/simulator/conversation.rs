//! One connection of an upstream: reads a request, plays the plan for it, and so on until one
//! side closes. While nothing is sent the read side is watched, so that a client that goes away
//! is noticed at once.

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::http::{Head, MAX_BODY, Malformed, take_body, take_head};
use super::playback::{Plan, Step, Then};
use super::received::Received;
use super::upstream::{RequestInProgress, Upstream};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// How many bytes may wait to be read while a reply is being sent.
const MAX_AHEAD: usize = 2 * MAX_BODY;

/// Serves one accepted connection until one side closes it.
pub(super) async fn serve(
    tcp: TcpStream,
    tls: Option<TlsAcceptor>,
    upstream: Upstream,
    number: u64,
) {
    let _open = upstream.connection_opened();
    let mut closing = upstream.closing();
    tokio::select! {
        // The client is the only one to be told about a broken connection, and it knows.
        _ = serve_requests(tcp, tls, &upstream, number) => {}
        _ = closing.changed() => {}
    }
}

async fn serve_requests(
    tcp: TcpStream,
    tls: Option<TlsAcceptor>,
    upstream: &Upstream,
    number: u64,
) -> io::Result<()> {
    // Every write is to leave as it is written: pieces are often the point.
    tcp.set_nodelay(true)?;
    let socket = match tls {
        Some(acceptor) => Socket::Tls(Box::new(acceptor.accept(tcp).await?)),
        None => Socket::Plain(tcp),
    };
    let mut wire = Wire { socket, buffer: BytesMut::new() };
    loop {
        let served = wire.serve_one(upstream, number).await;
        match served {
            Ok(Then::KeepOpen) => {}
            Ok(Then::Close) => return wire.socket.shutdown().await,
            // Dropping the socket closes it.
            Ok(Then::CloseWithoutNotify) => return Ok(()),
            Ok(Then::Reset) => return wire.socket.reset(),
            Err(Broken::Io(error)) => return Err(error),
            Err(Broken::Request(malformed)) => {
                wire.socket.write(&malformed.reply().whole()).await?;
                return wire.socket.shutdown().await;
            }
        }
    }
}

/// So many bytes fit into the kernel's buffers.
const SENT_AT_ONCE: usize = 16 * 1024;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Request(#[from] Malformed),
}

/// A socket and what was read from it but not yet used.
struct Wire {
    socket: Socket,
    buffer: BytesMut,
}

impl Wire {
    /// Reads one request and answers it; says what is to become of the connection.
    async fn serve_one(&mut self, upstream: &Upstream, number: u64) -> Result<Then, Broken> {
        let head = self.read_head().await?;
        let in_progress = upstream.request_begun();
        let body = self.read_body(&head).await?;
        let plan = upstream.plan(Received {
            at: Instant::now(),
            connection: number,
            method: head.method,
            target: head.target,
            headers: head.headers,
            body,
        });
        let then = self.play(plan, in_progress).await?;
        Ok(match then {
            Then::KeepOpen if head.close => Then::Close,
            Then::KeepOpen | Then::Close | Then::CloseWithoutNotify | Then::Reset => then,
        })
    }

    async fn read_head(&mut self) -> Result<Head, Broken> {
        loop {
            if let Some(head) = take_head(&mut self.buffer)? {
                return Ok(head);
            }
            self.read_more().await?;
        }
    }

    async fn read_body(&mut self, head: &Head) -> Result<Vec<u8>, Broken> {
        let mut must_continue = head.expects_continue;
        loop {
            if let Some(body) = take_body(&mut self.buffer, head.framing)? {
                return Ok(body);
            }
            if must_continue {
                self.socket.write(CONTINUE).await?;
                must_continue = false;
            }
            self.read_more().await?;
        }
    }

    /// The request is over when the last of its reply leaves: where that is sent at once, the client
    /// may send the next one before this task has a turn again.
    async fn play(&mut self, plan: Plan, in_progress: RequestInProgress) -> io::Result<Then> {
        let mut in_progress = Some(in_progress);
        let mut steps = plan.steps.into_iter().peekable();
        while let Some(step) = steps.next() {
            if steps.peek().is_none()
                && matches!(&step, Step::Send(bytes) if bytes.len() <= SENT_AT_ONCE)
            {
                drop(in_progress.take());
            }
            match step {
                Step::Send(bytes) => self.socket.write(&bytes).await?,
                Step::Wait(time) => self.wait(time).await?,
                Step::WaitForever => self.wait_for_the_end().await?,
                Step::Drip { bytes, bytes_per_write, every } => {
                    self.drip(&bytes, bytes_per_write, every).await?;
                }
            }
        }
        Ok(plan.end)
    }

    async fn drip(&mut self, bytes: &Bytes, size: usize, every: Duration) -> io::Result<()> {
        for (index, piece) in bytes.chunks(size).enumerate() {
            if index > 0 {
                self.wait(every).await?;
            }
            self.socket.write(piece).await?;
        }
        Ok(())
    }

    /// Sleeps, unless the client closes: that is an error at once.
    async fn wait(&mut self, time: Duration) -> io::Result<()> {
        let mut sleep = pin!(tokio::time::sleep(time));
        loop {
            tokio::select! {
                biased;
                () = &mut sleep => return Ok(()),
                read = self.read_more() => read?,
            }
        }
    }

    /// Ends with an error when the client closes, and never otherwise.
    async fn wait_for_the_end(&mut self) -> io::Result<()> {
        loop {
            self.read_more().await?;
        }
    }

    /// Reads what there is, at least one byte; the client's end of sending is an error.
    async fn read_more(&mut self) -> io::Result<()> {
        if self.buffer.len() > MAX_AHEAD {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        match self.socket.read(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// A connection with or without TLS.
enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// Safe to cancel: what was not returned was not read.
    async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read_buf(buffer).await,
            Self::Tls(tls) => tls.read_buf(buffer).await,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(bytes).await,
            Self::Tls(tls) => {
                tls.write_all(bytes).await?;
                tls.flush().await
            }
        }
    }

    /// Ends the sending side in good order: `close_notify` (TLS), then FIN.
    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.shutdown().await,
            Self::Tls(tls) => tls.shutdown().await,
        }
    }

    /// Makes the end of the connection, which follows at once, a RST.
    fn reset(&self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.set_zero_linger(),
            Self::Tls(tls) => tls.get_ref().0.set_zero_linger(),
        }
    }
}
