//! The TLS client configuration: which authorities are trusted, which versions are spoken.

use std::sync::Arc;

use crate::domain::template::Endpoint;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The extra CA file holds something else.
    #[error("extra CA: {0}; allowed is one or more certificates in PEM")]
    ExtraCa(String),
    /// The cryptography does not support TLS 1.2 and 1.3.
    #[error("TLS versions 1.2 and 1.3 are not available: {0}")]
    Versions(#[source] Error),
}

/// TLS 1.2 and 1.3 with `ring`, HTTP/1.1 only. Trusts the platform's authorities (Mozilla's list if
/// the platform has none) and `extra_ca_pem`.
///
/// # Errors
/// [`TlsSetupError::ExtraCa`] if that is not PEM with at least one usable certificate.
pub fn client_config(extra_ca_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, TlsSetupError> {
    let mut roots = platform_roots();
    if let Some(pem) = extra_ca_pem {
        add_extra_ca(&mut roots, pem)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsSetupError::Versions)?
        .with_root_certificates(roots)
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

fn platform_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn add_extra_ca(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), TlsSetupError> {
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| extra_ca("not PEM"))?;
        roots.add(certificate).map_err(|_| extra_ca("a certificate that cannot be read"))?;
        found = true;
    }
    if found { Ok(()) } else { Err(extra_ca("no certificate in it")) }
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
    fn there_are_always_roots() {
        assert!(!platform_roots().is_empty());
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
