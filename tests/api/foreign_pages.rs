//! A web page of another site, open in a browser on this machine, has nothing asked here: neither by
//! a request that needs no leave, nor by a name that was made to lead here.

use std::net::SocketAddr;
use std::time::Instant;

use crate::authority::{Authority, VALID};
use crate::client::{Connection, Reply};
use crate::harness::{PROFILE, TestApp, assert_problem};
use crate::inbound_tls::{self, BOTH, Files};

const BODY: &str = r#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
const EVENT: &str =
    r#"{"action":"customer_profile","input":{"customerId":"c-1","externalApiKey":"key-1"}}"#;
const JSON: &str = "content-type: application/json\r\n";
/// What a page can have sent without being asked, and what comes of it.
const FOREIGN: [(&str, u16); 14] = [
    // A Blob without a type, `sendBeacon`, a form, a text.
    ("host: 127.0.0.1:8080\r\n", 415),
    ("host: 127.0.0.1:8080\r\ncontent-type: text/plain;charset=UTF-8\r\n", 415),
    ("host: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n", 415),
    ("host: localhost\r\ncontent-type: text/plain; x=application/json\r\n", 415),
    ("host: localhost\r\ncontent-type: multipart/form-data; boundary=application/json\r\n", 415),
    ("host: localhost\r\ncontent-type: application/json\r\ncontent-type: text/plain\r\n", 415),
    ("host: localhost\r\ncontent-type: text/plain\r\ncontent-type: application/json\r\n", 415),
    // What a browser says of where it comes from.
    ("host: localhost\r\ncontent-type: application/json\r\norigin: https://evil.example\r\n", 403),
    ("host: localhost\r\ncontent-type: application/json\r\norigin: null\r\n", 403),
    ("host: localhost\r\ncontent-type: application/json\r\norigin: http://localhost:3000\r\n", 403),
    ("host: localhost\r\ncontent-type: application/json\r\nsec-fetch-site: cross-site\r\n", 403),
    ("host: localhost\r\ncontent-type: application/json\r\nsec-fetch-site: same-site\r\n", 403),
    // A name that was made to lead here.
    ("host: evil.example\r\ncontent-type: application/json\r\n", 421),
    (
        "host: evil.example:8080\r\ncontent-type: application/json\r\n\
         origin: http://evil.example:8080\r\nsec-fetch-site: same-origin\r\n",
        421,
    ),
];

fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> Reply {
    let mut connection = Connection::open(address).expect("it listens");
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n");
    connection.write(format!("{head}{body}").as_bytes()).expect("it is read");
    connection.read(Instant::now()).expect("a reply")
}

#[test]
fn nothing_that_a_foreign_page_can_send_reaches_an_upstream() {
    let app = TestApp::start();
    for (headers, status) in FOREIGN {
        assert_problem(&post(app.address, PROFILE, headers, BODY), status);
        assert_problem(&post(app.address, "/events", headers, EVENT), status);
    }
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn programs_of_this_machine_and_pages_of_the_services_own_names_may_ask() {
    let app = TestApp::start_with("[server]\nallowed_hosts = ['tributary.example']\n");
    for headers in [
        "host: 127.0.0.1:8080\r\n",
        "host: [::1]:8080\r\n",
        "host: localhost\r\nsec-fetch-site: none\r\n",
        "host: localhost:8080\r\norigin: http://localhost:8080\r\nsec-fetch-site: same-origin\r\n",
        "host: tributary.example\r\n",
        "host: Tributary.Example:443\r\norigin: https://tributary.example\r\n",
    ] {
        let reply = post(app.address, PROFILE, &format!("{headers}{JSON}"), BODY);
        assert_eq!(reply.status, 200, "{headers}: {}", reply.text());
    }
    let other = "host: localhost\r\ncontent-type: application/vnd.example+json;charset=utf-8\r\n";
    assert_eq!(post(app.address, PROFILE, other, BODY).status, 200);
}

#[test]
fn the_openapi_document_is_read_by_no_page_whose_name_was_made_to_lead_here() {
    let app = TestApp::start_with("[server]\nallowed_hosts = ['tributary.example']\n");
    let get = |host: &str| {
        let mut connection = Connection::open(app.address).expect("it listens");
        let request = format!("GET /openapi.json HTTP/1.1\r\nhost: {host}\r\n\r\n");
        connection.write(request.as_bytes()).expect("it is read");
        connection.read(Instant::now()).expect("a reply")
    };
    let problem = assert_problem(&get("evil.example"), 421);
    assert!(problem["detail"].to_string().contains("`server.allowed_hosts`"), "{problem}");
    for host in ["127.0.0.1", "localhost:8080", "tributary.example"] {
        assert_eq!(get(host).status, 200, "{host}");
    }
}

#[test]
fn callers_with_a_key_are_judged_by_it_alone() {
    let app =
        TestApp::start_with("[[server.api_keys]]\nname = 'flow'\nkey = 'the-key-of-a-flow'\n");
    for (headers, status) in FOREIGN {
        let with_key = format!("{headers}x-api-key: the-key-of-a-flow\r\n");
        let expected = if status == 415 && headers.contains("content-type") { 415 } else { 200 };
        let reply = post(app.address, PROFILE, &with_key, BODY);
        assert_eq!(reply.status, expected, "{headers}: {}", reply.text());
        assert_problem(&post(app.address, PROFILE, headers, BODY), 401);
    }
}

#[test]
fn callers_with_a_certificate_are_judged_by_it_alone() {
    let (files, callers) = (Files::new(), Authority::new("callers"));
    let ca = callers.file();
    let table = files.table(&format!("client_ca_file = '{}'\n", ca.path().display()));
    let app = TestApp::start_with(&table);
    let own = callers.issue("flow.example", VALID);
    let config = inbound_tls::client(&files.authority, Some(&own), &BOTH);
    let length = BODY.len();
    for headers in ["host: evil.example\r\n", "host: x\r\norigin: https://evil.example\r\n"] {
        let request =
            format!("POST {PROFILE} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n{BODY}");
        let mut stream = inbound_tls::connect(app.address, &config);
        let reply = inbound_tls::ask(&mut stream, &request).expect("a reply");
        assert!(reply.starts_with("HTTP/1.1 200"), "{headers}: {reply}");
    }
}

#[test]
fn a_page_over_plain_http_is_none_of_a_service_that_speaks_tls() {
    let files = Files::new();
    let app = TestApp::start_with(&files.table(""));
    let config = inbound_tls::client(&files.authority, None, &BOTH);
    let length = BODY.len();
    for (origin, status) in [("https://localhost", "200"), ("http://localhost", "403")] {
        let request = format!(
            "POST {PROFILE} HTTP/1.1\r\nhost: localhost\r\n{JSON}origin: {origin}\r\n\
             content-length: {length}\r\n\r\n{BODY}"
        );
        let mut stream = inbound_tls::connect(app.address, &config);
        let reply = inbound_tls::ask(&mut stream, &request).expect("a reply");
        assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{origin}: {reply}");
    }
}
