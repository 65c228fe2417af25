//! A certificate authority of the test's own.

use std::ops::Range;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use tributary::simulator::{Options, Simulator};

pub const VALID: Range<i32> = 2020..2090;

pub struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

/// A certificate of the authority, and its key.
pub struct Issued {
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().expect("a key");
        let issuer = rcgen::CertifiedIssuer::self_signed(params, key).expect("a certificate");
        Self { issuer }
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Its certificate in a file.
    pub fn file(&self) -> tempfile::NamedTempFile {
        pem_file(&self.pem())
    }

    /// What trusts it and nobody else.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a certificate");
        roots
    }

    /// A certificate for this host and time, for a server or a client.
    pub fn issue(&self, host: &str, years: Range<i32>) -> Issued {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = params(host, years);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued { certificate, key }
    }

    /// Upstreams with a certificate for this host and time.
    pub fn upstreams(&self, host: &str, years: Range<i32>) -> Simulator {
        self.issue(host, years).upstreams()
    }
}

fn pem_file(pem: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), pem).expect("written");
    file
}

fn params(host: &str, years: Range<i32>) -> rcgen::CertificateParams {
    let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).expect("a host name");
    params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    params
}

impl Issued {
    /// A certificate that nobody but itself has signed.
    pub fn self_signed(host: &str, years: Range<i32>, is_ca: rcgen::IsCa) -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = params(host, years);
        params.is_ca = is_ca;
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, key }
    }

    /// The same certificate in the hands of somebody who does not have its key.
    pub fn without_its_key(self) -> Self {
        Self { key: rcgen::KeyPair::generate().expect("a key"), ..self }
    }

    /// The certificate in a file.
    pub fn file(&self) -> tempfile::NamedTempFile {
        pem_file(&self.certificate.pem())
    }

    /// Upstreams with this certificate.
    pub fn upstreams(&self) -> Simulator {
        let (chain, key) = self.der();
        let provider = rustls::crypto::ring::default_provider();
        let key = provider.key_provider.load_private_key(key).expect("a key");
        // This way the key need not be the certificate's.
        let certified = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certified));
        let options = Options { tls: Some(Arc::new(config)), ..Options::default() };
        Simulator::start(options).expect("loopback has ports")
    }

    pub fn pem(&self) -> (String, String) {
        (self.certificate.pem(), self.key.serialize_pem())
    }

    pub fn der(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivateKeyDer::Pkcs8(self.key.serialize_der().into());
        (vec![self.certificate.der().clone()], key)
    }
}
