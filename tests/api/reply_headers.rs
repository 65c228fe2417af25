//! What every reply has in its head, on every route of both ports and with every status. (The replies
//! of the HTTP layer itself: `http_edge`.)

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use tributary::simulator::Behaviour;

use crate::client;
use crate::harness::{PROFILE, TestApp, eventually, with_reply_headers};

const INPUTS: &str = r#"{"customerId": "c-1", "externalApiKey": "k"}"#;
const KEY: (&str, &str) = ("x-api-key", "the-key-of-the-flow");
const JSON: (&str, &str) = ("content-type", "application/json");
const MORE: &str = r#"
[server]
max_body = "1KiB"
body_timeout = "100ms"
[[server.api_keys]]
name = "flow"
key = "the-key-of-the-flow"
[actions.strict]
sources = ["crm"]
required = ["crm"]
on_required_failure = "fail"
inputs.customerId = { type = "string", required = true }
inputs.externalApiKey = { type = "string", required = true }
"#;

#[test]
fn every_reply_of_the_public_port_has_them() {
    let app = TestApp::start_with(MORE);
    app.sim.crm().set_behaviour(Behaviour::status(500));
    let large = "x".repeat(2000);
    for (method, path, headers, body, status) in [
        ("POST", PROFILE, &[KEY, JSON][..], INPUTS, 200),
        ("POST", "/events", &[KEY, JSON], &format!("{{\"input\": {INPUTS}}}"), 200),
        ("GET", "/openapi.json", &[KEY], "", 200),
        ("GET", "/openapi.json", &[], "", 401),
        ("POST", "/openapi.json", &[KEY], "", 405),
        ("POST", PROFILE, &[KEY, JSON], "{", 400),
        ("POST", PROFILE, &[KEY, JSON], "{}", 400),
        ("POST", PROFILE, &[JSON], INPUTS, 401),
        ("POST", "/events", &[JSON], "{}", 401),
        ("POST", "/v1/actions/none", &[KEY, JSON], INPUTS, 404),
        ("GET", "/", &[KEY], "", 404),
        ("GET", PROFILE, &[KEY], "", 405),
        ("POST", PROFILE, &[KEY, JSON], &large, 413),
        ("POST", PROFILE, &[KEY, ("content-type", "text/plain")], INPUTS, 415),
        ("POST", "/v1/actions/strict", &[KEY, JSON], INPUTS, 502),
    ] {
        let reply = client::send(app.address, method, path, headers, body.as_bytes());
        let reply = with_reply_headers(reply.expect("a reply"));
        assert_eq!(reply.status, status, "{method} {path} {body}");
    }
}

#[test]
fn every_reply_of_the_operators_port_has_them() {
    let app = TestApp::start();
    eventually("it is ready", || app.admin_get("/readyz").status == 200);
    let foreign = ("origin", "https://evil.example");
    for (method, path, headers, status) in [
        ("GET", "/livez", &[][..], 200),
        ("GET", "/readyz", &[], 200),
        ("GET", "/metrics", &[], 200),
        ("GET", "/console", &[], 200),
        ("GET", "/v1/sources", &[], 200),
        ("GET", "/v1/credentials", &[], 200),
        ("GET", "/v1/requests", &[], 200),
        ("GET", "/v1/requests/none", &[], 404),
        ("GET", "/v1/demo/faults", &[], 404),
        ("GET", "/none", &[], 404),
        ("GET", "/v1/reload", &[], 405),
        ("POST", "/livez", &[], 405),
        ("POST", "/v1/reload", &[], 200),
        ("POST", "/v1/reload", &[foreign], 403),
        ("GET", "/v1/live", &[foreign], 403),
    ] {
        let reply = client::send(app.admin, method, path, headers, b"").expect("a reply");
        let reply = with_reply_headers(reply);
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
    }
    assert_eq!(app.reload("[server]\nmax_body = 'much'").status, 422);

    // The stream has no end: its head alone is read.
    let mut stream = TcpStream::connect(app.admin).expect("a connection");
    stream.write_all(b"GET /v1/live HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("it reads");
    let head: Vec<String> = BufReader::new(stream)
        .lines()
        .map(|line| line.expect("a line").to_ascii_lowercase())
        .take_while(|line| !line.is_empty())
        .collect();
    for line in ["x-content-type-options: nosniff", "cache-control: no-store"] {
        assert_eq!(head.iter().filter(|found| *found == line).count(), 1, "{head:?}");
    }
}
