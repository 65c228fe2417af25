//! Callers that ask for another protocol are answered in the one that they speak, and are told that
//! the connection ends: RFC 9110 section 7.8.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tributary::simulator::Behaviour;

use crate::client::{self, JSON_HEAD};
use crate::harness::{PROFILE, TestApp, assert_between, eventually};
use crate::http_edge::{BODY, replies, request};

/// What callers send who would rather speak something else.
const UPGRADES: [&str; 8] = [
    "connection: Upgrade\r\nupgrade: foo\r\n",
    "connection: Upgrade\r\nupgrade: websocket\r\n",
    "connection: keep-alive, upgrade\r\nupgrade: WebSocket\r\n",
    "connection: upgrade\r\nupgrade: foo/2\r\nupgrade: websocket\r\n",
    "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
    // Against the standard, in one way or the other.
    "upgrade: websocket\r\n",
    "connection: upgrade\r\n",
    "connection: close, upgrade\r\nupgrade: websocket\r\n",
];
/// Far less than any timeout of the service.
const PROMPT_MS: u64 = 3_000;

/// Sends bytes on a connection of their own; the one reply, the last on it, and without a word of
/// an upgrade.
#[track_caller]
fn last_reply(address: SocketAddr, bytes: &str) -> (u16, Value) {
    let began = Instant::now();
    let all = client::send_raw(address, bytes.as_bytes()).expect("a reply");
    assert_between(began.elapsed(), 0, PROMPT_MS);
    let replies = replies(&all);
    let [(status, head, json)] = replies.as_slice() else { panic!("{bytes}: {replies:?}") };
    assert!(!head.contains("upgrade"), "{bytes}: {head}");
    assert!(head.contains("\r\nconnection: close"), "{bytes}: {head}");
    (*status, json.clone())
}

fn get(path: &str, more_headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{more_headers}\r\n")
}

/// Asks with each of them at the same time: a connection may linger for a second.
fn with_each_upgrade(ask: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for upgrade in UPGRADES {
            let ask = &ask;
            scope.spawn(move || ask(upgrade));
        }
    });
}

#[test]
fn a_request_for_an_upgrade_is_answered_as_one_without_and_is_the_last_on_its_connection() {
    let app = TestApp::start();
    with_each_upgrade(|upgrade| {
        let (status, body) = last_reply(app.address, &request(upgrade));
        assert_eq!((status, &body["complete"]), (200, &true.into()), "{upgrade}");
        let (status, _) = last_reply(app.address, &request(upgrade).replace(BODY, &"{".repeat(45)));
        assert_eq!(status, 400, "{upgrade}");
        for (address, path, expected) in [
            (app.address, "/openapi.json", 200),
            (app.address, "/nothing", 404),
            (app.address, PROFILE, 405),
            (app.admin, "/livez", 200),
            (app.admin, "/v1/sources", 200),
            (app.admin, "/v1/reload", 405),
        ] {
            let (status, _) = last_reply(address, &get(path, upgrade));
            assert_eq!(status, expected, "{path} {upgrade}");
        }
    });
}

#[test]
fn the_body_of_a_request_for_an_upgrade_ends_where_it_says_so() {
    let app = TestApp::start();
    with_each_upgrade(|upgrade| {
        let mut stream = TcpStream::connect(app.address).expect("a connection");
        stream.set_nodelay(true).expect("an option of sockets");
        stream.set_read_timeout(Some(Duration::from_millis(PROMPT_MS))).expect("a timeout");
        let whole = request(&format!("{upgrade}expect: 100-continue\r\n"));
        let (head, body) = whole.split_at(whole.len() - BODY.len());
        stream.write_all(head.as_bytes()).expect("it is read");
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).expect("an interim reply");
        // Byte by byte, and the last along with what belongs to no body.
        let (first, last) = body.split_at(body.len() - 1);
        for byte in first.as_bytes() {
            stream.write_all(&[*byte]).expect("it is read");
        }
        stream.write_all(format!("{last}GET /").as_bytes()).expect("it is read");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("a reply and the end");
        let replies = replies(&all);
        let [(200, _, json)] = replies.as_slice() else { panic!("{upgrade}: {replies:?}") };
        assert_eq!(json["complete"], true, "{json}");
    });
    assert_eq!(app.upstream_hits(), 3 * UPGRADES.len());
}

#[test]
fn a_body_without_a_length_is_none_and_a_chunked_one_ends_with_its_last_chunk() {
    let app = TestApp::start();
    let head = format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}");
    with_each_upgrade(|upgrade| {
        let (status, problem) = last_reply(app.address, &format!("{head}{upgrade}\r\n"));
        assert_eq!(status, 400, "{upgrade}: {problem}");
        let chunks = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
        let chunked = format!("{head}{upgrade}transfer-encoding: chunked\r\n\r\n{chunks}");
        let (status, body) = last_reply(app.address, &chunked);
        assert_eq!((status, &body["complete"]), (200, &true.into()), "{upgrade}");
    });
    assert_eq!(app.upstream_hits(), 3 * UPGRADES.len());
}

#[test]
fn a_body_that_is_too_large_or_cut_off_is_refused_as_any_other() {
    let app = TestApp::start_with("[server]\nmax_body = \"1KiB\"\n");
    let head = format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}content-length: ");
    with_each_upgrade(|upgrade| {
        let (status, _) = last_reply(app.address, &format!("{head}1025\r\n{upgrade}\r\n"));
        assert_eq!(status, 413, "{upgrade}");
        let mut stream = TcpStream::connect(app.address).expect("a connection");
        let cut_off = format!("{head}46\r\n{upgrade}\r\n{BODY}");
        stream.write_all(cut_off.as_bytes()).expect("it is read");
        stream.shutdown(Shutdown::Write).expect("it is open");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("it ends");
        let replies = replies(&all);
        let [(400, head, _)] = replies.as_slice() else { panic!("{upgrade}: {replies:?}") };
        assert!(!head.contains("upgrade"), "{head}");
    });
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn a_caller_that_half_closes_is_told_so_without_a_word_of_an_upgrade() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::Hang);
    for upgrade in UPGRADES {
        let mut stream = TcpStream::connect(app.address).expect("a connection");
        stream.write_all(request(upgrade).as_bytes()).expect("it is read");
        eventually("the sources are asked", || app.sim.crm().in_progress() == 1);
        stream.shutdown(Shutdown::Write).expect("it is open");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("it ends");
        let replies = replies(&all);
        let [(400, head, _)] = replies.as_slice() else { panic!("{upgrade}: {replies:?}") };
        assert!(!head.contains("upgrade") && head.contains("connection: close"), "{head}");
        eventually("nothing is under way", || app.sim.crm().in_progress() == 0);
    }
}

#[test]
fn with_http_1_0_there_is_no_upgrade_either() {
    let app = TestApp::start();
    with_each_upgrade(|upgrade| {
        let old = request(upgrade).replace("HTTP/1.1", "HTTP/1.0");
        let all = client::send_raw(app.address, old.as_bytes()).expect("a reply");
        let replies = replies(&all);
        let [(200, head, _)] = replies.as_slice() else { panic!("{upgrade}: {replies:?}") };
        // Without a word, a connection of HTTP/1.0 ends.
        assert!(!head.contains("upgrade") && !head.contains("\r\nconnection:"), "{head}");
    });
}

#[test]
fn there_is_no_tunnel() {
    let app = TestApp::start();
    for target in ["example.com:443", PROFILE, "/livez"] {
        for (address, more) in [(app.address, ""), (app.admin, "content-length: 2\r\n")] {
            let connect = format!("CONNECT {target} HTTP/1.1\r\nhost: x\r\n{more}\r\n{{}}");
            let (status, _) = last_reply(address, &connect);
            assert!((400..500).contains(&status), "{target}: {status}");
        }
    }
}

#[test]
fn a_request_for_an_upgrade_says_nothing_about_the_replies_before_it() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_millis(200)));
    with_each_upgrade(|upgrade| {
        let bytes = [request(""), get("/nothing", upgrade)].concat();
        let all = client::send_raw(app.address, bytes.as_bytes()).expect("replies");
        let replies = replies(&all);
        let [(200, first, body), (404, last, _)] = replies.as_slice() else {
            panic!("{upgrade}: {replies:?}")
        };
        assert_eq!(body["complete"], true, "{body}");
        assert!(!first.contains("upgrade") && !last.contains("upgrade"), "{first}\n{last}");
        assert!(last.contains("connection: close"), "{last}");
    });
}
