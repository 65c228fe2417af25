//! Making connections: where to, and why there is none.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::sync::oneshot;

use super::*;
use crate::http::connect::{TransportSpecError, connect_to_any};
use crate::http::connect_failure::ConnectStep;
use crate::http::tls::client_config;

#[actix_rt::test]
async fn the_user_agent_names_the_service_and_redirects_are_not_followed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = oneshot::channel();
    actix_rt::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let length = tcp.read(&mut head).await.unwrap();
        head.truncate(length);
        tell.send(String::from_utf8(head).unwrap()).unwrap();
        let redirect =
            "HTTP/1.1 302 Found\r\nLocation: http://other.test/\r\nContent-Length: 0\r\n\r\n";
        tcp.write_all(redirect.as_bytes()).await.unwrap();
    });
    let transport = Transport::try_new(spec("127.0.0.1", port)).unwrap();
    let (_, result) = get(&new_client(&transport), "/").await;
    assert_eq!(result.unwrap().0, 302);
    let head = told.await.unwrap().to_lowercase();
    assert!(head.contains(&format!("user-agent: tributary/{}\r\n", env!("CARGO_PKG_VERSION"))));
    assert!(head.contains("host: source.test\r\n"), "{head}");
}

#[actix_rt::test]
async fn a_refused_connection_says_so() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = failure_of(spec("127.0.0.1", address.port())).await;
    assert_eq!(failure, ConnectFailure::Tcp { address, reason: "connection refused".to_owned() });
}

#[actix_rt::test]
async fn every_address_is_tried_and_remembered() {
    let server = Upstream::start(|_| vec![]).await;
    let good = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let bad = listener.local_addr().unwrap();
    drop(listener);
    let deadline = Instant::now() + Duration::from_secs(5);
    assert_eq!(connect_to_any(&[bad, good], deadline).await.unwrap().peer_addr().unwrap(), good);
    let failure = connect_to_any(&[bad, bad], deadline).await.unwrap_err();
    let text = format!("cannot connect to {bad}: connection refused; {bad}: connection refused");
    assert_eq!(failure.to_string(), text);
}

#[actix_rt::test]
async fn an_unknown_host_is_a_dns_failure() {
    let failure = failure_of(spec("nowhere.invalid", 80)).await;
    assert!(matches!(failure, ConnectFailure::Dns { host, .. } if host == "nowhere.invalid"));
}

#[actix_rt::test]
async fn localhost_is_resolved() {
    let server = Upstream::start(|path| vec![Send(reply(path))]).await;
    let transport = Transport::try_new(spec("localhost", server.port)).unwrap();
    assert_eq!(body(&new_client(&transport), "/a").await, "/a");
}

#[actix_rt::test]
async fn a_handshake_that_never_answers_times_out() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let after = Duration::from_millis(60);
    let spec = TransportSpec {
        connect_timeout: after,
        tls: Some(client_config(None).unwrap()),
        ..spec("127.0.0.1", listener.local_addr().unwrap().port())
    };
    let failure = failure_of(spec).await;
    assert_eq!(failure, ConnectFailure::Timeout { after, during: ConnectStep::Handshaking });
}

#[test]
fn a_transport_that_cannot_work_is_refused() {
    let good = spec("[::1]", 80);
    assert!(Transport::try_new(good.clone()).is_ok());
    let refused = |spec| Transport::try_new(spec).err();
    for host in ["", "a b", "a/b", "-"] {
        let spec = TransportSpec { host: host.to_owned(), ..good.clone() };
        assert_eq!(refused(spec), Some(TransportSpecError::Host(host.to_owned())));
    }
    let spec = TransportSpec { port: 0, ..good.clone() };
    assert_eq!(refused(spec), Some(TransportSpecError::Port));
    let spec = TransportSpec { max_connections: 0, ..good.clone() };
    assert_eq!(refused(spec), Some(TransportSpecError::MaxConnections));
    let spec = TransportSpec { connect_timeout: Duration::ZERO, ..good };
    assert_eq!(refused(spec), Some(TransportSpecError::ConnectTimeout));
}
