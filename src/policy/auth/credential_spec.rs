//! How a source proves who it is to its upstream.

use std::time::Duration;

use crate::model::id::Id;
use crate::model::secret::SecretString;
use crate::model::template::Endpoint;

/// A configured credential, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialSpec {
    /// The name that sources refer to.
    pub id: Id,
    /// What kind of credential it is.
    pub kind: CredentialKind,
}

impl CredentialSpec {
    /// Where the API is that the credential is for, if the configuration says so.
    pub fn api(&self) -> Option<&Endpoint> {
        match &self.kind {
            CredentialKind::ClientCredentials(client) => client.api.as_ref(),
            CredentialKind::Static(_) => None,
        }
    }

    /// The header that it sets, in the spelling of the configuration.
    pub fn header(&self) -> &str {
        match &self.kind {
            CredentialKind::ClientCredentials(_) => "Authorization",
            CredentialKind::Static(secret) => &secret.header,
        }
    }
}

/// The kinds of credential. A new kind is a variant here and a file in `policy/auth/`.
#[derive(Debug, Clone, PartialEq)]
pub enum CredentialKind {
    /// OAuth 2.0 client credentials (RFC 6749 section 4.4).
    ClientCredentials(ClientCredentialsSpec),
    /// A fixed secret that goes into one header of every call.
    Static(StaticSecretSpec),
}

/// An OAuth 2.0 client that fetches tokens for itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientCredentialsSpec {
    /// Where the token endpoint is.
    pub endpoint: Endpoint,
    /// Path, and query if there is one, of the token endpoint.
    pub path_and_query: String,
    /// Where the API is that the tokens are for; absent if the configuration does not say it.
    pub api: Option<Endpoint>,
    /// The client's id; not a secret, but not shown either.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretString,
    /// Where id and secret go in the token request.
    pub client_auth: ClientAuth,
    /// The scopes to ask for; empty: the client's own default.
    pub scopes: Vec<String>,
    /// A new token is fetched this long before the old one ends.
    pub refresh_before_expiry: Duration,
    /// One token request, connect and body included.
    pub timeout: Duration,
    /// Certificates (PEM) trusted besides the platform's.
    pub extra_ca: Option<Vec<u8>>,
}

/// Where the client's id and secret go in a token request (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// `Authorization: Basic`, id and secret form-encoded first.
    Basic,
    /// The form fields `client_id` and `client_secret`.
    Form,
}

/// A fixed secret in one header.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticSecretSpec {
    /// The header's name, for example `Authorization`.
    pub header: String,
    /// The header's whole value, for example `Bearer …`.
    pub value: SecretString,
}
