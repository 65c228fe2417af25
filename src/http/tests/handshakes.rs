//! TLS: which servers are believed, and what a refused one is told to be.

use std::sync::Arc;

use tokio::io::AsyncWrite;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ClientConfig, ServerConfig, crypto::ring};

use super::*;
use crate::http::tls::client_config;

/// An authority and the key it signs with.
struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        Self { issuer: rcgen::CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    fn trusted(&self) -> Arc<ClientConfig> {
        client_config(Some(self.issuer.pem().as_bytes())).unwrap()
    }

    fn server_config(&self, name: &str, years: std::ops::Range<i32>) -> Arc<ServerConfig> {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// A TLS server that answers by [`serve_tls`].
async fn tls_server(config: Arc<ServerConfig>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    actix_rt::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = TlsAcceptor::from(Arc::clone(&config));
            actix_rt::spawn(async move {
                if let Ok(stream) = acceptor.accept(tcp).await {
                    serve_tls(stream).await;
                }
            });
        }
    });
    port
}

async fn serve_tls(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    while let Some(path) = read_request(&mut stream).await {
        let answer = match path.as_str() {
            "/until-close" | "/cut" => format!("{INTERIMS}HTTP/1.1 200 OK\r\n\r\nsome"),
            _ => format!("{INTERIMS}{}", reply(&path)),
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        match path.as_str() {
            "/until-close" => return stream.shutdown().await.unwrap_or(()),
            "/cut" => return, // the TCP connection ends, the TLS one does not
            _ => {}
        }
    }
}

fn tls_spec(port: u16, tls: Arc<ClientConfig>) -> TransportSpec {
    TransportSpec { tls: Some(tls), ..spec("localhost", port) }
}

/// Whom the client trusts.
enum Trust {
    ItsAuthority,
    Another,
}

async fn tls_failure(name: &str, years: std::ops::Range<i32>, trust: Trust) -> String {
    let authority = Authority::new("one");
    let port = tls_server(authority.server_config(name, years)).await;
    let config = match trust {
        Trust::ItsAuthority => authority.trusted(),
        Trust::Another => Authority::new("another").trusted(),
    };
    failure_of(tls_spec(port, config)).await.to_string()
}

#[actix_rt::test]
async fn tls_works_with_a_private_authority_and_keeps_connections() {
    let authority = Authority::new("one");
    let port = tls_server(authority.server_config("localhost", 2020..2090)).await;
    let client = new_client(&Transport::try_new(tls_spec(port, authority.trusted())).unwrap());
    for call in 0..50 {
        let path = format!("/{call}");
        let (exchange, result) = get(&client, &path).await;
        assert_eq!(result.unwrap().1, path);
        assert_eq!(exchange.reused(), call > 0);
    }
}

#[actix_rt::test]
async fn a_close_delimited_body_over_tls_must_end_with_close_notify() {
    let authority = Authority::new("one");
    let port = tls_server(authority.server_config("localhost", 2020..2090)).await;
    let transport = Transport::try_new(tls_spec(port, authority.trusted())).unwrap();
    let client = new_client(&transport);
    assert_eq!(body(&client, "/until-close").await, "some");
    let (_, result) = get(&client, "/cut").await;
    let failure = result.unwrap_err();
    assert_eq!(failure.fault(), Some(&StreamFault::NoCloseNotify), "{failure:?}");
}

#[actix_rt::test]
async fn a_refused_certificate_says_why() {
    assert_eq!(
        tls_failure("localhost", 2000..2001, Trust::ItsAuthority).await,
        "TLS handshake failed: certificate expired"
    );
    assert_eq!(
        tls_failure("localhost", 2080..2090, Trust::ItsAuthority).await,
        "TLS handshake failed: certificate not yet valid (is the clock right?)"
    );
    assert_eq!(
        tls_failure("elsewhere.test", 2020..2090, Trust::ItsAuthority).await,
        "TLS handshake failed: certificate not valid for host name localhost"
    );
    assert_eq!(
        tls_failure("localhost", 2020..2090, Trust::Another).await,
        "TLS handshake failed: certificate from an unknown issuer (a private CA, or the certificate itself if it \
         is self-signed, must be configured as ca_file)"
    );
}

#[actix_rt::test]
async fn a_plain_server_where_tls_is_expected_says_so() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    actix_rt::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        tcp.read_u8().await.ok();
        std::future::pending::<()>().await;
    });
    let failure = failure_of(tls_spec(port, client_config(None).unwrap())).await.to_string();
    assert!(failure.contains("plain HTTP port"), "{failure}");
}
