//! The log of the real program: what it says of requests and changes, and that it holds nobody up.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

#[allow(dead_code, reason = "a part of it is for other tests")]
#[path = "api/authority.rs"]
mod authority;
mod program;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use tributary::simulator::{Behaviour, Options, Simulator};

use authority::Authority;
use program::{PATIENCE, Service, ask, eventually, request};

fn simulator() -> Simulator {
    Simulator::start(Options::default()).expect("loopback has ports")
}

fn connect(service: &Service) -> TcpStream {
    let stream = TcpStream::connect(service.address).expect("it is up");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

#[test]
fn the_log_names_each_request_by_its_id_and_holds_no_secret() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.orders().set_behaviour(Behaviour::status(500));
    let mut service = Service::start_with(&sim, "", "trace");
    let body = r#"{"customerId":"c-1","externalApiKey":"planted-secret","extra":1}"#;
    let length = body.len();
    let mut stream = TcpStream::connect(service.address).expect("it is up");
    let sent = write!(
        stream,
        "POST /v1/actions/customer_profile HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\n\
         inin-correlation-id: call-4711\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    sent.expect("it reads");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    service.stop();

    let log = service.log();
    let line = |message: &str| {
        let found = log.lines().find(|line| line.contains(&format!("\"message\":\"{message}\"")));
        found.unwrap_or_else(|| panic!("no line {message:?} in\n{log}"))
    };
    for message in ["request", "unknown inputs ignored"] {
        assert!(line(message).contains("\"request_id\":\"call-4711\""), "{log}");
    }
    assert!(line("request").contains("orders=upstream_error/"), "{log}");
    for secret in ["planted-secret", "demo-secret", "sim-token", "users/c-1"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn one_line_a_request_says_who_asked_and_what_became_of_each_source() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let sim = simulator();
    sim.orders().set_behaviour(Behaviour::status(500));
    let keys = "[[server.api_keys]]\nname = 'flow'\nkey = 'planted-key'";
    let mut service = Service::start_with(&sim, keys, "info");
    let mut stream = connect(&service);
    let head = format!(
        "authorization: Bearer planted-key\r\ninin-correlation-id: call-1\r\n\
         traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n"
    );
    stream.write_all(request(&head).as_bytes()).expect("it reads");
    service.wait_for_log("request");
    stream.write_all(b"POST /v1/actions/hunter2 HTTP/1.1\r\nhost: x\r\n\r\n").expect("it reads");
    service.stop();

    let lines = service.log_lines_of("request");
    let [answered, refused] = lines.as_slice() else { panic!("{lines:#?}") };
    for (field, value) in [
        ("level", "INFO"),
        ("request_id", "call-1"),
        ("trace_id", TRACE),
        ("action", "customer_profile"),
        ("caller", "flow"),
        ("peer", "127.0.0.1"),
    ] {
        assert_eq!(answered[field], value, "{answered}");
    }
    assert_eq!(
        (&answered["status"], &answered["complete"]),
        (&Value::from(200), &Value::from(false))
    );
    assert!(answered["duration_ms"].as_u64().is_some(), "{answered}");
    let sources = answered["sources"].as_str().expect("a text");
    let outcomes: Vec<_> = sources.split(' ').map(|one| one.split('/').next().unwrap()).collect();
    assert_eq!(outcomes, ["genesys=ok", "crm=ok", "orders=upstream_error"], "{answered}");
    assert_eq!(refused["status"], 401, "{refused}");
    assert!(refused["action"].is_null() && refused["trace_id"].is_null(), "{refused}");
    let all = format!("{:?}", service.log_lines());
    for secret in ["planted-key", "key-1", "c-1\"", "hunter2"] {
        assert!(!all.contains(secret), "{secret} is in {all}");
    }
}

#[test]
fn a_request_that_is_refused_has_a_line_with_its_sender_whoever_refuses_it() {
    let sim = simulator();
    let keys = "[[server.api_keys]]\nname = 'flow'\nkey = 'planted-key'";
    let mut service = Service::start_with(&sim, keys, "info");
    let long = "y".repeat(200_000);
    // No header is believed about who sent it.
    let more =
        "x-forwarded-for: 203.0.113.9\r\nforwarded: for=203.0.113.9\r\nconnection: close\r\n";
    let requests = [
        (401, format!("POST /v1/actions/hunter2 HTTP/1.1\r\nhost: x\r\n{more}\r\n")),
        (404, format!("GET /hunter2 HTTP/1.1\r\nhost: x\r\n{more}\r\n")),
        (405, format!("GET /events HTTP/1.1\r\nhost: x\r\n{more}\r\n")),
        (401, format!("GET /openapi.json HTTP/1.1\r\nhost: x\r\n{more}\r\n")),
        (400, format!("hunter2\r\n{more}\r\n")),
        (431, format!("GET /hunter2 HTTP/1.1\r\nhost: x\r\n{more}hunter2: {long}")),
        // The second one has no line of its own but for this.
        (400, "GET /hunter2 HTTP/1.1\r\nhost: x\r\n\r\n\0hunter2\r\n\r\n".to_owned()),
    ];
    let mut ids = Vec::new();
    for (_, request) in &requests {
        let mut stream = connect(&service);
        let _ = stream.write_all(request.as_bytes());
        let mut reply = Vec::new();
        // A reset may follow the reply.
        let _ = stream.read_to_end(&mut reply);
        let reply = program::text(&reply);
        let id = reply.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).next_back();
        ids.push(id.unwrap_or_else(|| panic!("no id in {reply}")).to_owned());
    }
    service.stop();
    let lines = service.log_lines_of("request");
    for ((status, request), id) in requests.iter().zip(ids) {
        let of_it: Vec<_> = lines.iter().filter(|line| line["request_id"] == id).collect();
        let [line] = of_it.as_slice() else { panic!("{request:.60}: {of_it:?}") };
        assert_eq!((&line["status"], &line["peer"]), (&(*status).into(), &"127.0.0.1".into()));
    }
    let all = service.log();
    for planted in ["hunter2", "planted-key", "203.0.113.9"] {
        assert!(!all.contains(planted), "{planted} is in {all}");
    }
    // Whatever a caller sends is no error of the service.
    assert!(!all.contains(r#""level":"ERROR""#), "{all}");
}

#[test]
fn a_connection_on_which_nothing_comes_is_no_request() {
    let sim = simulator();
    let mut service = Service::start_with(&sim, "", "info");
    let mut silent = connect(&service);
    let mut reply = String::new();
    silent.read_to_string(&mut reply).expect("it ends after the time of a head");
    assert!(reply.starts_with("HTTP/1.1 408 "), "{reply}");
    service.stop();
    assert_eq!(service.log_lines_of("request"), Vec::<Value>::new());
}

#[test]
fn a_source_that_fails_is_logged_once_a_change_of_state() {
    let sim = simulator();
    sim.crm().set_behaviour(Behaviour::status(500));
    let breaker = "[sources.crm]\nretry = { max_attempts = 1 }\n\
                   breaker = { min_requests = 5, open_for = '300ms', max_open_for = '300ms' }";
    let mut service = Service::start_with(&sim, breaker, "info");
    let mut stream = connect(&service);
    for _ in 0..20 {
        ask(&mut stream).expect("a reply");
    }
    sim.crm().set_behaviour(Behaviour::Normal);
    eventually("the source answers again", || {
        ask(&mut stream).expect("a reply");
        !service.log_lines_of("circuit closed: the source answers again").is_empty()
    });
    service.stop();
    for (message, level) in [
        ("circuit opened: the source fails too often", "WARN"),
        ("circuit half-open: the source is tried again", "INFO"),
        ("circuit closed: the source answers again", "INFO"),
    ] {
        let lines = service.log_lines_of(message);
        assert_eq!(lines.len(), 1, "{message}: {:#?}", service.log_lines());
        assert_eq!((&lines[0]["source"], &lines[0]["level"]), (&"crm".into(), &level.into()));
    }
    // That the machine allows few open files may be told as well.
    let of_sources = |line: &&Value| line["target"] != "tributary::app::descriptors";
    let lines = service.log_lines();
    let warnings = lines.iter().filter(of_sources).filter(|line| line["level"] == "WARN");
    assert_eq!(warnings.count(), 1, "{lines:#?}");
}

#[test]
fn a_collector_that_is_down_is_logged_once_and_once_when_it_is_back() {
    let authority = Authority::new("operators");
    let trusted = authority.file();
    let (sim, collector) = (simulator(), authority.upstreams("127.0.0.1", 2020..2090));
    collector.crm().set_behaviour(Behaviour::status(503));
    // The standard variables alone, as an operator of OpenTelemetry sets them.
    let url = collector.crm().base_url();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_TRACES_SAMPLER", "always_on"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
        ("OTEL_SERVICE_NAME", "who-is-it"),
        ("SSL_CERT_FILE", program::path(trusted.path())),
    ];
    let mut service = Service::start_in(&sim, "", "info", &variables);
    let mut stream = connect(&service);
    // The exporter tries each batch several times, for as long as it may take.
    ask(&mut stream).expect("a reply");
    service.wait_for_log("spans do not reach the collector, they are lost");
    collector.crm().set_behaviour(Behaviour::status(200));
    eventually("spans get through again", || {
        ask(&mut stream).expect("a reply");
        !service.log_lines_of("spans reach the collector again").is_empty()
    });
    service.stop();
    assert_eq!(service.log_lines_of("spans do not reach the collector, they are lost").len(), 1);
    assert_eq!(service.log_lines_of("spans reach the collector again").len(), 1);
    assert!(url.starts_with("https://"), "{url}");
    let received = collector.crm().received();
    assert!(received.iter().all(|export| export.path() == "/v1/traces"), "{received:?}");
    assert!(String::from_utf8_lossy(&received[0].body).contains("who-is-it"));
}

#[test]
fn a_credential_that_fails_is_logged_once_and_once_when_it_is_back() {
    let sim = simulator();
    sim.oauth().set_behaviour(Behaviour::status(500));
    let mut service = Service::start_with(&sim, "", "info");
    let mut stream = connect(&service);
    eventually("the token is asked for again", || {
        ask(&mut stream).expect("a reply");
        sim.oauth().hits() >= 3
    });
    sim.oauth().set_behaviour(Behaviour::Normal);
    eventually("the token is there again", || {
        ask(&mut stream).expect("a reply");
        !service.log_lines_of("token received again").is_empty()
    });
    service.stop();
    assert_eq!(service.log_lines_of("no token received").len(), 1, "{:#?}", service.log_lines());
    assert_eq!(service.log_lines_of("token received again").len(), 1, "{:#?}", service.log_lines());
    assert_eq!(service.log_lines_of("token received").len(), 0, "{:#?}", service.log_lines());
}

#[test]
fn a_log_that_nobody_reads_any_more_changes_nothing() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let (mut service, reader) = Service::start_on_a_pipe(&sim, "info");
    drop(reader);
    let mut caller = connect(&service);
    assert!(ask(&mut caller).expect("a reply").starts_with("http/1.1 200 "));
    service.stop();
}

#[test]
fn a_log_that_nobody_reads_holds_no_request_and_no_end_up() {
    let sim = simulator();
    // At this level, a few requests fill the pipe and the queue before it.
    let (mut service, reader) = Service::start_on_a_pipe(&sim, "trace");
    let mut caller = connect(&service);
    let begun = Instant::now();
    for _ in 0..200 {
        assert!(ask(&mut caller).expect("a reply").starts_with("http/1.1 200 "));
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let took = service.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(reader);
}

#[test]
fn a_large_reply_is_warned_of_once_with_its_size() {
    let sim = simulator();
    let large = serde_json::json!({"pad": "x".repeat(300_000)});
    sim.users().set_behaviour(Behaviour::json(200, &large));
    let mut service = Service::start_with(&sim, "", "info");
    let mut stream = connect(&service);
    for _ in 0..3 {
        ask(&mut stream).expect("a reply");
    }
    service.stop();
    let lines = service.log_lines_of("a reply is larger than Genesys Cloud advises");
    let [line] = lines.as_slice() else { panic!("{lines:#?}") };
    assert_eq!((&line["level"], &line["action"]), (&"WARN".into(), &"customer_profile".into()));
    assert!(line["bytes"].as_u64().expect("a number") > 300_000, "{line}");
    assert_eq!(line["limit"], 256 * 1024);
}
