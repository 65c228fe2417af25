//! A caller's connection: plain, or TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_rt::net::TcpStream;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock;

/// The certificate and the callers' authority in force. Replaced, they hold for connections that
/// come later; those that are there go on.
pub type TlsInForce = Arc<ArcSwap<ServerConfig>>;

/// One connection of a caller.
pub enum Inbound {
    /// In plain text.
    Plain(TcpStream),
    /// The handshake is over.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Inbound {
    /// Makes an accepted connection ready for requests. Shakes hands, where TLS is spoken.
    ///
    /// # Errors
    /// If the caller does not speak TLS, is not to be trusted, or takes longer than `timeout`.
    pub async fn accept(
        stream: TcpStream,
        tls: Option<&TlsInForce>,
        timeout: Duration,
    ) -> io::Result<Self> {
        send_at_once(&stream);
        let Some(tls) = tls else { return Ok(Self::Plain(stream)) };
        let handshake = TlsAcceptor::from(tls.load_full()).accept(stream);
        let shaken = clock::until(clock::now() + timeout, handshake).await;
        let stream = shaken.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
        let stream = stream.inspect_err(|error| tracing::debug!(%error, "no TLS handshake"))?;
        Ok(Self::Tls(Box::new(stream)))
    }
}

/// Turns Nagle's algorithm off (RFC 9293 section 3.7.4), before the first byte is written: it would
/// hold the first reply back until the caller has acknowledged the TLS session tickets before it,
/// which a caller that waits for this reply does up to 40 ms later.
fn send_at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        // It costs time, not the connection.
        tracing::debug!(%error, "small writes to a caller may wait");
    }
}

impl AsyncRead for Inbound {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Inbound {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::ClientConfig;
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    fn has_no_delay(inbound: &Inbound) -> bool {
        let tcp = match inbound {
            Inbound::Plain(stream) => stream,
            Inbound::Tls(stream) => stream.get_ref().0,
        };
        tcp.nodelay().unwrap()
    }

    /// How the service and a caller that trusts it speak TLS.
    fn tls() -> (TlsInForce, Arc<ClientConfig>) {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let chain = own.cert.der().clone();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(chain.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key.into())
            .unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Arc::new(ArcSwap::from_pointee(server)), Arc::new(client))
    }

    /// Both ends of a connection over loopback, the accepted one first.
    async fn accepted() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, caller)
    }

    #[actix_web::test]
    async fn an_accepted_connection_has_no_delay() {
        let (stream, _caller) = accepted().await;
        assert!(!stream.nodelay().unwrap(), "the system's own choice is another one");
        let inbound = Inbound::accept(stream, None, TIMEOUT).await.unwrap();
        assert!(has_no_delay(&inbound));
    }

    #[actix_web::test]
    async fn an_accepted_connection_sends_at_once_under_tls_as_well() {
        let (server, client) = tls();
        let (stream, caller) = accepted().await;
        let name = "localhost".try_into().unwrap();
        let caller = TlsConnector::from(client).connect(name, caller);
        let (inbound, caller) =
            tokio::join!(Inbound::accept(stream, Some(&server), TIMEOUT), caller);
        caller.unwrap();
        assert!(has_no_delay(&inbound.unwrap()));
    }
}
