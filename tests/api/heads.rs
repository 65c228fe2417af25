//! What a request's head is enough for: refusals before the body, `HEAD`, and the connection's end
//! after a head that is refused.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use tributary::simulator::Behaviour;

use crate::client::{self, Connection, JSON_HEAD, Reply};
use crate::harness::{PROFILE, TestApp, assert_between, assert_problem, eventually};
use crate::http_edge::replies;

const BODY: &str = r#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
const KEY: &str = "[[server.api_keys]]\nname = \"test\"\nkey = \"right\"\n";

/// The first reply to a caller that waits with its body until it is asked for it.
#[track_caller]
fn first_reply(address: SocketAddr, request_line: &str, headers: &str) -> Reply {
    let mut connection = Connection::open(address).expect("a connection");
    let head = format!(
        "{request_line} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n{headers}\r\n"
    );
    connection.write(head.as_bytes()).expect("it is read");
    connection.read(Instant::now()).expect("a reply")
}

#[test]
fn a_request_that_its_head_condemns_is_refused_before_its_body_is_asked_for() {
    let app = TestApp::start_with(&format!("{KEY}[server]\nmax_body = \"1KiB\"\n"));
    let profile = format!("POST {PROFILE}");
    let profile = profile.as_str();
    for (line, headers, status) in [
        (profile, "", 401),
        (profile, "x-api-key: wrong\r\n", 401),
        ("POST /events", "", 401),
        ("POST /nothing", "", 404),
        ("POST /v1/actions/none", "x-api-key: right\r\n", 404),
        ("PUT /events", "", 405),
        (profile, "x-api-key: right\r\ncontent-type: text/plain\r\n", 415),
        (profile, "x-api-key: right\r\ncontent-encoding: gzip\r\n", 415),
        ("POST /events", "x-api-key: right\r\ncontent-encoding: gzip\r\n", 415),
        (profile, "x-api-key: right\r\nx-request-timeout-ms: soon\r\n", 400),
    ] {
        for framing in ["content-length: 45\r\n", "transfer-encoding: chunked\r\n"] {
            let reply = first_reply(app.address, line, &format!("{headers}{framing}"));
            assert_problem(&reply, status);
            // Whether its body comes after all is not known: nothing else may be read after it.
            assert_eq!(reply.header("connection"), Some("close"), "{line} {headers}");
        }
    }
    for path in [PROFILE, "/events"] {
        let headers = "x-api-key: right\r\ncontent-length: 1025\r\n";
        assert_problem(&first_reply(app.address, &format!("POST {path}"), headers), 413);
    }
    assert_problem(&first_reply(app.admin, "POST /livez", "content-length: 5\r\n"), 405);
    let good = first_reply(app.address, profile, "x-api-key: right\r\ncontent-length: 45\r\n");
    assert_eq!(good.status, 100, "for that the body is wanted");
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn a_request_too_many_is_turned_away_without_asking_for_its_body() {
    let app = TestApp::start_with("[server]\nmax_concurrent_requests = 1\n");
    app.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_secs(2)));
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| app.profile("slow"));
        eventually("one request is under way", || app.sim.crm().in_progress() == 1);
        for path in [PROFILE, "/events"] {
            let reply = first_reply(app.address, &format!("POST {path}"), "content-length: 45\r\n");
            assert_problem(&reply, 503);
        }
        assert_eq!(slow.join().expect("no panic").status, 200);
    });
}

#[test]
fn a_body_with_an_encoding_is_refused_with_what_is_taken() {
    let app = TestApp::start();
    for path in [PROFILE, "/events"] {
        for codings in [
            &["gzip"][..],
            &["GZIP"],
            &["br"],
            &["aes128gcm"],
            &["identity, gzip"],
            &["identity", "deflate"],
            &["gzip;q=1"],
        ] {
            let headers: Vec<_> =
                codings.iter().map(|coding| ("content-encoding", *coding)).collect();
            let reply = app.post_with(path, &headers, BODY.as_bytes());
            let problem = assert_problem(&reply, 415);
            assert_eq!(reply.header("accept-encoding"), Some("identity"), "{codings:?}");
            let detail = problem["detail"].as_str().expect("a text");
            assert!(detail.contains("Content-Encoding"), "{detail}");
        }
    }
    assert_eq!(app.upstream_hits(), 0);
    for coding in ["identity", "Identity", "identity, identity", ""] {
        let reply = app.post_with(PROFILE, &[("content-encoding", coding)], BODY.as_bytes());
        assert_eq!(reply.status, 200, "{coding:?}");
    }
}

/// The reply's head to `HEAD`, which is all that comes.
#[track_caller]
fn head_of(address: SocketAddr, path: &str) -> String {
    let bytes = format!("HEAD {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let all = client::send_raw(address, bytes.as_bytes()).expect("a reply");
    let all = String::from_utf8(all).expect("UTF-8");
    let (head, body) = all.split_once("\r\n\r\n").expect("a head");
    assert_eq!(body, "", "{path}");
    head.to_ascii_lowercase()
}

#[test]
fn head_is_answered_as_get_is_without_a_body() {
    let app = TestApp::start();
    for (address, path, length_stays) in [
        (app.address, "/openapi.json", true),
        (app.admin, "/livez", true),
        (app.admin, "/readyz", false),
        (app.admin, "/metrics", false),
        (app.admin, "/console", true),
        (app.admin, "/v1/sources", false),
        (app.admin, "/v1/credentials", false),
        (app.admin, "/v1/requests", false),
        (app.admin, "/v1/requests/none", true),
    ] {
        let get = client::send(address, "GET", path, &[], b"").expect("a reply");
        let head = head_of(address, path);
        assert!(head.starts_with(&format!("http/1.1 {}", get.status)), "{path}: {head}");
        let media_type = get.header("content-type").expect("the header");
        assert!(head.contains(&format!("\r\ncontent-type: {media_type}")), "{path}: {head}");
        let length = format!("\r\ncontent-length: {}", get.body.len());
        assert!(head.contains(&length) || !length_stays, "{path}: {head}");
        let other = client::send(address, "DELETE", path, &[], b"").expect("a reply");
        assert_problem(&other, 405);
        assert_eq!(other.header("allow"), Some("GET, HEAD"), "{path}");
    }
    for path in [PROFILE, "/events"] {
        assert!(head_of(app.address, path).starts_with("http/1.1 405"), "there is no GET either");
    }
}

#[test]
fn head_leaves_its_connection_for_the_next_request() {
    let app = TestApp::start();
    let head = "HEAD /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let get = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let all = client::send_raw(app.address, format!("{head}{get}").as_bytes()).expect("replies");
    let all = String::from_utf8(all).expect("UTF-8");
    let (_, second) = all.split_once("\r\n\r\n").expect("a head");
    let [(200, _, document)] = &replies(second.as_bytes())[..] else { panic!("{second}") };
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn head_on_a_stream_ends_and_keeps_no_place_of_those_who_follow() {
    let app = TestApp::start();
    for _ in 0..20 {
        let head = head_of(app.admin, "/v1/live");
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        assert!(!head.contains("content-length"), "a stream has none: {head}");
    }
}

/// Reads the one reply that the connection has, after which the service sends no more, and then
/// sends on: nothing is reset.
#[track_caller]
fn assert_ends_gently(mut stream: TcpStream, status: u16) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("a reply and the end of their side");
    let replies = replies(&all);
    let [(found, head, _)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(*found, status);
    assert!(head.contains("\r\nconnection: close"), "{head}");
    let more = vec![b'x'; 32 * 1024];
    for _ in 0..8 {
        stream.write_all(&more).expect("it is still read");
    }
    stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    assert_eq!(stream.read(&mut [0; 8]).expect("no reset"), 0);
}

#[test]
fn after_a_head_that_is_refused_what_still_comes_is_read() {
    let app = TestApp::start();
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}", "y".repeat(140 * 1024));
    for (bytes, status) in [("nonsense\r\n\r\n", 400), (long.as_str(), 431)] {
        for address in [app.address, app.admin] {
            let mut stream = TcpStream::connect(address).expect("it listens");
            stream.write_all(bytes.as_bytes()).expect("it is read");
            assert_ends_gently(stream, status);
        }
    }
}

#[test]
fn a_caller_that_sends_a_whole_large_head_reads_why_it_is_refused() {
    let app = TestApp::start();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(app.address).expect("it listens");
        let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}", "y".repeat(600 * 1024));
        stream.write_all(long.as_bytes()).expect("all of it is taken");
        assert_ends_gently(stream, 431);
    }
}

#[test]
fn after_a_head_that_came_too_slowly_what_still_comes_is_read() {
    let app = TestApp::start();
    let begun = b"POST /events HTTP/1.1\r\nhost: x\r\nx-slow: ";
    let mut first = TcpStream::connect(app.address).expect("it listens");
    first.write_all(begun).expect("it is read");
    let mut second = TcpStream::connect(app.address).expect("it listens");
    second.write_all(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is read");
    let mut answered = Vec::new();
    while !answered.ends_with(b"]}") {
        let mut byte = [0];
        second.read_exact(&mut byte).expect("a reply");
        answered.push(byte[0]);
    }
    second.write_all(begun).expect("it is read");
    assert_ends_gently(first, 408);
    assert_ends_gently(second, 408);
}

#[test]
fn a_caller_that_does_not_end_after_its_refusal_is_left_soon() {
    let app = TestApp::start();
    let mut stream = TcpStream::connect(app.address).expect("it listens");
    stream.write_all(b"nonsense\r\n\r\n").expect("it is read");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("a reply and the end of their side");
    let refused = Instant::now();
    while stream.write_all(b"x").is_ok() && refused.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_between(refused.elapsed(), 500, 5_000);
    assert_eq!(app.profile("c-1").status, 200);
}

#[test]
fn a_stop_waits_only_shortly_for_a_caller_that_was_refused() {
    let mut app = TestApp::start();
    let mut stream = TcpStream::connect(app.address).expect("it listens");
    stream.write_all(b"nonsense\r\n\r\n").expect("it is read");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("a reply and the end of their side");
    let stopping = Instant::now();
    app.join();
    assert_between(stopping.elapsed(), 0, 4_000);
}

#[test]
fn after_its_last_reply_a_connection_has_no_other() {
    let app = TestApp::start();
    let length = BODY.len();
    let bytes = format!(
        "POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}connection: close\r\ncontent-length: {length}\r\n\r\n\
         {BODY}\0nonsense\r\n\r\n"
    );
    let all = client::send_raw(app.address, bytes.as_bytes()).expect("a reply");
    let replies = replies(&all);
    assert!(matches!(&replies[..], [(200, _, _)]), "{replies:?}");
}

#[test]
fn a_member_that_comes_twice_is_refused_on_both_routes() {
    let app = TestApp::start();
    let twice = r#"{"customerId":"c-1","externalApiKey":"key-1","customerId":"c-2"}"#;
    let wrapped = format!(r#"{{"input":{twice}}}"#);
    for (path, body) in [(PROFILE, twice), (PROFILE, &wrapped), ("/events", &wrapped)] {
        let problem = assert_problem(&app.post_with(path, &[], body.as_bytes()), 400);
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("`customerId` twice"), "{detail}");
        assert!(!detail.contains("c-1") && !detail.contains("c-2"), "{detail}");
    }
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn an_input_of_that_name_may_stand_beside_others() {
    let more = "[actions.customer_profile.inputs.input]\ntype = \"string\"\n";
    let app = TestApp::start_with(more);
    let body = json!({"customerId": "c-1", "externalApiKey": "k", "input": "x"});
    assert_eq!(app.post(PROFILE, &body).status, 200);
}
