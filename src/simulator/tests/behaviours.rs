//! What each behaviour is on the wire.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{PAUSE, account, simulator};
use crate::simulator::test_client::{Client, call, soon};
use crate::simulator::{Behaviour, Latency, Reply, Simulator, Then};

/// The body of the reply to [`account`].
async fn account_body(simulator: &Simulator, id: &str) -> String {
    let reply = call(simulator.crm(), &account(id)).await;
    String::from_utf8(reply.body).unwrap()
}

/// The CRM's reply to `c-1` as text until the connection closes.
async fn text_until_close(simulator: &Simulator, behaviour: Behaviour) -> String {
    simulator.crm().script([behaviour]);
    let mut client = Client::connect(simulator.crm()).await;
    client.send(account("c-1")).await;
    client.rest().await.unwrap()
}

#[tokio::test]
async fn a_reply_in_place_of_the_answer_comes_with_its_length_and_keeps_the_connection() {
    let simulator = simulator();
    let busy = Reply::json(429, &json!({"a": 1})).with_header("Retry-After", "7");
    simulator.crm().script([busy.into(), Behaviour::status(503)]);
    let mut client = Client::connect(simulator.crm()).await;
    client.send(account("c-1")).await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));
    assert_eq!(reply.json(), json!({"a": 1}));
    client.send(account("c-1")).await;
    assert_eq!(client.reply().await.status, 503);
    client.send(account("c-1")).await;
    assert_eq!(client.reply().await.status, 200);
}

#[tokio::test]
async fn raw_bytes_are_sent_as_they_are_and_the_connection_goes_on_closes_or_breaks() {
    let simulator = simulator();
    let raw = |then| Behaviour::Raw { bytes: b"\x00any\r\n\r\n".to_vec(), then };
    let ends = [Then::KeepOpen, Then::Close].map(raw);
    simulator.crm().script(ends);
    let mut client = Client::connect(simulator.crm()).await;
    client.send(account("c-1")).await;
    assert_eq!(client.head().await, "\0any\r\n\r\n");
    client.send(account("c-1")).await;
    assert_eq!(client.rest().await.unwrap(), "\0any\r\n\r\n");

    simulator.crm().script([raw(Then::Reset)]);
    let mut client = Client::connect(simulator.crm()).await;
    client.send(account("c-1")).await;
    let error = client.rest().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_hanging_request_ends_when_the_client_goes_away() {
    let simulator = simulator();
    let crm = simulator.crm();
    crm.set_behaviour(Behaviour::Hang);
    let mut client = Client::connect(crm).await;
    client.send(account("c-1")).await;
    soon(crm.wait_until(|counts| counts.in_progress == 1)).await;
    drop(client);
    soon(crm.wait_until(|counts| counts.in_progress == 0)).await;
    soon(crm.wait_until(|counts| counts.open_connections == 0)).await;
    assert_eq!((crm.hits(), crm.peak_in_progress()), (1, 1));
}

#[tokio::test]
async fn a_delayed_request_ends_when_the_client_goes_away() {
    let simulator = simulator();
    let crm = simulator.crm();
    crm.set_latency(Latency::Fixed(Duration::from_mins(10)));
    let mut client = Client::connect(crm).await;
    client.send(account("c-1")).await;
    soon(crm.wait_until(|counts| counts.in_progress == 1)).await;
    drop(client);
    soon(crm.wait_until(|counts| counts.open_connections == 0)).await;
    assert_eq!(crm.in_progress(), 0);
}

#[tokio::test]
async fn a_connection_closes_or_breaks_without_a_byte() {
    let simulator = simulator();
    assert_eq!(text_until_close(&simulator, Behaviour::Close).await, "");
    simulator.crm().script([Behaviour::Reset]);
    let mut client = Client::connect(simulator.crm()).await;
    client.send(account("c-1")).await;
    let error = client.rest().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn interim_heads_come_before_the_latency_and_the_answer() {
    let simulator = simulator();
    let early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_vec();
    let processing = b"HTTP/1.1 102 Processing\r\n\r\n".to_vec();
    simulator.crm().script([Behaviour::Interim(vec![early, processing])]);
    simulator.crm().set_latency(Latency::Fixed(PAUSE));
    let mut client = Client::connect(simulator.crm()).await;
    let sent = Instant::now();
    client.send(account("c-1")).await;
    assert!(client.head().await.starts_with("http/1.1 103 early hints\r\nlink: </x>"));
    assert!(client.head().await.starts_with("http/1.1 102 "));
    assert_eq!(client.reply().await.json()["account"]["id"], "c-1");
    assert!(sent.elapsed() >= PAUSE);
}

#[tokio::test]
async fn a_short_body_is_complete_json_but_ends_before_the_announced_length() {
    let simulator = simulator();
    let whole = account_body(&simulator, "c-1").await;
    let text = text_until_close(&simulator, Behaviour::ShortContentLength).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, whole);
    assert!(head.contains(&format!("content-length: {}", whole.len() + 64)));
}

#[tokio::test]
async fn a_chunked_answer_has_several_chunks_and_a_cut_one_no_end() {
    let simulator = simulator();
    let whole = account_body(&simulator, "c-1").await;
    let cut = text_until_close(&simulator, Behaviour::CutChunked).await;
    let (head, cut) = cut.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"));
    assert!(cut.ends_with("}\r\n"));
    assert!(cut.len() > whole.len());

    simulator.crm().script([Behaviour::Chunked]);
    let mut client = Client::connect(simulator.crm()).await;
    client.send(account("c-1")).await;
    assert_eq!(client.head().await.trim_end(), head.to_ascii_lowercase());
    let complete = format!("{cut}0\r\n\r\n").to_ascii_lowercase();
    assert_eq!(client.head().await, complete);
    client.send(account("c-1")).await;
    assert_eq!(client.reply().await.status, 200);
}

#[tokio::test]
async fn without_a_length_the_end_of_the_connection_is_the_end_of_the_body() {
    let simulator = simulator();
    let whole = account_body(&simulator, "c-2").await;
    let by_half = &whole.as_bytes()[..whole.len() / 2];
    for (complete, expected) in [(true, whole.as_bytes()), (false, by_half)] {
        simulator.crm().script([Behaviour::NoLength { complete }]);
        let mut stream = TcpStream::connect(simulator.crm().addr()).await.unwrap();
        stream.write_all(account("c-2").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        soon(stream.read_to_end(&mut bytes)).await.unwrap();
        let blank = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        assert_eq!(&bytes[blank + 4..], expected);
        let head = String::from_utf8_lossy(&bytes[..blank]);
        assert!(!head.contains("content-length") && !head.contains("transfer-encoding"));
    }
}

#[tokio::test]
async fn a_drip_takes_its_pauses_and_is_the_whole_answer() {
    let simulator = simulator();
    let every = Duration::from_millis(2);
    let reply = Reply::status(200).with_body("0123456789");
    let head = Behaviour::Drip { bytes_per_write: 4, every };
    let body = Behaviour::DripBody { bytes_per_write: 4, every };
    // 39 bytes of head and 10 of body: 13 pieces of four; the body alone: 3 pieces.
    for (drip, pauses) in [(head, 12), (body, 3)] {
        simulator.crm().script([drip.replying(reply.clone())]);
        let mut client = Client::connect(simulator.crm()).await;
        let sent = Instant::now();
        client.send(account("c-1")).await;
        assert_eq!(client.reply().await.body, b"0123456789");
        assert!(sent.elapsed() >= every * pauses);
    }
}

#[tokio::test]
async fn a_dripping_body_begins_after_its_head() {
    let simulator = simulator();
    simulator
        .crm()
        .script([Behaviour::DripBody { bytes_per_write: 1, every: Duration::from_mins(10) }]);
    let mut client = Client::connect(simulator.crm()).await;
    client.send(account("c-1")).await;
    assert!(client.head().await.contains("content-length: "));
    drop(client);
    soon(simulator.crm().wait_until(|counts| counts.open_connections == 0)).await;
}
