//! A reply that says `Connection: close` is the last one: what comes behind its request is not
//! answered, and not done (RFC 9112 section 9.6). Whoever sent it knows that it has to be sent anew.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use tributary::simulator::Behaviour;

use crate::client;
use crate::harness::{TestApp, assert_problem};
use crate::http_edge::{BODY, replies, request};

/// Requests behind whose reply the connection ends, and the status of that.
fn last_requests() -> [(String, u16); 5] {
    let with_body = |body: &str| {
        request("").replace(BODY, body).replace(&BODY.len().to_string(), &body.len().to_string())
    };
    [
        (request("connection: close\r\n"), 200),
        (request("").replace("application/json", "text/plain"), 415),
        (request("").replace("host: localhost", "host: evil.example"), 421),
        (request("expect: 100-continue\r\norigin: https://evil.example\r\n"), 403),
        (with_body(&"x".repeat(70_000)), 413),
    ]
}

#[test]
fn what_comes_behind_the_last_request_is_neither_answered_nor_done() {
    let app = TestApp::start();
    let mut asked = 0;
    for (last, status) in last_requests() {
        let bytes = [last.as_str(), &request(""), &request("")].concat();
        let all = client::send_raw(app.address, bytes.as_bytes()).expect("a reply and the end");
        let replies = replies(&all);
        let [(found, head, _)] = replies.as_slice() else { panic!("{last:.300}: {replies:?}") };
        assert_eq!(*found, status, "{last:.300}");
        assert!(head.contains("\r\nconnection: close"), "{head}");
        asked += if status == 200 { 3 } else { 0 };
        assert_eq!(app.upstream_hits(), asked, "{last:.300}");
    }
}

#[test]
fn a_caller_that_ends_its_side_behind_several_requests_is_told_so_once() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_secs(2)));
    let mut stream = TcpStream::connect(app.address).expect("it listens");
    stream.write_all(request("").repeat(3).as_bytes()).expect("it is read");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("a reply and the end");
    let replies = replies(&all);
    let [(400, head, problem)] = replies.as_slice() else { panic!("{replies:?}") };
    assert!(head.contains("\r\nconnection: close"), "{head}");
    assert!(problem["detail"].to_string().contains("keep it open"), "{problem}");
}

#[test]
fn a_body_that_is_not_validly_chunked_is_told_so_and_ends_the_connection() {
    let app = TestApp::start();
    let chunked = request("").replace("content-length: 45", "transfer-encoding: chunked");
    for chunks in ["zz\r\n", "5\r\nabcdefgh\r\n", "9\n{}"] {
        let bytes = chunked.replace(BODY, chunks);
        let all = client::send_raw(app.address, bytes.as_bytes()).expect("a reply and the end");
        let replies = replies(&all);
        let [(400, head, problem)] = replies.as_slice() else { panic!("{chunks:?}: {replies:?}") };
        assert!(head.contains("\r\nconnection: close"), "{head}");
        assert!(problem["detail"].to_string().contains("not validly chunked"), "{problem}");
    }
}

#[test]
fn a_head_that_is_refused_says_what_is_wrong_with_it() {
    let app = TestApp::start();
    let target = |length: usize| format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(length));
    let fields = "x: 1\r\n".repeat(97);
    for (bytes, status, words) in [
        (target(65_533), 404, "nothing under this path"),
        (target(65_534), 414, "target is longer than 65534 bytes"),
        (target(100_000), 414, "target is longer than 65534 bytes"),
        (target(140_000), 431, "larger than 128 KiB"),
        (request(&fields), 431, "more than 96 fields"),
        (target(60_000).replace("host", "ho st"), 400, "not valid HTTP"),
    ] {
        let bytes = bytes.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
        let all = client::send_raw(app.address, bytes.as_bytes()).expect("a reply");
        let replies = replies(&all);
        let [(found, _, problem)] = replies.as_slice() else { panic!("{bytes:.99}: {replies:?}") };
        assert_eq!(*found, status, "{bytes:.99}: {problem}");
        assert!(problem["detail"].to_string().contains(words), "{bytes:.99}: {problem}");
    }
}

#[test]
fn a_target_that_is_no_path_has_a_whole_reply_on_the_operators_port_too() {
    let app = TestApp::start();
    for method in ["GET", "OPTIONS"] {
        assert_problem(&client::send(app.admin, method, "*", &[], b"").expect("a reply"), 404);
    }
}
