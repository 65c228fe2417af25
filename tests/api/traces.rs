//! The spans of traces, as a collector receives them.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;
use tributary::simulator::{Behaviour, Latency, Options, Reply, Simulator};

use crate::client::{self, JSON_HEAD};
use crate::collector::{GrpcCollector, HttpCollector, attribute};
use crate::harness::{PROFILE, TestApp, assert_problem, eventually};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn app(collector: &HttpCollector, more: &str) -> TestApp {
    TestApp::start_with(&format!("[traces]\nendpoint = \"{}\"\n{more}", collector.url()))
}

fn ask(app: &TestApp, headers: &[(&str, &str)]) -> client::Reply {
    let body = json!({"customerId": "c-hidden", "externalApiKey": "key-hidden"}).to_string();
    app.post_with(PROFILE, headers, body.as_bytes())
}

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

pub fn hex(id: &[u8]) -> String {
    let digits = id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn server_span(spans: &[Span]) -> &Span {
    let mut servers = spans.iter().filter(|span| span.kind() == SpanKind::Server);
    let server = servers.next().expect("a span of the request");
    assert!(servers.next().is_none(), "one request, one span of the server's");
    server
}

/// The spans of a source's attempts, in order.
fn attempts<'a>(spans: &'a [Span], source: &str) -> Vec<&'a Span> {
    let mut attempts: Vec<&Span> = spans
        .iter()
        .filter(|span| span.kind() == SpanKind::Client)
        .filter(|span| attribute(&span.attributes, "tributary.source") == source)
        .collect();
    attempts.sort_by_key(|span| span.start_time_unix_nano);
    attempts
}

#[test]
fn a_callers_trace_goes_on_with_a_span_for_the_request_and_one_for_each_attempt() {
    let collector = HttpCollector::start();
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    // So that the request has to wait for the first token.
    sim.oauth().set_latency(Latency::Fixed(Duration::from_millis(700)));
    let traces = format!("[traces]\nendpoint = \"{}\"\n", collector.url());
    let mut app = TestApp::start_on(sim, &traces);
    app.sim.orders().script([Behaviour::Reply(Reply::status(503))]);
    let parent = traceparent("01");
    let headers =
        [("traceparent", parent.as_str()), ("tracestate", "vendor=1"), ("x-request-id", "call-1")];
    assert_eq!(ask(&app, &headers).status, 200);
    // What waits is sent before the end.
    app.join();

    let spans = collector.spans();
    let server = server_span(&spans);
    assert_eq!(
        (hex(&server.trace_id).as_str(), hex(&server.parent_span_id).as_str()),
        (TRACE, PARENT)
    );
    assert_eq!(server.name, "POST /v1/actions/{action}");
    assert_eq!(server.trace_state, "vendor=1");
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/actions/{action}"),
        ("url.path", "/v1/actions/customer_profile"),
        ("url.scheme", "http"),
        ("tributary.request_id", "call-1"),
        ("http.response.status_code", "200"),
        ("tributary.action", "customer_profile"),
        ("tributary.complete", "true"),
    ] {
        assert_eq!(attribute(&server.attributes, key), value, "{key}");
    }
    assert!(server.end_time_unix_nano > server.start_time_unix_nano);
    assert!(server.events.iter().any(|event| event.name == "tributary.token_wait"));

    let orders = attempts(&spans, "orders");
    assert_eq!(orders.len(), 2, "{orders:#?}");
    let calls = app.sim.orders().received();
    for (attempt, call) in orders.iter().zip(&calls) {
        assert_eq!(hex(&attempt.parent_span_id), hex(&server.span_id));
        let told = format!("00-{TRACE}-{}-01", hex(&attempt.span_id));
        assert_eq!(call.header("traceparent"), Some(told.as_str()), "the upstream knows its span");
        assert!(attempt.start_time_unix_nano >= server.start_time_unix_nano);
        assert!(attempt.end_time_unix_nano <= server.end_time_unix_nano);
        assert_eq!(attribute(&attempt.attributes, "tributary.request_id"), "call-1");
        assert_eq!(attribute(&attempt.attributes, "server.address"), "127.0.0.1");
        let port = app.sim.orders().addr().port().to_string();
        assert_eq!(attribute(&attempt.attributes, "server.port"), port);
    }
    let (failed, good) = (orders[0], orders[1]);
    assert_eq!(attribute(&failed.attributes, "http.response.status_code"), "503");
    assert_eq!(attribute(&failed.attributes, "error.type"), "503");
    assert_eq!(attribute(&failed.attributes, "http.request.resend_count"), "");
    assert_eq!(failed.status.as_ref().map(|status| status.code), Some(2), "an error");
    assert_eq!(attribute(&good.attributes, "http.request.resend_count"), "1");
    assert_eq!(attribute(&good.attributes, "error.type"), "");
    assert_eq!(good.status.as_ref().map_or(0, |status| status.code), 0, "unset");

    let all = format!("{:?}", collector.exports());
    assert!(!all.contains("hidden"), "a trace has no value of an input");
    let resource = collector.exports()[0].resource_spans[0].resource.clone().expect("a resource");
    assert_eq!(attribute(&resource.attributes, "service.name"), "tributary");
    assert_eq!(attribute(&resource.attributes, "service.version"), env!("CARGO_PKG_VERSION"));
}

#[test]
fn spans_go_by_grpc_as_well() {
    let collector = GrpcCollector::start();
    let mut app = TestApp::start_with(&format!(
        "[traces]\nendpoint = \"http://{}\"\nprotocol = \"grpc\"\nsample_ratio = 1",
        collector.address
    ));
    assert_eq!(ask(&app, &[]).status, 200);
    app.join();
    let spans = collector.spans();
    let server = server_span(&spans);
    assert!(server.parent_span_id.is_empty() || hex(&server.parent_span_id) == "0".repeat(16));
    assert_eq!(attempts(&spans, "crm").len(), 1);
}

#[test]
fn a_caller_that_does_not_record_its_trace_decides_for_the_service_too() {
    let collector = HttpCollector::start();
    let mut app = app(&collector, "sample_ratio = 1");
    let parent = traceparent("00");
    ask(&app, &[("traceparent", &parent)]);
    let call = app.sim.crm().last_received().expect("a call");
    assert!(
        call.header("traceparent")
            .is_some_and(|told| told.starts_with(&format!("00-{TRACE}-")) && told.ends_with("-00"))
    );
    app.join();
    assert_eq!(collector.spans(), []);
}

#[test]
fn where_no_caller_decides_the_configured_share_is_recorded() {
    for (ratio, recorded) in [("0", 0), ("1", 3)] {
        let collector = HttpCollector::start();
        let mut app = app(&collector, &format!("sample_ratio = {ratio}"));
        let mut traces = std::collections::HashSet::new();
        for _ in 0..3 {
            ask(&app, &[]);
            let call = app.sim.crm().last_received().expect("a call");
            let told = call.header("traceparent").expect("a trace begins here").to_owned();
            assert!(told.ends_with(if recorded > 0 { "-03" } else { "-02" }), "{told}");
            traces.insert(told[3..35].to_owned());
        }
        assert_eq!(traces.len(), 3, "each request is a trace of its own");
        app.join();
        let spans = collector.spans();
        let servers = spans.iter().filter(|span| span.kind() == SpanKind::Server);
        assert_eq!(servers.count(), recorded);
    }
}

#[test]
fn waits_for_the_rate_limit_and_changes_of_the_breaker_are_events() {
    let collector = HttpCollector::start();
    let more = r#"
sample_ratio = 1
[sources.crm]
rate_limit = { requests = 10, per = "1s", burst = 1, max_wait = "2s" }
[sources.orders]
retry = { max_attempts = 1 }
breaker = { min_requests = 2, failure_ratio = 0.5 }
"#;
    let mut app = app(&collector, more);
    app.sim.orders().set_behaviour(Behaviour::Reply(Reply::status(500)));
    for _ in 0..3 {
        assert_eq!(ask(&app, &[]).status, 200);
    }
    app.join();
    let spans = collector.spans();
    let events: Vec<_> = spans.iter().flat_map(|span| &span.events).collect();
    let named = |name: &str, source: &str| {
        events.iter().any(|event| {
            event.name == name && attribute(&event.attributes, "tributary.source") == source
        })
    };
    assert!(named("tributary.rate_limit_wait", "crm"), "{events:#?}");
    assert!(named("tributary.source_failed", "orders"), "{events:#?}");
    let opened = attempts(&spans, "orders")
        .into_iter()
        .filter(|span| span.events.iter().any(|event| event.name == "tributary.breaker_opened"));
    assert_eq!(opened.count(), 1, "{events:#?}");
    let errors: Vec<String> = events
        .iter()
        .filter(|event| event.name == "tributary.source_failed")
        .map(|event| attribute(&event.attributes, "error.type"))
        .collect();
    assert_eq!(errors, ["upstream_error", "upstream_error", "circuit_open"]);
}

#[test]
fn a_request_that_is_refused_is_a_span_of_its_own() {
    let collector = HttpCollector::start();
    let mut app = app(&collector, "sample_ratio = 1");
    assert_problem(&app.post(PROFILE, &json!({})), 400);
    app.join();
    let spans = collector.spans();
    assert_eq!(spans.len(), 1);
    let server = server_span(&spans);
    assert_eq!(attribute(&server.attributes, "http.response.status_code"), "400");
    assert_eq!(attribute(&server.attributes, "error.type"), "", "it is the caller's error");
}

#[test]
fn a_status_that_was_not_sent_is_not_said_to_be() {
    let collector = HttpCollector::start();
    let mut app = app(&collector, "sample_ratio = 1");
    app.sim.orders().set_behaviour(Behaviour::Hang);
    let body = json!({"input": {"customerId": "c-1", "externalApiKey": "k"}});
    let late =
        app.post_with("/events", &[("x-request-timeout-ms", "50")], body.to_string().as_bytes());
    assert_eq!(late.status, 200);
    let caller = std::net::TcpStream::connect(app.address).expect("it listens");
    let body = body.to_string();
    let length = body.len();
    let request =
        format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}content-length: {length}\r\n\r\n{body}");
    std::io::Write::write_all(&mut &caller, request.as_bytes()).expect("it reads");
    eventually("it is under way", || app.sim.orders().in_progress() > 0);
    drop(caller);
    eventually("it is over", || app.in_flight() == 0);
    app.join();
    let spans = collector.spans();
    let servers = spans.iter().filter(|span| span.kind() == SpanKind::Server);
    let mut told: Vec<_> = servers
        .map(|span| {
            let attribute = |key| attribute(&span.attributes, key);
            [
                attribute("http.response.status_code"),
                attribute("tributary.status"),
                attribute("error.type"),
            ]
        })
        .collect();
    told.sort();
    assert_eq!(told, [["", "200", ""], ["", "499", "caller_gone"]]);
}

#[test]
fn a_collector_that_hangs_or_is_down_costs_nothing_but_the_spans() {
    let hanging = HttpCollector::start();
    hanging.sim.crm().set_behaviour(Behaviour::Hang);
    let nobody = "http://127.0.0.1:9";
    for (url, protocol) in
        [(hanging.url().as_str(), "http/protobuf"), (nobody, "http/protobuf"), (nobody, "grpc")]
    {
        let mut app = TestApp::start_with(&format!(
            "[traces]\nendpoint = \"{url}\"\nprotocol = \"{protocol}\"\nsample_ratio = 1"
        ));
        // More spans than are sent at a time.
        for _ in 0..200 {
            let reply = ask(&app, &[]);
            assert_eq!(reply.status, 200);
            assert!(reply.took < Duration::from_secs(2), "{url}: {:?}", reply.took);
        }
        let began = Instant::now();
        app.join();
        assert!(began.elapsed() < Duration::from_secs(5), "{url}: {:?}", began.elapsed());
    }
}

#[test]
fn another_collector_needs_a_restart() {
    let collector = HttpCollector::start();
    let app = app(&collector, "");
    let refused = app.reload("[traces]\nendpoint = \"http://127.0.0.1:9\"");
    assert_problem(&refused, 422);
    let problems = refused.json()["problems"].to_string();
    assert!(problems.contains("traces.endpoint: found"), "{problems}");
    assert!(problems.contains("as before, or a restart"), "{problems}");
}
