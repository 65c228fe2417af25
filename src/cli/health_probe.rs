//! Asks a service's `/livez`: by HTTP or, where that gets no answer, by HTTPS.
//!
//! Whoever probes knows an address and nothing else, as kubelet does, and takes any certificate:
//! nothing secret is sent, and nothing is learned but that somebody answers there.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature as verify_12, verify_tls13_signature as verify_13,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// No status line is longer, bytes.
const LONGEST_LINE: u64 = 1024;

/// The status of the reply.
///
/// # Errors
/// If there is none.
pub async fn livez(address: SocketAddr) -> io::Result<u16> {
    match ask(TcpStream::connect(address).await?, address).await {
        Ok(status) => Ok(status),
        // TLS may be spoken there.
        Err(plain) => over_tls(address)
            .await
            .map_err(|tls| io::Error::other(format!("{plain}; by HTTPS: {tls}"))),
    }
}

async fn over_tls(address: SocketAddr) -> io::Result<u16> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::IpAddress(address.ip().into());
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    match ask(stream, address).await {
        // It answers, if only those who have one: that it lives is all that was asked.
        Err(error) if is_demand_for_certificate(&error) => Ok(200),
        answer => answer,
    }
}

fn is_demand_for_certificate(error: &io::Error) -> bool {
    let of_tls = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(of_tls, Some(TlsError::AlertReceived(AlertDescription::CertificateRequired)))
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    address: SocketAddr,
) -> io::Result<u16> {
    let request = format!("GET /livez HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST_LINE)).read_line(&mut line).await?;
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    status.ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

/// Takes every certificate of whoever has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_12(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_13(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
