//! What a connection is secured by.

use actix_web::HttpRequest;

use crate::api::listener::inbound_tls::Inbound;

/// What a connection is secured by, from its first byte to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionSecurity {
    /// Nothing.
    Plain,
    /// TLS.
    Tls,
    /// TLS, and whoever connected has shown a certificate of the configured authority.
    MutualTls,
}

impl ConnectionSecurity {
    /// That of a connection whose handshake is over.
    pub fn of(connection: &Inbound) -> Self {
        match connection {
            Inbound::Plain(_) => Self::Plain,
            Inbound::Tls(stream) if stream.get_ref().1.peer_certificates().is_some() => {
                Self::MutualTls
            }
            Inbound::Tls(_) => Self::Tls,
        }
    }

    /// That of the connection on which a request came.
    pub fn of_request(request: &HttpRequest) -> Self {
        request.conn_data().copied().unwrap_or(Self::Plain)
    }

    /// Whether TLS is spoken.
    pub fn is_tls(self) -> bool {
        match self {
            Self::Plain => false,
            Self::Tls | Self::MutualTls => true,
        }
    }

    /// Whether a certificate was shown.
    pub fn is_mutual(self) -> bool {
        match self {
            Self::Plain | Self::Tls => false,
            Self::MutualTls => true,
        }
    }
}
