//! What the console is made of: the last requests, and the stream of what happens.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tributary::simulator::{self, Behaviour};

use crate::client::{self, Reply};
use crate::harness::{PROFILE, TestApp, assert_problem, eventually};

/// As many requests as are kept.
const KEPT: usize = 200;

/// One who follows.
struct Live {
    lines: BufReader<TcpStream>,
}

impl Live {
    fn open(admin: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(admin).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        // The last request on its connection may take as long as any other.
        let request = "GET /v1/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it is read");
        let mut live = Self { lines: BufReader::new(stream) };
        let status = live.line();
        assert_eq!(status.trim_end(), "HTTP/1.1 200 OK");
        live
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("the stream goes on");
        assert_ne!(read, 0, "the stream has ended");
        line
    }

    fn next(&mut self) -> Value {
        loop {
            if let Some(data) = self.line().strip_prefix("data: ") {
                return serde_json::from_str(data).expect("JSON on one line");
            }
        }
    }
}

fn ids(event: &Value) -> Vec<&str> {
    let requests = event["requests"].as_array().expect("a list").iter();
    requests.map(|request| request["request_id"].as_str().expect("a text")).collect()
}

fn ask(app: &TestApp, id: &str) -> Reply {
    let body = json!({"customerId": "c-1", "externalApiKey": "k"}).to_string();
    app.post_with(PROFILE, &[("x-request-id", id)], body.as_bytes())
}

#[test]
fn an_event_has_everything_and_only_requests_that_are_new() {
    let app = TestApp::start();
    ask(&app, "first");
    let mut live = Live::open(app.admin);
    let event = live.next();
    assert_eq!(ids(&event), ["first"]);
    assert_eq!(event["readiness"]["ready"], true);
    assert_eq!(event["sources"], app.admin_get("/v1/sources").json()["sources"]);
    assert_eq!(event["credentials"][0]["has_token"], true);
    assert_eq!(event["faults"], Value::Null, "only the demo has them");
    let ok = json!({"source": "crm", "outcome": "ok", "count": 1});
    assert!(event["outcomes"].as_array().is_some_and(|all| all.contains(&ok)), "{event}");
    ask(&app, "second");
    ask(&app, "third");
    let mut came = Vec::new();
    while came.len() < 2 {
        let event = live.next();
        came.extend(ids(&event).into_iter().map(str::to_owned));
    }
    assert_eq!(came, ["second", "third"]);
    assert!(ids(&live.next()).is_empty());
}

#[test]
fn a_stream_goes_on_beyond_every_timeout_of_a_connection() {
    let app = TestApp::start();
    let mut live = Live::open(app.admin);
    // Heads must come within 5 s, and what is owed after a last reply too.
    let began = live.next()["at_ms"].as_u64().expect("a time");
    while live.next()["at_ms"].as_u64().expect("a time") < began + 7000 {}
}

#[test]
fn those_who_never_read_keep_no_operator_out() {
    let app = TestApp::start();
    let open = || {
        let mut stream = TcpStream::connect(app.admin).expect("it listens");
        let request = "GET /v1/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it is read");
        stream
    };
    let mut silent: Vec<TcpStream> = (0..40).map(|_| open()).collect();
    let mut live = Live::open(app.admin);
    ask(&app, "seen");
    eventually("an event has it", || ids(&live.next()).contains(&"seen"));
    // The first of them lost its place, and is told so if it ever reads.
    let first = silent.remove(0);
    first.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let mut lines = BufReader::new(first).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "event: displaced"), "the stream has ended for it");
    let reason = lines.next().expect("data");
    assert!(reason.contains("16 others"), "{reason}");
}

#[test]
fn as_many_as_there_is_room_for_follow_undisturbed() {
    let app = TestApp::start();
    let mut viewers: Vec<Live> = (0..16).map(|_| Live::open(app.admin)).collect();
    for _ in 0..3 {
        for viewer in &mut viewers {
            viewer.next();
        }
    }
    assert_eq!(app.admin_get("/livez").status, 200, "the other routes are there");
}

#[test]
fn a_page_of_another_site_follows_nothing() {
    let app = TestApp::start();
    let get = |path: &str, headers: &[(&str, &str)]| {
        client::send(app.admin, "GET", path, headers, b"").expect("there is always a reply")
    };
    assert_problem(&get("/v1/live", &[("origin", "https://evil.example")]), 403);
    assert_problem(&get("/v1/live", &[("sec-fetch-site", "cross-site")]), 403);
}

#[test]
fn a_page_whose_name_was_made_to_lead_here_changes_nothing() {
    let app = TestApp::start();
    for (host, status) in [("rebound.example:9090", 421), ("localhost:9090", 200)] {
        let request = format!(
            "POST /v1/reload HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\n\
             content-length: 0\r\n\r\n"
        );
        let mut connection = client::Connection::open(app.admin).expect("it listens");
        connection.write(request.as_bytes()).expect("it is read");
        let reply = connection.read(std::time::Instant::now()).expect("a reply");
        assert_eq!(reply.status, status, "{host}: {}", reply.text());
    }
}

#[test]
fn the_last_requests_are_kept_with_where_their_time_went() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::Reply(simulator::Reply::status(503)));
    ask(&app, "with-retries");
    app.sim.crm().set_behaviour(Behaviour::Normal);
    let record = app.admin_get("/v1/requests/with-retries").json();
    assert_eq!(record["complete"], false);
    let crm = record["sources"][1].clone();
    assert_eq!((&crm["source"], &crm["attempts"]), (&json!("crm"), &json!(3)), "{record}");
    let kinds = crm["spans"].as_array().expect("a list").iter();
    let kinds: Vec<&str> = kinds.filter_map(|span| span["kind"].as_str()).collect();
    let without_connect: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "connect").collect();
    assert_eq!(without_connect, ["attempt", "backoff", "attempt", "backoff", "attempt"]);
    let story = record["story"].as_array().expect("a list");
    assert!(story.iter().any(|line| line.as_str().is_some_and(|line| line.starts_with("crm: "))));

    assert_eq!(app.post(PROFILE, &json!({})).status, 400);
    for number in 0..KEPT + 5 {
        ask(&app, &format!("r-{number}"));
    }
    let all = app.admin_get("/v1/requests").json();
    let all = ids(&all).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let expected: Vec<String> = (5..KEPT + 5).rev().map(|number| format!("r-{number}")).collect();
    assert_eq!(all, expected, "the newest first, refused ones left out");
    assert_problem(&app.admin_get("/v1/requests/with-retries"), 404);
    assert_problem(&app.admin_post("/v1/requests", &[]), 405);
}

#[test]
fn a_request_is_found_by_any_id_that_a_caller_may_give_it() {
    let app = TestApp::start();
    for (id, path) in
        [("a/b+c=d@e:f", "a/b+c=d@e:f"), ("a/b/c", "a%2Fb%2Fc"), ("100/", "100/"), ("x", "x")]
    {
        ask(&app, id);
        let found = app.admin_get(&format!("/v1/requests/{path}"));
        assert_eq!(found.status, 200, "{path}: {}", found.text());
        assert_eq!(found.json()["request_id"], id);
    }
}

#[test]
fn the_page_comes_with_a_policy_that_lets_nothing_else_in() {
    let app = TestApp::start();
    let page = app.admin_get("/console");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert_eq!(
        client::send(app.address, "GET", "/console", &[], b"").expect("a reply").status,
        404
    );
}
