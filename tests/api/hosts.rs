//! The hosts for which the operators' routes may be asked: a page whose name was made to lead here
//! (DNS rebinding) has a name, and not one of these.

use std::time::Instant;

use crate::client::{Connection, Reply};
use crate::harness::{TestApp, assert_problem};

/// Asks the operators' port with this request line and these headers, the host among them.
fn ask(app: &TestApp, line: &str, headers: &str) -> Reply {
    let mut connection = Connection::open(app.admin).expect("it listens");
    let request = format!("{line}\r\n{headers}content-length: 0\r\n\r\n");
    connection.write(request.as_bytes()).expect("it is read");
    connection.read(Instant::now()).expect("a reply")
}

fn get(app: &TestApp, path: &str, host: &str) -> Reply {
    ask(app, &format!("GET {path} HTTP/1.1"), &format!("host: {host}\r\n"))
}

/// What has data or changes something, what shows it, and what is not there.
const JUDGED: [&str; 7] = [
    "/console",
    "/v1/sources",
    "/v1/credentials",
    "/v1/requests",
    "/v1/requests/id",
    "/v1/live",
    "/none",
];

#[test]
fn a_name_that_anybody_could_have_made_lead_here_is_refused() {
    let app = TestApp::start();
    for path in JUDGED {
        for host in ["evil.example:9090", "evil.localhost", "127.0.0.1.evil.example", "a", ":9090"]
        {
            let problem = assert_problem(&get(&app, path, host), 421);
            assert!(problem["detail"].to_string().contains("`server.admin_hosts`"), "{problem}");
        }
    }
    let page =
        "host: evil.example\r\norigin: http://evil.example\r\nsec-fetch-site: same-origin\r\n";
    assert_problem(&ask(&app, "POST /v1/reload HTTP/1.1", page), 421);
    assert_problem(&ask(&app, "POST /v1/demo/faults HTTP/1.1", page), 421);
}

#[test]
fn addresses_localhost_and_the_configured_names_are_taken() {
    let app = TestApp::start_with("[server]\nadmin_hosts = ['Console.Example', 'tributary.']\n");
    for host in [
        "127.0.0.1",
        "10.1.2.3:9090",
        "[::1]:9090",
        "LOCALHOST:1",
        "localhost.",
        "console.example:443",
        "CONSOLE.EXAMPLE.",
        "tributary:9090",
    ] {
        assert_eq!(get(&app, "/v1/sources", host).status, 200, "{host}");
        assert_eq!(get(&app, "/console", host).status, 200, "{host}");
        let own = format!("host: {host}\r\norigin: http://{host}\r\n");
        assert_eq!(ask(&app, "POST /v1/reload HTTP/1.1", &own).status, 200, "{host}");
    }
    assert_problem(&get(&app, "/v1/sources", "other.console.example"), 421);
    // Their list is another one at once.
    assert_eq!(app.reload("[server]\nadmin_hosts = ['other.example']\n").status, 200);
    assert_problem(&get(&app, "/v1/sources", "tributary"), 421);
    assert_eq!(get(&app, "/v1/sources", "other.example").status, 200);
}

#[test]
fn probes_and_prometheus_come_by_whatever_name_they_like() {
    let app = TestApp::start();
    for path in ["/livez", "/readyz", "/metrics"] {
        for host in ["evil.example", "tributary.namespace.svc:9090", "_", "a b"] {
            let reply = get(&app, path, host);
            // Not to be ready yet is an answer, too.
            assert!([200, 503].contains(&reply.status), "{path}: {host}: {}", reply.text());
        }
    }
}

#[test]
fn the_host_of_the_target_counts_where_it_has_one_and_without_any_it_is_no_browser() {
    let app = TestApp::start();
    let absolute = |host: &str| format!("GET http://{host}/v1/sources HTTP/1.1");
    assert_problem(&ask(&app, &absolute("evil.example"), "host: localhost\r\n"), 421);
    assert_problem(&ask(&app, &absolute("localhost@evil.example"), "host: localhost\r\n"), 421);
    assert_eq!(ask(&app, &absolute("localhost"), "host: evil.example\r\n").status, 200);
    assert_eq!(ask(&app, "GET /v1/sources HTTP/1.0", "").status, 200);
    assert_problem(&ask(&app, "GET /v1/sources HTTP/1.0", "host: evil.example\r\n"), 421);
    assert_problem(&ask(&app, "GET /v1/sources HTTP/1.1", "host: localhost\r\nhost: a\r\n"), 400);
}

#[test]
fn a_host_that_is_none_is_refused_also_where_any_host_is_taken() {
    let app = TestApp::start_with("[[server.api_keys]]\nname = 'a'\nkey = 'key-of-the-flow'\n");
    let ask_for = |target: &str, hosts: &str| {
        let body = r#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
        let mut connection = Connection::open(app.address).expect("it listens");
        let request = format!(
            "POST {target} HTTP/1.1\r\n{hosts}x-api-key: key-of-the-flow\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.write(request.as_bytes()).expect("it is read");
        connection.read(Instant::now()).expect("a reply")
    };
    let ask = |hosts: &str| ask_for("/v1/actions/customer_profile", hosts);
    for host in ["a b", "x/y", "u@x"] {
        // Whatever else is wrong: a path that is not there, a method that is not taken.
        for target in ["/v1/actions/customer_profile", "/nowhere", "/openapi.json"] {
            let problem = assert_problem(&ask_for(target, &format!("host: {host}\r\n")), 400);
            assert!(problem["detail"].to_string().contains("`Host`"), "{host}: {problem}");
        }
    }
    assert_problem(&ask("host: a\r\nhost: b\r\n"), 400);
    for host in ["my_service:8080", "flows.example"] {
        assert_eq!(ask(&format!("host: {host}\r\n")).status, 200, "{host}");
    }
}
