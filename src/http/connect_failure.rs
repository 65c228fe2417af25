//! Why no connection could be made, in words for the person who has to put it right.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use awc::error::{ConnectError, SendRequestError};
use tokio_rustls::rustls;
use tokio_rustls::rustls::CertificateError;

use super::server_certificate::is_of_an_authority;
use super::shortage::Shortage;

/// What was being done when the time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectStep {
    /// Looking up the host name.
    Resolving,
    /// Waiting for the TCP connection.
    Connecting,
    /// Waiting for the TLS handshake.
    Handshaking,
}

impl std::fmt::Display for ConnectStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolving => "resolving the host name",
            Self::Connecting => "waiting for the TCP connection",
            Self::Handshaking => "waiting for the TLS handshake",
        })
    }
}

/// A connection that could not be made. It travels through awc inside an `io::Error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectFailure {
    /// The host name has no address.
    #[error("cannot resolve {host}: {reason}")]
    Dns {
        /// The configured host.
        host: String,
        /// The resolver's words.
        reason: String,
    },
    /// No address took the TCP connection.
    #[error("cannot connect to {address}: {reason}")]
    Tcp {
        /// The first address that was tried.
        address: SocketAddr,
        /// What became of it, and of the other addresses if there are any.
        reason: String,
    },
    /// No socket for it could be had: no fault of the upstream.
    #[error("no connection can be made: {0}")]
    Shortage(Shortage),
    /// All of it together took too long.
    #[error("no connection within {} ms ({during})", after.as_millis())]
    Timeout {
        /// The connect timeout.
        after: Duration,
        /// How far it had come.
        during: ConnectStep,
    },
    /// The TLS handshake failed: one side does not take what the other one says.
    #[error("TLS handshake failed: {reason}")]
    Tls {
        /// What was wrong.
        reason: String,
    },
    /// The connection broke during the TLS handshake, as it does when a server is restarted.
    #[error("TLS handshake failed: {reason}")]
    HandshakeBroken {
        /// What became of the connection.
        reason: String,
    },
}

impl From<ConnectFailure> for io::Error {
    fn from(failure: ConnectFailure) -> Self {
        let kind = match failure {
            ConnectFailure::Dns { .. } => io::ErrorKind::NotFound,
            ConnectFailure::Tcp { .. } => io::ErrorKind::NotConnected,
            ConnectFailure::Shortage(_) => io::ErrorKind::Other,
            ConnectFailure::Timeout { .. } => io::ErrorKind::TimedOut,
            ConnectFailure::Tls { .. } | ConnectFailure::HandshakeBroken { .. } => {
                io::ErrorKind::ConnectionAborted
            }
        };
        io::Error::new(kind, failure)
    }
}

/// The failure to connect that made a request fail, if that was the reason.
pub fn connect_failure(error: &SendRequestError) -> Option<&ConnectFailure> {
    match error {
        SendRequestError::Connect(ConnectError::Io(error)) => error.get_ref()?.downcast_ref(),
        // awc's own, non-exhaustive.
        _ => None,
    }
}

/// A TCP error in plain words.
pub(super) fn tcp_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        _ => Shortage::of(error).map_or_else(|| error.to_string(), |shortage| shortage.to_string()),
    }
}

/// A failed handshake in plain words.
pub(super) fn tls_failure(error: &io::Error, host: &str) -> ConnectFailure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => ConnectFailure::Tls { reason: tls_reason(error, host) },
        None if error.kind() == io::ErrorKind::UnexpectedEof => ConnectFailure::HandshakeBroken {
            reason: "the server closed the connection during the handshake".to_owned(),
        },
        None => ConnectFailure::HandshakeBroken { reason: tcp_reason(error) },
    }
}

fn tls_reason(error: &rustls::Error, host: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => certificate_reason(error, host),
        rustls::Error::InvalidMessage(_) => {
            "the server does not answer in TLS (is this a plain HTTP port?)".to_owned()
        }
        rustls::Error::AlertReceived(alert) => {
            format!("the server refused the handshake (alert {alert:?})")
        }
        rustls::Error::PeerIncompatible(_) => {
            "the server offers no TLS version or cipher that is taken here (1.2 or 1.3)".to_owned()
        }
        other => other.to_string(),
    }
}

fn certificate_reason(error: &CertificateError, host: &str) -> String {
    let reason = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "certificate expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "certificate not yet valid (is the clock right?)"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            return format!("certificate not valid for host name {host}");
        }
        CertificateError::UnknownIssuer => {
            "certificate from an unknown issuer (a private CA, or the certificate itself if it is \
             self-signed, must be configured as ca_file)"
        }
        CertificateError::Revoked => "certificate revoked",
        CertificateError::BadEncoding => "certificate is malformed",
        CertificateError::BadSignature => "the server does not have the key of its certificate",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate is not meant for a server"
        }
        error if is_of_an_authority(error) => {
            "certificate of an authority (CA:TRUE) used as a server's (give it in ca_file, or make one \
             that the authority has signed)"
        }
        // rustls' own, non-exhaustive.
        other => return format!("certificate refused: {other}"),
    };
    reason.to_owned()
}
