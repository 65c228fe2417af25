//! Who may use the operators' routes: whoever is on this machine, or has a key or a certificate.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::authority::{Authority, VALID};
use crate::client::{self, Reply};
use crate::harness::{TestApp, assert_problem};
use crate::inbound_tls::{self, BOTH, Files};

const KEY: &str = "an-admin-key-of-this-test";
const OTHER: &str = "another-admin-key-of-it";
/// What everybody may ask.
const OPEN: [&str; 4] = ["/livez", "/readyz", "/metrics", "/console"];
/// What only operators may; the last two are nothing, which is nobody's business either.
const GUARDED: [(&str, &str); 9] = [
    ("GET", "/v1/sources"),
    ("GET", "/v1/credentials"),
    ("GET", "/v1/requests"),
    ("GET", "/v1/requests/some-id"),
    ("GET", "/v1/live"),
    ("POST", "/v1/reload"),
    ("POST", "/v1/sources"),
    ("GET", "/v1/demo/faults"),
    ("GET", "/v1"),
];
/// Other machines could reach it there.
const EXPOSED: &str = "[server]\nadmin_listen = '0.0.0.0:0'\n";

fn keys(keys: &[(&str, &str)]) -> String {
    let each = keys
        .iter()
        .map(|(name, key)| format!("[[server.admin_keys]]\nname = '{name}'\nkey = '{key}'\n"));
    each.collect()
}

/// Asks the operators' port on loopback, wherever else it listens.
fn ask(app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let address = SocketAddr::from(([127, 0, 0, 1], app.admin.port()));
    client::send(address, method, path, headers, b"").expect("there is always a reply")
}

fn status(app: &TestApp, headers: &[(&str, &str)]) -> u16 {
    ask(app, "GET", "/v1/sources", headers).status
}

/// The first line of the answer to one who wants to follow live.
fn follow(app: &TestApp, (name, value): (&str, &str)) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", app.admin.port())).expect("it listens");
    let head = format!("GET /v1/live HTTP/1.1\r\nhost: localhost\r\n{name}: {value}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it is read");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("a reply");
    line
}

/// Whether it is answered, be it that the service is not ready yet.
fn is_answered(reply: &Reply) -> bool {
    reply.status == 200 || reply.json()["ready"] == false
}

#[track_caller]
fn assert_guarded(app: &TestApp, status: u16, words: &str) {
    for path in OPEN {
        assert!(is_answered(&ask(app, "GET", path, &[])), "{path}");
    }
    for (method, path) in GUARDED {
        let problem = assert_problem(&ask(app, method, path, &[]), status);
        assert!(problem["detail"].as_str().expect("a text").contains(words), "{path}: {problem}");
    }
}

#[test]
fn where_other_machines_get_through_nobody_is_let_in_without_a_key() {
    let app = TestApp::start_with(EXPOSED);
    assert_guarded(&app, 403, "[[server.admin_keys]]");
    assert_eq!(status(&app, &[("x-api-key", "any")]), 403);
    assert_guarded(&TestApp::start_with("[server]\nadmin_listen = '[::]:0'\n"), 403, "admin_keys");
}

#[test]
fn a_key_that_is_configured_is_asked_for() {
    for place in [EXPOSED, ""] {
        let app = TestApp::start_with(&format!("{place}{}", keys(&[("one", KEY), ("two", OTHER)])));
        assert_guarded(&app, 401, "known API key");
        let bearer = format!("Bearer {KEY}");
        for headers in [("authorization", bearer.as_str()), ("x-api-key", OTHER)] {
            for (method, path) in GUARDED.into_iter().filter(|(_, path)| *path != "/v1/live") {
                let status = ask(&app, method, path, &[headers]).status;
                assert!(![401, 403].contains(&status), "{path}: {status}");
            }
            assert_eq!(status(&app, &[headers]), 200);
            assert_eq!(follow(&app, headers), "HTTP/1.1 200 OK\r\n");
        }
        assert_eq!(status(&app, &[("x-api-key", "unknown")]), 401);
        assert_eq!(status(&app, &[("x-api-key", OTHER), ("authorization", &bearer)]), 400);
        assert_eq!(status(&app, &[("x-api-key", KEY), ("authorization", &bearer)]), 200);
    }
}

#[test]
fn a_key_of_callers_is_none_of_operators() {
    let both =
        format!("[[server.api_keys]]\nname = 'flow'\nkey = '{OTHER}'\n{}", keys(&[("a", KEY)]));
    let app = TestApp::start_with(&both);
    assert_eq!(status(&app, &[("x-api-key", OTHER)]), 401);
    let call = |key| app.post_with("/events", &[("x-api-key", key)], b"{}").status;
    assert_eq!((call(KEY), call(OTHER) == 401), (401, false));
}

#[test]
fn keys_of_operators_are_replaced_and_the_change_is_told_by_name() {
    let app = TestApp::start_with(&format!("{EXPOSED}{}", keys(&[("one", KEY), ("two", OTHER)])));
    let reload = |text: &str, key: &str| {
        app.replace(&format!("{EXPOSED}{text}"));
        ask(&app, "POST", "/v1/reload", &[("x-api-key", key)])
    };
    let next = keys(&[("one", "the-next-admin-key"), ("three", OTHER)]);
    let reply = reload(&next, KEY);
    let changes = &reply.json()["changes"];
    let expected = ["one: changed", "three: new", "two: gone"];
    let expected = expected.map(|change| format!("server.admin_keys.{change}"));
    assert_eq!(*changes, serde_json::json!(expected), "{}", reply.text());
    assert_eq!((status(&app, &[("x-api-key", KEY)])), 401);
    assert_eq!((status(&app, &[("x-api-key", "the-next-admin-key")])), 200);

    // Without any it is as if there had never been one.
    let reply = reload("admin_keys = []\n", OTHER).json();
    assert!(reply["warnings"].to_string().contains("[[server.admin_keys]]"), "{reply}");
    assert_guarded(&app, 403, "[[server.admin_keys]]");
}

#[test]
fn whoever_follows_live_with_a_key_that_is_replaced_follows_no_longer() {
    let app = TestApp::start_with(&format!("{EXPOSED}{}", keys(&[("one", KEY), ("two", OTHER)])));
    let follow = |key: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", app.admin.port())).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let head = format!("GET /v1/live HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("it is read");
        BufReader::new(stream).lines().map_while(Result::ok)
    };
    let (mut gone, mut stays) = (follow(KEY), follow(OTHER));
    let is_event = |line: &String| line.starts_with("data: ");
    assert!(gone.any(|line| is_event(&line)) && stays.any(|line| is_event(&line)));

    app.replace(&format!("{EXPOSED}{}", keys(&[("one", "the-next-admin-key"), ("two", OTHER)])));
    assert_eq!(ask(&app, "POST", "/v1/reload", &[("x-api-key", OTHER)]).status, 200);
    assert!(gone.filter(is_event).count() < 5, "its stream has ended");
    assert_eq!(stays.filter(is_event).take(4).count(), 4);
}

#[test]
fn operators_are_spoken_to_over_tls_and_the_certificate_is_replaced() {
    let files = Files::new();
    let table = files.table("").replace("[server.tls]", "[server.admin_tls]");
    let app = TestApp::start_with(&format!("{EXPOSED}{}{table}", keys(&[("one", KEY)])));
    let request =
        |path: &str| format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {KEY}\r\n\r\n");
    let config = inbound_tls::client(&files.authority, None, &BOTH);
    let mut kept = inbound_tls::connect(app.admin, &config);
    for path in ["/livez", "/v1/sources"] {
        let reply = inbound_tls::ask(&mut kept, &request(path)).expect("a reply");
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }
    let plain = client::send_raw(app.admin, request("/livez").as_bytes()).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&plain).contains("HTTP/"), "{plain:?}");

    let next = Authority::new("the next");
    files.write(&next.issue("tributary.example", VALID));
    let reload = request("/v1/reload").replace("GET", "POST");
    let reply = inbound_tls::ask(&mut kept, &reload).expect("a reply");
    assert!(reply.contains("server.admin_tls: certificate changed"), "{reply}");
    assert!(
        inbound_tls::ask(&mut inbound_tls::connect(app.admin, &config), &request("/livez"))
            .is_err()
    );
    let config = inbound_tls::client(&next, None, &BOTH);
    let reply = inbound_tls::ask(&mut inbound_tls::connect(app.admin, &config), &request("/livez"));
    assert!(reply.is_ok_and(|reply| reply.starts_with("HTTP/1.1 200")));

    // Whether there is one at all is settled at the start.
    app.replace(&format!("{EXPOSED}{}", keys(&[("one", KEY)])));
    let reply = inbound_tls::ask(&mut kept, &reload).expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 422") && reply.contains("server.admin_tls"), "{reply}");
}

#[test]
fn a_certificate_stands_for_a_key() {
    let (files, operators) = (Files::new(), Authority::new("operators"));
    let ca = operators.file();
    let table = files.table(&format!("client_ca_file = '{}'\n", ca.path().display()));
    let table = table.replace("[server.tls]", "[server.admin_tls]");
    let app = TestApp::start_with(&format!("{EXPOSED}{table}"));
    let own = operators.issue("operator.example", VALID);
    let config = inbound_tls::client(&files.authority, Some(&own), &BOTH);
    let mut stream = inbound_tls::connect(app.admin, &config);
    let request = "GET /v1/sources HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    let reply = inbound_tls::ask(&mut stream, request).expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let none = inbound_tls::client(&files.authority, None, &BOTH);
    assert!(inbound_tls::ask(&mut inbound_tls::connect(app.admin, &none), request).is_err());
}

#[test]
fn refusals_wait_once_there_were_many_and_a_known_key_never_does() {
    let key =
        format!("[[server.api_keys]]\nname = 'flow'\nkey = '{OTHER}'\n{}", keys(&[("a", KEY)]));
    // Those that wait hold no place of those who may ask.
    let app = TestApp::start_with(&format!("[server]\nmax_concurrent_requests = 4\n{key}"));
    let on_port = |address: SocketAddr, path: &str, known: &str| {
        let send = |key: &str| {
            let headers = [("x-api-key", key)];
            client::send(address, "POST", path, &headers, b"{}").expect("a reply")
        };
        for _ in 0..20 {
            assert_eq!(send("unknown").status, 401);
        }
        std::thread::scope(|scope| {
            let unknown: Vec<_> = (0..8).map(|_| scope.spawn(|| send("unknown"))).collect();
            // Each of them waits a second; meanwhile callers go on.
            let known: Vec<Reply> = (0..20).map(|_| send(known)).collect();
            assert!(known.iter().all(|reply| ![401, 503].contains(&reply.status)), "{known:?}");
            let mut took: Vec<u128> = known.iter().map(|reply| reply.took.as_millis()).collect();
            took.sort_unstable();
            assert!(took[10] < 900, "{took:?}");
            for reply in unknown {
                let reply = reply.join().expect("no panic");
                assert_eq!(reply.status, 401);
                assert!(reply.took.as_millis() >= 1000, "{:?}", reply.took);
            }
        });
    };
    on_port(app.address, "/events", OTHER);
    on_port(app.admin, "/v1/reload", KEY);
}
