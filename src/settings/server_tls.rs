//! `server.tls` and `server.admin_tls`: the certificate with which the service shows itself, and the
//! authority whose certificates callers, or operators, must have.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::model::digest::Digest;

use crate::config::files::FileKind;
use crate::config::form::FileName;
use crate::config::key::{AnyKey, Change, Key};
use crate::config::report::Cause;
use crate::config::section::Section;
use crate::config::shown::show_file;
use crate::config::table::Table;

/// How a port speaks TLS, ready for use.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// TLS 1.2 and 1.3 with the certificate, HTTP/1.1 only.
    pub config: Arc<ServerConfig>,
    /// Whether whoever connects must have a certificate of the configured authority.
    pub asks_for_certificate: bool,
    /// What it was made of.
    pub made_of: TlsMaterial,
}

/// Digests of what the files hold, so that a change is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsMaterial {
    /// Of the certificate and its chain.
    pub certificate: Digest,
    /// Of the private key.
    pub key: Digest,
    /// Of the authorities' certificates; absent: nobody is asked for one.
    pub client_ca: Option<Digest>,
}

/// Two are equal if they were made of the same.
impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        self.made_of == other.made_of
    }
}

const CHAIN: &str = "a readable file with the certificate and then its chain, in PEM";
const KEY: &str = "a readable file with the certificate's private key, in PEM";
const AUTHORITIES: &str = "a readable file with the certificates of callers' authorities, in PEM";

/// `[server.tls]`.
pub(super) static TLS: Section = Section {
    change: Change::AtRestart,
    ..Section::new(
        "tls",
        "Callers are spoken to by TLS 1.2 and 1.3. What the files hold is read anew by a reload; \
         whether there is TLS at all is not changed by one.",
        KEYS,
    )
};

/// `[server.admin_tls]`.
pub(super) static ADMIN_TLS: Section = Section {
    change: Change::AtRestart,
    ..Section::new("admin_tls", "The same for operators, on `admin_listen`.", KEYS)
};

const KEYS: &[&dyn AnyKey] = &[&CERTIFICATE_FILE, &KEY_FILE, &CLIENT_CA_FILE];

static CERTIFICATE_FILE: Key<FileName> =
    Key::file("certificate_file", "The certificate and then its chain, in PEM.").required(CHAIN);

static KEY_FILE: Key<FileName> =
    Key::file("key_file", "The certificate's private key, in PEM.").required(KEY);

static CLIENT_CA_FILE: Key<FileName> = Key::file(
    "client_ca_file",
    "Turns mutual TLS on: whoever connects needs a certificate of these authorities, in PEM.",
);

/// Reads the table of this section; what is wrong is in the report.
pub(super) fn read(table: &Table, section: &'static Section) -> Option<ServerTls> {
    let table = table.section(section)?;
    let tls = read_keys(&table);
    table.finish();
    tls
}

fn read_keys(table: &Table) -> Option<ServerTls> {
    let (chain, key, authority) = (chain(table), key(table), client_authority(table));
    let (chain, key, authority) = (chain?, key?, authority.ok()?);
    let made_of = TlsMaterial {
        certificate: digest(&chain),
        key: Digest::of(key.secret_der()),
        client_ca: authority.as_ref().map(|authority| authority.digest),
    };
    let asks_for_certificate = authority.is_some();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| match authority {
            Some(authority) => builder.with_client_cert_verifier(authority.verifier),
            None => builder.with_no_client_auth(),
        })
        .and_then(|builder| builder.with_single_cert(chain, key));
    match config {
        Ok(mut config) => {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Some(ServerTls { config: Arc::new(config), asks_for_certificate, made_of })
        }
        Err(error) => {
            let found = format!("a key that cannot be used with the certificate ({error})");
            let allowed = "the private key of `certificate_file`";
            table.refuse_caused(Cause::Certificate, &KEY_FILE, &found, allowed);
            None
        }
    }
}

/// The mistake has been noted.
struct Refused;

fn chain(table: &Table) -> Option<Vec<CertificateDer<'static>>> {
    let path = table.required(&CERTIFICATE_FILE)?;
    certificates(table, &CERTIFICATE_FILE, &path, CHAIN)
}

fn certificates(
    table: &Table,
    key: &dyn AnyKey,
    path: &str,
    allowed: &str,
) -> Option<Vec<CertificateDer<'static>>> {
    let pem = table.read_file(key, path, FileKind::Certificates, allowed)?;
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match parsed {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        Ok(_) | Err(_) => {
            let found = format!("{}, in which there is no certificate in PEM", show_file(path));
            table.refuse_caused(Cause::Certificate, key, &found, allowed);
            None
        }
    }
}

fn key(table: &Table) -> Option<PrivateKeyDer<'static>> {
    let path = table.required(&KEY_FILE)?;
    let pem = table.read_file(&KEY_FILE, &path, FileKind::Secret, KEY)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).ok();
    if key.is_none() {
        let found = format!("{}, in which there is no private key in PEM", show_file(&path));
        table.refuse_caused(Cause::Certificate, &KEY_FILE, &found, KEY);
    }
    key
}

/// The authority whose certificates are asked for.
struct ClientAuthority {
    verifier: Arc<dyn ClientCertVerifier>,
    digest: Digest,
}

fn digest(certificates: &[CertificateDer<'_>]) -> Digest {
    Digest::of_all(certificates.iter().map(AsRef::as_ref))
}

fn client_authority(table: &Table) -> Result<Option<ClientAuthority>, Refused> {
    let Some(path) = table.optional(&CLIENT_CA_FILE) else {
        return if table.has(&CLIENT_CA_FILE) { Err(Refused) } else { Ok(None) };
    };
    let certificates = certificates(table, &CLIENT_CA_FILE, &path, AUTHORITIES).ok_or(Refused)?;
    let digest = digest(&certificates);
    let mut roots = RootCertStore::empty();
    let added = certificates.into_iter().try_for_each(|certificate| roots.add(certificate));
    let provider = Arc::new(ring::default_provider());
    let verifier = added.map_err(|error| error.to_string()).and_then(|()| {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.build().map_err(|error| error.to_string())
    });
    verifier.map(|verifier| Some(ClientAuthority { verifier, digest })).map_err(|error| {
        let found = format!("{}, whose certificates cannot be used ({error})", show_file(&path));
        table.refuse_caused(Cause::Certificate, &CLIENT_CA_FILE, &found, AUTHORITIES);
        Refused
    })
}
