//! Which certificate of a server is taken: one that a trusted authority vouches for, or one that is
//! itself configured, as that of a server with a self-signed certificate is.
//!
//! webpki knows authorities only. A self-signed certificate that says `CA:TRUE`, as those of
//! `openssl req -x509` do, is none to it that a server could use.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Asks the authorities, and lets pass what is configured itself, byte for byte. The name, the dates
/// and the server's proof that it has the key count for all.
#[derive(Debug)]
pub(super) struct ServerCertificates {
    authorities: Arc<WebPkiServerVerifier>,
    configured: Vec<CertificateDer<'static>>,
}

impl ServerCertificates {
    pub(super) fn new(
        authorities: Arc<WebPkiServerVerifier>,
        configured: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self { authorities, configured }
    }
}

impl ServerCertVerifier for ServerCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_configured = self.configured.iter().any(|known| **known == **end_entity);
        // Who signed a configured one is of no matter, and so are the dates of those who did.
        let intermediates = if is_configured { &[] } else { intermediates };
        let asked = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match asked {
            Err(Error::InvalidCertificate(error)) if is_configured && has_right_dates(&error) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            // One of the name of an authority that is trusted has signed it, and has another key.
            Err(Error::InvalidCertificate(CertificateError::BadSignature)) => {
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Whether a certificate with this error has come as far as past its dates. They are what webpki looks
/// at first; what it may be used for and who signed it come after.
fn has_right_dates(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            | CertificateError::InvalidPurpose
            | CertificateError::InvalidPurposeContext { .. }
    ) || is_of_an_authority(error)
}

/// Whether it is a certificate of an authority (`CA:TRUE`), which webpki takes from no server.
pub(super) fn is_of_an_authority(error: &CertificateError) -> bool {
    // webpki's own error, which rustls has no word for.
    matches!(error, CertificateError::Other(_)) && error.to_string().contains("CaUsedAsEndEntity")
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::time::Duration;

    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
    use tokio_rustls::rustls::RootCertStore;
    use tokio_rustls::rustls::crypto::ring;

    use super::*;

    const VALID: Range<i32> = 2020..2090;

    /// What a certificate says of itself.
    struct Subject {
        years: Range<i32>,
        is_ca: IsCa,
        usage: Vec<ExtendedKeyUsagePurpose>,
    }

    impl Subject {
        fn new(years: Range<i32>, is_ca: IsCa) -> Self {
            Self { years, is_ca, usage: vec![ExtendedKeyUsagePurpose::ServerAuth] }
        }

        fn params(self) -> CertificateParams {
            let mut params = CertificateParams::new(vec!["crm.test".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(self.years.start, 1, 1);
            params.not_after = rcgen::date_time_ymd(self.years.end, 1, 1);
            params.is_ca = self.is_ca;
            params.extended_key_usages = self.usage;
            params
        }

        fn self_signed(self) -> CertificateDer<'static> {
            let key = KeyPair::generate().unwrap();
            self.params().self_signed(&key).unwrap().der().clone()
        }

        /// Signed by an authority that nobody trusts.
        fn signed(self) -> CertificateDer<'static> {
            let key = KeyPair::generate().unwrap();
            let issuer = Issuer::new(CertificateParams::default(), KeyPair::generate().unwrap());
            self.params().signed_by(&key, &issuer).unwrap().der().clone()
        }
    }

    fn authority() -> IsCa {
        IsCa::Ca(rcgen::BasicConstraints::Unconstrained)
    }

    /// Whether `server` is taken as the certificate of `name` where `configured` is.
    fn verdict(
        configured: &CertificateDer<'static>,
        server: &CertificateDer<'static>,
        name: &str,
    ) -> Result<(), CertificateError> {
        let mut roots = RootCertStore::empty();
        roots.add(configured.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::new(roots);
        let authorities = WebPkiServerVerifier::builder_with_provider(roots, provider);
        let verifier =
            ServerCertificates::new(authorities.build().unwrap(), vec![configured.clone()]);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        // 2030-03-17
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_900_000_000));
        match verifier.verify_server_cert(server, &[], &name, &[], now) {
            Ok(_) => Ok(()),
            Err(Error::InvalidCertificate(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_configured_certificate_is_taken_whoever_signed_it_and_whatever_it_is_for() {
        let client = || Subject {
            usage: vec![ExtendedKeyUsagePurpose::ClientAuth],
            ..Subject::new(VALID, IsCa::NoCa)
        };
        for certificate in [
            Subject::new(VALID, authority()).self_signed(),
            Subject::new(VALID, IsCa::NoCa).self_signed(),
            Subject::new(VALID, IsCa::ExplicitNoCa).self_signed(),
            Subject::new(VALID, IsCa::NoCa).signed(),
            Subject::new(VALID, authority()).signed(),
            client().self_signed(),
            client().signed(),
        ] {
            assert_eq!(verdict(&certificate, &certificate, "crm.test"), Ok(()));
        }
    }

    #[test]
    fn its_name_and_its_dates_count() {
        for is_ca in [authority(), IsCa::NoCa, IsCa::ExplicitNoCa] {
            let make: [fn(Subject) -> CertificateDer<'static>; 2] =
                [Subject::self_signed, Subject::signed];
            for make in make {
                let of = |years| make(Subject::new(years, is_ca));
                let (good, past, future) = (of(VALID), of(2020..2021), of(2080..2090));
                let refused = |server, name| verdict(server, server, name).unwrap_err();
                let name = refused(&good, "orders.test");
                assert!(matches!(name, CertificateError::NotValidForNameContext { .. }), "{name}");
                let dates = refused(&past, "crm.test");
                assert!(matches!(dates, CertificateError::ExpiredContext { .. }), "{dates}");
                let dates = refused(&future, "crm.test");
                assert!(matches!(dates, CertificateError::NotValidYetContext { .. }), "{dates}");
            }
        }
        let usage = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client = Subject { usage, ..Subject::new(2020..2021, IsCa::NoCa) }.self_signed();
        let dates = verdict(&client, &client, "crm.test").unwrap_err();
        assert!(matches!(dates, CertificateError::ExpiredContext { .. }), "{dates}");
    }

    #[test]
    fn another_certificate_that_says_the_same_is_not_taken() {
        for is_ca in [authority(), IsCa::NoCa] {
            let of = || Subject::new(VALID, is_ca).self_signed();
            assert!(verdict(&of(), &of(), "crm.test").is_err());
        }
        let other = Subject::new(VALID, authority()).self_signed();
        let error = verdict(&Subject::new(VALID, IsCa::NoCa).self_signed(), &other, "crm.test");
        assert!(is_of_an_authority(&error.unwrap_err()));
    }
}
