//! The TLS client configuration: which authorities are trusted, which versions are spoken.

use std::sync::Arc;

use tokio_rustls::rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, Error};

use super::platform_roots::{self, NoRoots};
use super::server_certificate::ServerCertificates;
use crate::model::template::Endpoint;

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The extra CA file holds something else.
    #[error("extra CA: {0}; allowed is one or more certificates in PEM")]
    ExtraCa(String),
    /// The platform's authorities cannot be read.
    #[error("the platform's certificates: {0}")]
    Platform(#[from] NoRoots),
    /// The cryptography does not support TLS 1.2 and 1.3.
    #[error("TLS versions 1.2 and 1.3 are not available: {0}")]
    Versions(#[source] Error),
    /// There is no authority at all that could be asked.
    #[error("no certificate can be verified: {0}")]
    NoAuthority(#[from] VerifierBuilderError),
}

/// TLS 1.2 and 1.3 with `ring`, HTTP/1.1 only. Trusts the platform's authorities (Mozilla's list if
/// the platform has none) and the certificates of `extra_ca_pem`: what they have signed, and a server
/// that has one of them.
///
/// # Errors
/// [`TlsSetupError::ExtraCa`] if that is not PEM with at least one usable certificate;
/// [`TlsSetupError::Platform`] if the platform's authorities do not come in time.
pub fn client_config(extra_ca_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, TlsSetupError> {
    let mut roots = platform_roots::read()?;
    let extra = extra_ca_pem.map_or(Ok(Vec::new()), certificates)?;
    for certificate in &extra {
        let unreadable = |_| extra_ca("a certificate that cannot be read");
        roots.add(certificate.clone()).map_err(unreadable)?;
    }
    let provider = Arc::new(ring::default_provider());
    let authorities =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = ServerCertificates::new(authorities.build()?, extra);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsSetupError::Versions)?
        // Dangerous is a verifier that verifies less; this one asks rustls' own.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The configuration that an endpoint needs: none for plain HTTP.
///
/// # Errors
/// As [`client_config`].
pub fn for_endpoint(
    endpoint: &Endpoint,
    extra_ca_pem: Option<&[u8]>,
) -> Result<Option<Arc<ClientConfig>>, TlsSetupError> {
    if endpoint.https() { client_config(extra_ca_pem).map(Some) } else { Ok(None) }
}

/// The certificates in a PEM file, at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|_| extra_ca("not PEM"))?;
    if all.is_empty() { Err(extra_ca("no certificate in it")) } else { Ok(all) }
}

fn extra_ca(reason: &str) -> TlsSetupError {
    TlsSetupError::ExtraCa(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_1_1_is_offered() {
        let config = client_config(None).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    }

    #[test]
    fn an_extra_ca_that_is_none_is_refused() {
        for pem in [
            &b""[..],
            b"hello",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        ] {
            assert!(matches!(client_config(Some(pem)), Err(TlsSetupError::ExtraCa(_))));
        }
    }
}
