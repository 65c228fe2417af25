//! The socket beneath a connection: plain TCP, or TLS above it.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::persistence::ConnectionUse;
use super::stream_fault::StreamFault;

/// Plain TCP, or TLS above it.
#[derive(Debug)]
pub enum Socket {
    /// `http`
    Plain(TcpStream),
    /// `https`; in a box because it is a kilobyte.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// The TCP connection itself.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }

    /// That nothing can be read now. The runtime's own view may be some polls old, so the kernel
    /// is asked as well, but not on a new TLS connection: its session tickets may just have come.
    pub(super) fn check_quiet(
        &mut self,
        cx: &mut Context<'_>,
        usage: ConnectionUse,
    ) -> Result<(), StreamFault> {
        if let Self::Tls(tls) = self {
            let mut byte = [0];
            let mut buf = ReadBuf::new(&mut byte);
            match Pin::new(tls).poll_read(cx, &mut buf) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    return Err(StreamFault::UnsolicitedBytes);
                }
                Poll::Ready(_) => return Err(StreamFault::ClosedWhileIdle),
            }
            if usage == ConnectionUse::First {
                return Ok(());
            }
        }
        let mut byte = [MaybeUninit::uninit()];
        match socket2::SockRef::from(self.tcp()).peek(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Ok(1..) => Err(StreamFault::UnsolicitedBytes),
            Ok(0) | Err(_) => Err(StreamFault::ClosedWhileIdle),
        }
    }
}
