//! The simulator over real sockets, and what it counts meanwhile.

mod behaviours;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Behaviour, Latency, Options, Reply, Simulator, StartError};
use crate::simulator::test_client::{Client, call, get, post, soon};

const PAUSE: Duration = Duration::from_millis(30);

fn simulator() -> Simulator {
    Simulator::start(Options::default()).unwrap()
}

/// A request that the CRM answers with an account.
fn account(id: &str) -> String {
    let target = format!("/v2/accounts?id={id}&include=preferences");
    get(&target, &[("X-API-Key", "k")])
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let simulator = simulator();
    let crm = simulator.crm();
    let mut client = Client::connect(crm).await;
    for number in 0..3 {
        client.send(account(&format!("c-{number}"))).await;
        let reply = client.reply().await;
        assert_eq!(reply.json()["account"]["id"], format!("c-{number}"));
    }
    assert_eq!((crm.hits(), crm.total_connections()), (3, 1));
    let received = crm.received();
    assert!(received.iter().all(|request| request.connection == 1));
    assert_eq!(received[2].target, "/v2/accounts?id=c-2&include=preferences");
    assert_eq!(received[2].headers[0], ("X-API-Key".to_owned(), b"k".to_vec()));
    drop(client);
    soon(crm.wait_until(|counts| counts.open_connections == 0)).await;
    assert_eq!(crm.peak_in_progress(), 1);
}

#[tokio::test]
async fn requests_that_come_together_are_answered_one_after_the_other() {
    let simulator = simulator();
    simulator.crm().script([Behaviour::Delay(PAUSE)]);
    let mut client = Client::connect(simulator.crm()).await;
    client.send(account("a") + &account("b")).await;
    assert_eq!(client.reply().await.json()["account"]["id"], "a");
    assert_eq!(client.reply().await.json()["account"]["id"], "b");
}

#[tokio::test]
async fn a_request_may_come_chunked_and_in_pieces_and_may_wait_for_continue() {
    let simulator = simulator();
    let mut client = Client::connect(simulator.orders()).await;
    let head = "POST /v1/orders HTTP/1.1\r\nauthorization: Bearer k\r\n\
                transfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n";
    let (first, second) = head.split_at(20);
    client.send(first).await;
    client.send(second).await;
    assert!(client.head().await.starts_with("http/1.1 100 "));
    assert_eq!(simulator.orders().hits(), 1);
    assert!(simulator.orders().received().is_empty());
    client.send("8\r\n{\"custom\r\n").await;
    client.send("c\r\nerId\":\"c-1\"}\r\n0\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 200);
    let received = simulator.orders().last_received().unwrap();
    assert_eq!(received.body, br#"{"customerId":"c-1"}"#);
}

#[tokio::test]
async fn closing_is_done_when_the_client_asks_for_it() {
    let simulator = simulator();
    let mut client = Client::connect(simulator.crm()).await;
    client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(client.rest().await.unwrap().starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn nonsense_is_answered_with_400_and_closed() {
    let simulator = simulator();
    let mut client = Client::connect(simulator.crm()).await;
    client.send("nonsense\r\n\r\n").await;
    assert!(client.rest().await.unwrap().starts_with("HTTP/1.1 400 "));
    assert_eq!(simulator.crm().hits(), 0);
}

#[tokio::test]
async fn delays_come_on_top_of_the_latency() {
    let simulator = simulator();
    simulator.crm().set_latency(Latency::Fixed(PAUSE));
    let delayed = [
        Behaviour::Delay(PAUSE),
        Behaviour::status(503).after(PAUSE),
        Behaviour::json(200, &json!([])).after(PAUSE),
    ];
    simulator.crm().script(delayed);
    for status in [200, 503, 200] {
        let sent = Instant::now();
        assert_eq!(call(simulator.crm(), &account("c-1")).await.status, status);
        assert!(sent.elapsed() >= PAUSE * 2);
    }
}

#[tokio::test]
async fn requests_on_several_connections_are_in_progress_together() {
    let simulator = simulator();
    let crm = simulator.crm();
    crm.set_behaviour_for("id=slow", Behaviour::Hang);
    let mut hanging = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(crm).await;
        client.send(account("slow")).await;
        hanging.push(client);
    }
    soon(crm.wait_until(|counts| counts.in_progress == 3)).await;
    assert_eq!(call(crm, &account("quick")).await.status, 200);
    assert_eq!(crm.peak_in_progress(), 4);
    crm.close_connections();
    for client in &mut hanging {
        assert_eq!(client.rest().await.unwrap(), "");
    }
    assert_eq!(call(crm, &account("quick")).await.status, 200);
}

#[tokio::test]
async fn a_stopped_simulator_closes_connections_and_ports_and_the_ports_can_be_had_again() {
    let first = simulator();
    let ports = first.upstreams().map(|upstream| upstream.addr().port());
    let crm = first.crm().clone();
    let mut client = Client::connect(&crm).await;
    client.send(account("c-1")).await;
    client.reply().await;
    first.stop();
    assert_eq!(client.rest().await.unwrap(), "");
    assert_eq!((crm.open_connections(), crm.in_progress()), (0, 0));
    let refused = TcpStream::connect(crm.addr()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let options = Options { ports: Some(ports), ..Options::default() };
    let second = Simulator::start(options.clone()).unwrap();
    assert_eq!(second.orders().addr().port(), ports[3]);
    assert_eq!(second.crm().base_url(), format!("http://127.0.0.1:{}", ports[2]));
    let error = Simulator::start(options).unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    assert!(error.to_string().contains(&ports[0].to_string()));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_run() {
    let mut tokens = Vec::new();
    for seed in [1, 1, 2] {
        let options = Options { seed, ..Options::default() };
        let simulator = Simulator::start(options).unwrap();
        simulator.oauth_settings().accept_anyone();
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let request = post("/oauth/token", &form, "grant_type=client_credentials");
        let reply = call(simulator.oauth(), &request).await.json();
        tokens.push(reply["access_token"].as_str().unwrap().to_owned());
    }
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[0], tokens[2]);
}

#[tokio::test]
async fn tls_is_served_and_a_broken_handshake_only_closes_its_connection() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = key.cert.der().clone();
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der());
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&ring))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], private.unwrap())
        .unwrap();
    let simulator =
        Simulator::start(Options { tls: Some(Arc::new(server)), ..Options::default() }).unwrap();
    let crm = simulator.crm();
    assert!(crm.base_url().starts_with("https://127.0.0.1:"));

    let mut plain = Client::connect(crm).await;
    plain.send(account("c-1")).await;
    soon(crm.wait_until(|counts| counts.total_connections == 1 && counts.open_connections == 0))
        .await;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    for (behaviour, is_cut) in [(Behaviour::Chunked, false), (Behaviour::Reset, true)] {
        crm.script([behaviour]);
        let tcp = TcpStream::connect(crm.addr()).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let mut tls = soon(connector.connect(name, tcp)).await.unwrap();
        let request = account("c-1").replace("GET", "DELETE");
        let request = request.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
        tls.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        let read = soon(tls.read_to_string(&mut text)).await;
        assert_eq!(read.is_err(), is_cut);
        assert_eq!(text.starts_with("HTTP/1.1 405 "), !is_cut);
        assert_eq!(text.ends_with("0\r\n\r\n"), !is_cut);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_without_reading_is_noticed_in_the_middle_of_a_write() {
    let simulator = simulator();
    let crm = simulator.crm();
    // More than the socket buffers of both sides hold.
    let large = Reply::status(200).with_body(vec![b' '; 32 << 20]);
    crm.script([large]);
    let mut client = Client::connect(crm).await;
    client.send(account("c-1")).await;
    assert_ne!(client.read_some().await, 0);
    assert_eq!(crm.in_progress(), 1);
    drop(client);
    soon(crm.wait_until(|counts| counts.open_connections == 0)).await;
}
