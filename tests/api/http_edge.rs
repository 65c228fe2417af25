//! The edge of HTTP: whatever bytes come, the reply is JSON and never empty, and the service goes
//! on serving others.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tributary::simulator::Behaviour;

use crate::client::{self, Connection, JSON, JSON_HEAD, Reply};
use crate::harness::{PROFILE, TestApp, assert_between, assert_problem, eventually};

pub const BODY: &str = r#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
/// How long a request's head may take, plus some.
const HEAD_TIMEOUT_MS: (u64, u64) = (4_500, 9_000);

/// A whole request with its body.
pub fn request(more_headers: &str) -> String {
    let length = BODY.len();
    format!(
        "POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}{more_headers}content-length: {length}\r\n\r\n{BODY}"
    )
}

/// Splits all that came back into replies, and asserts that each has JSON of its announced length.
#[track_caller]
pub fn replies(bytes: &[u8]) -> Vec<(u16, String, Value)> {
    let mut rest = std::str::from_utf8(bytes).expect("replies are UTF-8");
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (head, after) =
            rest.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {rest}"));
        let head = head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status: {head}"));
        if status == 100 {
            rest = after;
            continue;
        }
        let length = head.split("content-length: ").nth(1).and_then(|text| text.lines().next());
        let length: usize =
            length.unwrap_or_else(|| panic!("no length: {head}")).parse().expect("a number");
        let (body, after) = after.split_at(length);
        let json = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body:?}"));
        let problem = status >= 400;
        let media_type = if problem { "application/problem+json" } else { "application/json" };
        assert!(head.contains(&format!("content-type: {media_type}")), "{head}");
        for line in ["\r\nx-content-type-options: nosniff", "\r\ncache-control: no-store"] {
            assert!(head.contains(line), "{head}");
        }
        found.push((status, head, json));
        rest = after;
    }
    found
}

/// Sends bytes on a connection of their own and asserts that the one reply has this status.
#[track_caller]
fn assert_answered(app: &TestApp, bytes: &[u8], status: u16) {
    let all = client::send_raw(app.address, bytes).expect("a reply");
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    let replies = replies(&all);
    let [(found, _, json)] = replies.as_slice() else {
        panic!("not one reply to {shown:?}: {replies:?}")
    };
    assert_eq!(*found, status, "{shown:?}: {json}");
    assert_eq!(json["status"], status, "{json}");
    assert!(json["detail"].is_string(), "{json}");
}

#[track_caller]
fn assert_responsive(app: &TestApp) {
    let reply = app.profile("c-1");
    assert_eq!(reply.status, 200);
    assert!(reply.took < Duration::from_secs(2), "{:?}", reply.took);
}

#[test]
fn bytes_that_are_no_http_are_answered_with_a_problem() {
    let app = TestApp::start();
    for bytes in [
        &b"nonsense\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1 more\r\n\r\n",
        b"G\xffT / HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: a\0b\r\n\r\n",
        b"POST /events HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /events HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST /events HTTP/1.1\r\ncontent-length: 99999999999999999999999999\r\n\r\n",
        b"POST /events HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        assert_answered(&app, bytes, 400);
    }
    assert_responsive(&app);
}

#[test]
fn length_and_chunks_together_are_refused() {
    let app = TestApp::start();
    let bytes = format!(
        "POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n\
         0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
    );
    assert_answered(&app, bytes.as_bytes(), 400);
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn a_head_without_end_is_refused_before_it_fills_the_memory() {
    let app = TestApp::start();
    let long = "x".repeat(200 * 1024);
    assert_answered(&app, format!("GET /{long} HTTP/1.1\r\nhost: x\r\n").as_bytes(), 431);
    assert_answered(&app, format!("GET / HTTP/1.1\r\nx: {long}").as_bytes(), 431);
    let many = "x-many: y\r\n".repeat(200);
    let bytes = format!("GET / HTTP/1.1\r\n{many}\r\n");
    let all = client::send_raw(app.address, bytes.as_bytes()).expect("a reply");
    let replies = replies(&all);
    assert!(matches!(replies.as_slice(), [(400 | 431, _, _)]), "{replies:?}");
    assert_responsive(&app);
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let app = TestApp::start();
    let length = BODY.len();
    let head = format!("POST {PROFILE} HTTP/1.0\r\ncontent-type: application/json\r\n");
    let bytes = format!("{head}content-length: {length}\r\n\r\n{BODY}");
    let all = client::send_raw(app.address, bytes.as_bytes()).expect("a reply");
    let replies = replies(&all);
    let [(200, _, body)] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!(body["complete"], true);
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let app = TestApp::start();
    let slow = "slow-1";
    app.sim.crm().set_behaviour_for(slow, Behaviour::Delay(Duration::from_millis(200)));
    let mut bytes = Vec::new();
    for (id, customer, last) in
        [("1", slow, ""), ("2", "c-2", ""), ("3", "c-3", "connection: close\r\n")]
    {
        let body = BODY.replace("c-1", customer);
        let length = body.len();
        let head = format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}x-request-id: {id}\r\n{last}");
        write!(bytes, "{head}content-length: {length}\r\n\r\n{body}").expect("memory");
    }
    let all = client::send_raw(app.address, &bytes).expect("a reply");
    let replies = replies(&all);
    let customers: Vec<_> = replies.iter().map(|(_, _, body)| body["customerId"].clone()).collect();
    assert_eq!(customers, [slow, "c-2", "c-3"]);
    for (index, (status, head, _)) in replies.iter().enumerate() {
        assert_eq!(*status, 200);
        assert!(head.contains(&format!("x-request-id: {}", index + 1)), "{head}");
    }
}

#[test]
fn a_connection_is_kept_after_answers_and_after_problems() {
    let app = TestApp::start();
    let mut connection = Connection::open(app.address).expect("a connection");
    for _ in 0..3 {
        for (method, path, body, status) in [
            ("POST", PROFILE, BODY, 200),
            ("POST", PROFILE, "{}", 400),
            ("POST", PROFILE, "{", 400),
            ("GET", "/nothing", "", 404),
            ("GET", PROFILE, "", 405),
            ("POST", "/events", "{}", 200),
        ] {
            let reply = connection.send(method, path, &[JSON], body.as_bytes());
            let reply = reply.unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"));
            assert_eq!(reply.status, status, "{method} {path} {body}");
            assert!(!reply.body.is_empty());
        }
    }
}

#[test]
fn a_body_that_nobody_read_is_never_taken_for_the_next_request() {
    let app = TestApp::start();
    let inner = request("x-request-id: smuggled\r\nconnection: close\r\n");
    for (path, status) in [("/nothing", 404), ("/v1/actions/none", 404)] {
        let head = format!("POST {path} HTTP/1.1\r\n{JSON_HEAD}connection: close\r\n");
        let bytes = format!("{head}content-length: {}\r\n\r\n{inner}", inner.len());
        let all = client::send_raw(app.address, bytes.as_bytes()).expect("a reply");
        let replies = replies(&all);
        assert!(matches!(replies.as_slice(), [(found, _, _)] if *found == status), "{replies:?}");
    }
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn a_head_that_comes_too_slowly_gets_a_408() {
    let app = TestApp::start();
    let started = Instant::now();
    let all =
        client::send_raw(app.address, b"POST /events HTTP/1.1\r\nhost: x\r\n").expect("a reply");
    let replies = replies(&all);
    assert!(matches!(replies.as_slice(), [(408, _, _)]), "{replies:?}");
    assert_between(started.elapsed(), HEAD_TIMEOUT_MS.0, HEAD_TIMEOUT_MS.1);
}

#[test]
fn a_head_that_drips_gets_a_408_and_no_more_time_for_each_byte() {
    let app = TestApp::start();
    let mut stream = TcpStream::connect(app.address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let started = Instant::now();
    stream.write_all(b"POST /events HTTP/1.1\r\nhost: x\r\nx-drip: ").expect("it is read");
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while all.is_empty() && started.elapsed() < Duration::from_secs(20) {
        let _ = stream.write_all(b"x");
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    assert!(all.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&all));
    assert_between(started.elapsed(), HEAD_TIMEOUT_MS.0, HEAD_TIMEOUT_MS.1);
}

#[test]
fn a_crowd_of_slow_callers_harms_nobody_else() {
    let app = TestApp::start_with("[server]\nmax_concurrent_requests = 64\n");
    let begun = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(app.address).expect("a connection");
        stream.write_all(bytes).expect("it is taken");
        stream
    };
    let head = format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}");
    let deep = "[".repeat(60_000);
    let slow_callers: Vec<_> = (0..150).map(|_| begun(head.as_bytes())).collect();
    let slow_bodies: Vec<_> = (0..40)
        .map(|_| begun(format!("{head}content-length: 60001\r\n\r\n{deep}").as_bytes()))
        .collect();
    let mut took: Vec<_> = (0..20)
        .map(|_| {
            assert_responsive(&app);
            let reply = app.profile("c-1");
            assert_eq!(reply.status, 200);
            reply.took
        })
        .collect();
    took.sort_unstable();
    // A busy machine may delay single ones.
    assert!(took[10] < Duration::from_millis(300), "{took:?}");
    drop((slow_callers, slow_bodies));
}

#[test]
fn a_second_head_that_comes_too_slowly_gets_a_408_as_well() {
    let app = TestApp::start();
    let mut connection = Connection::open(app.address).expect("a connection");
    let answered = connection.send("POST", PROFILE, &[JSON], BODY.as_bytes()).expect("a reply");
    assert_eq!(answered.status, 200);
    let started = Instant::now();
    connection.write(b"POST /events HTTP/1.1\r\nhost: x\r\n").expect("it is read");
    let late = connection.read(started).expect("a reply");
    assert_problem(&late, 408);
    assert_between(late.took, HEAD_TIMEOUT_MS.0, HEAD_TIMEOUT_MS.1);
    assert!(connection.read(started).is_err(), "the connection has ended");
}

#[test]
fn a_kept_connection_may_rest_for_longer_than_a_head_may_take() {
    let app = TestApp::start();
    let mut connection = Connection::open(app.address).expect("a connection");
    let mut ask = || connection.send("POST", PROFILE, &[JSON], BODY.as_bytes()).expect("a reply");
    assert_eq!((ask().status, ask().status), (200, 200));
    // What passes here is the time that is tested.
    std::thread::sleep(Duration::from_millis(HEAD_TIMEOUT_MS.0 + 1_500));
    assert_eq!((ask().status, ask().status), (200, 200));
}

#[test]
fn a_caller_that_never_ends_its_body_does_not_keep_the_connection_after_the_reply() {
    let app = TestApp::start_with("[server]\nmax_body = \"1KiB\"\n");
    let chunked = "transfer-encoding: chunked";
    let long = "x".repeat(0x800);
    for bytes in [
        format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}{chunked}\r\n\r\n800\r\n{long}\r\n"),
        format!("POST /no HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{chunked}\r\n\r\n5\r\nab"),
    ] {
        let started = Instant::now();
        let all = client::send_raw(app.address, bytes.as_bytes()).expect("a reply");
        let replies = replies(&all);
        assert!(matches!(replies.as_slice(), [(413 | 404, _, _)]), "{replies:?}");
        assert_between(started.elapsed(), 0, HEAD_TIMEOUT_MS.1);
    }
}

#[test]
fn a_body_that_drips_gets_a_408_at_body_timeout() {
    let app = TestApp::start_with("[server]\nbody_timeout = \"300ms\"\n");
    let mut stream = TcpStream::connect(app.address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
    let started = Instant::now();
    let head = format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}content-length: 60000\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it is read");
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    // One byte with each round of waiting for a reply.
    while started.elapsed() < Duration::from_secs(10) {
        let _ = stream.write_all(b"{");
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {}
            Err(_) => break,
        }
        if !all.is_empty() {
            break;
        }
    }
    assert_between(started.elapsed(), 250, 3_000);
    assert!(all.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&all));
    assert_eq!(app.upstream_hits(), 0);
    assert_responsive(&app);
}

#[test]
fn bytes_that_are_no_http_do_not_take_the_reply_from_the_request_before_them() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_millis(200)));
    let mut bytes = request("").into_bytes();
    bytes.extend_from_slice(b"\0nonsense\r\n\r\n");
    let all = client::send_raw(app.address, &bytes).expect("replies");
    let replies = replies(&all);
    let [(200, _, body), (400, _, _)] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!(body["complete"], true, "{body}");
}

#[test]
fn a_caller_that_ends_its_sending_side_too_early_is_told_so() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::Hang);
    let mut stream = TcpStream::connect(app.address).expect("a connection");
    stream.write_all(request("x-request-id: mine-1\r\n").as_bytes()).expect("it is read");
    eventually("the sources are asked", || app.sim.crm().in_progress() == 1);
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("it ends");
    let replies = replies(&all);
    let [(400, head, _)] = replies.as_slice() else { panic!("{replies:?}") };
    assert!(head.contains("x-request-id: mine-1"), "{head}");
    eventually("nothing is under way", || app.in_flight() == 0);
}

#[test]
fn a_body_that_is_cut_off_reaches_no_upstream() {
    let app = TestApp::start();
    let mut stream = TcpStream::connect(app.address).expect("a connection");
    let whole = request("");
    stream.write_all(&whole.as_bytes()[..whole.len() - 5]).expect("it is read");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("it ends");
    let replies = replies(&all);
    assert!(matches!(replies.as_slice(), [(400, _, _)]), "{replies:?}");
    assert_eq!(app.upstream_hits(), 0);
    assert_responsive(&app);
}

#[test]
fn a_broken_chunk_is_answered_with_a_problem() {
    let app = TestApp::start();
    let head = format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}transfer-encoding: chunked\r\n\r\n");
    for chunk in ["zz\r\n", "5\r\nabcdefgh\r\n", "fffffffffffffffffff\r\n", "-1\r\n"] {
        let all =
            client::send_raw(app.address, format!("{head}{chunk}").as_bytes()).expect("a reply");
        let replies = replies(&all);
        assert!(matches!(replies.as_slice(), [(400, _, _)]), "{chunk:?}: {replies:?}");
    }
    assert_eq!(app.upstream_hits(), 0);
    assert_responsive(&app);
}

#[test]
fn a_caller_that_expects_100_continue_is_told_to() {
    let app = TestApp::start();
    let mut stream = TcpStream::connect(app.address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let whole = request("expect: 100-continue\r\nconnection: close\r\n");
    let (head, body) = whole.split_at(whole.len() - BODY.len());
    stream.write_all(head.as_bytes()).expect("it is read");
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).expect("an interim reply");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).expect("it is read");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("a reply");
    let replies = replies(&all);
    assert!(matches!(replies.as_slice(), [(200, _, _)]), "{replies:?}");
}

#[test]
fn head_has_the_head_of_a_problem_and_no_body() {
    let app = TestApp::start();
    for path in [PROFILE, "/nothing"] {
        let bytes = format!("HEAD {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let all = client::send_raw(app.address, bytes.as_bytes()).expect("a reply");
        let all = String::from_utf8(all).expect("UTF-8");
        assert!(all.starts_with("HTTP/1.1 405 ") || all.starts_with("HTTP/1.1 404 "), "{all}");
        assert!(all.contains("application/problem+json") && all.ends_with("\r\n\r\n"), "{all}");
    }
}

#[test]
fn targets_in_other_forms_are_understood_or_refused() {
    let app = TestApp::start();
    let length = BODY.len();
    let close = "connection: close\r\n";
    // Absolute form (RFC 9112 section 3.2.2) must be understood.
    let absolute = format!(
        "POST http://HOST{PROFILE} HTTP/1.1\r\n{JSON_HEAD}{close}content-length: {length}\r\n\r\n{BODY}"
    );
    for (host, expected) in [("127.0.0.1:8080", 200), ("other.example", 421)] {
        let absolute = absolute.replace("HOST", host);
        let all = client::send_raw(app.address, absolute.as_bytes()).expect("a reply");
        let replies = replies(&all);
        let [(status, _, _)] = replies.as_slice() else { panic!("{replies:?}") };
        assert_eq!(*status, expected, "{host}: {replies:?}");
    }
    for line in ["OPTIONS *", "CONNECT example.com:443", "GET http://other.example"] {
        let bytes = format!("{line} HTTP/1.1\r\nhost: x\r\n{close}\r\n");
        let all = client::send_raw(app.address, bytes.as_bytes()).expect("a reply");
        let replies = replies(&all);
        assert!(matches!(replies.as_slice(), [(400..=499, _, _)]), "{line}: {replies:?}");
    }
}

#[test]
fn a_query_and_a_fragment_do_not_change_the_route() {
    let app = TestApp::start();
    let path = format!("{PROFILE}?customerId=other&x=%00");
    let reply = app.post_with(&path, &[], BODY.as_bytes());
    assert_eq!((reply.status, reply.json()["customerId"].clone()), (200, "c-1".into()));
}

#[test]
fn requests_over_the_cap_are_turned_away_at_once_while_the_others_are_served() {
    let app = TestApp::start_with("[server]\nmax_concurrent_requests = 3\n");
    let slow = Behaviour::Delay(Duration::from_secs(2));
    app.sim.orders().set_behaviour_for("slow", slow);
    std::thread::scope(|scope| {
        let slow: Vec<_> = (0..3).map(|_| scope.spawn(|| app.profile("slow"))).collect();
        eventually("three requests are under way", || app.upstream_hits() == 9);
        let away: Vec<Reply> = (0..20).map(|_| app.profile("c-1")).collect();
        for reply in &away {
            let problem = assert_problem(reply, 503);
            assert_eq!(reply.header("retry-after"), Some("1"), "{problem}");
        }
        // Nothing of a request that was turned away is left on its connection.
        let mut kept = Connection::open(app.address).expect("a connection");
        for path in [PROFILE, "/events", PROFILE] {
            let away = kept.send("POST", path, &[JSON], BODY.as_bytes()).expect("it is kept");
            assert!(away.text().contains("the most allowed"), "{}", away.text());
            assert_eq!(away.header("connection"), None);
        }
        let head = format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}content-length: 900\r\n\r\n{{");
        let unread = client::send_raw(app.address, head.as_bytes()).expect("a reply and the end");
        assert!(unread.starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&unread));
        // The quickest half tells what it costs; a busy machine may delay single ones.
        let mut took: Vec<_> = away.iter().map(|reply| reply.took).collect();
        took.sort_unstable();
        assert!(took[10] < Duration::from_millis(50), "{took:?}");
        assert_eq!(app.upstream_hits(), 9, "no upstream is asked for them");
        assert_eq!(app.admin_get("/livez").status, 200);
        for reply in slow {
            let reply = reply.join().expect("no panic");
            assert_eq!((reply.status, reply.json()["complete"].clone()), (200, true.into()));
        }
    });
    assert_eq!(app.profile("c-1").status, 200, "the places are given back");
}

#[test]
fn a_panic_within_costs_one_source_and_never_the_reply() {
    let app = TestApp::start();
    app.next_fetches_panic(2, "crm");
    let reply = app.profile("c-1");
    assert_eq!(reply.status, 200);
    let outcomes = ["genesys", "crm", "orders"].map(|source| reply.outcome(source));
    assert_eq!(outcomes, ["ok", "internal", "ok"]);
    eventually("the source is back", || app.profile("c-1").outcome("crm") == "ok");
}

#[test]
fn while_the_service_goes_down_each_reply_is_the_last_on_its_connection() {
    let mut app = TestApp::start();
    app.sim.orders().set_behaviour(Behaviour::Delay(Duration::from_millis(300)));
    let mut connection = Connection::open(app.address).expect("a connection");
    let mut ask = || connection.send("POST", PROFILE, &[JSON], BODY.as_bytes());
    assert_eq!(ask().expect("a reply").header("connection"), None);
    let last = std::thread::scope(|scope| {
        let last = scope.spawn(ask);
        eventually("it is under way", || app.sim.orders().in_progress() == 1);
        app.begin_stop();
        last.join().expect("no panic").expect("a reply")
    });
    assert_eq!((last.status, last.json()["complete"].clone()), (200, true.into()));
    assert_eq!(last.header("connection"), Some("close"));
    app.join();
    assert!(TcpStream::connect(app.address).is_err(), "nobody listens any more");
}

const KEYS: &str = r#"
[[server.api_keys]]
name = "old"
key = "old-key-1"
[[server.api_keys]]
name = "new"
key = "new-key-2"
"#;

#[test]
fn on_loopback_without_keys_nobody_is_asked_for_one() {
    let app = TestApp::start();
    for headers in [&[][..], &[("x-api-key", "any")], &[("authorization", "Basic x")]] {
        assert_eq!(app.post_with(PROFILE, headers, BODY.as_bytes()).status, 200);
    }
}

#[test]
fn each_of_the_configured_keys_lets_a_caller_in() {
    let app = TestApp::start_with(KEYS);
    for header in [
        ("x-api-key", "old-key-1"),
        ("X-API-Key", "new-key-2"),
        ("authorization", "Bearer old-key-1"),
        ("Authorization", "bearer new-key-2"),
    ] {
        let reply = app.post_with(PROFILE, &[header], BODY.as_bytes());
        assert_eq!(reply.status, 200, "{header:?}");
    }
}

#[test]
fn without_a_known_key_a_caller_learns_nothing_but_that() {
    let app = TestApp::start_with(KEYS);
    for headers in [
        &[][..],
        &[("x-api-key", "")],
        &[("x-api-key", "old-key-")],
        &[("x-api-key", "old-key-11")],
        &[("x-api-key", "OLD-KEY-1")],
        &[("x-api-key", "old-key-1, new-key-2")],
        &[("authorization", "old-key-1")],
        &[("authorization", "Basic old-key-1")],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearerold-key-1")],
        &[("cookie", "x-api-key=old-key-1")],
    ] {
        // Neither what is wrong with the inputs nor which actions there are.
        for (path, body) in [(PROFILE, BODY), (PROFILE, "{}"), ("/v1/actions/none", "{}")] {
            let reply = app.post_with(path, headers, body.as_bytes());
            let problem = assert_problem(&reply, 401);
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
            assert!(problem.get("known_actions").is_none() && problem.get("errors").is_none());
            assert!(!reply.text().contains("key-1"), "{}", reply.text());
        }
    }
    assert_eq!(app.upstream_hits(), 0);
}
