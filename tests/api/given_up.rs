//! A source that is given up half-way is told as truly as one that answered: its attempts, the ids of
//! its spans, its outcome, in the reply, the record, the metrics and the trace.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use tributary::simulator::Behaviour;

use crate::client::JSON_HEAD;
use crate::collector::{HttpCollector, attribute};
use crate::harness::{PROFILE, TestApp, eventually};
use crate::traces::hex;

const REQUIRED: &str = "[actions.customer_profile]\nrequired = ['genesys']\n\
                        on_required_failure = 'fail'\ndeadline = '20s'\n\
                        [sources.orders]\ntimeout = '15s'\n";
const LONG: &str = "[actions.customer_profile]\ndeadline = '60s'\n\
                    [sources.genesys]\ntimeout = '50s'\n\
                    [sources.crm]\ntimeout = '50s'\n\
                    [sources.orders]\ntimeout = '50s'\n";

fn traced(collector: &HttpCollector, more: &str) -> TestApp {
    let url = collector.url();
    TestApp::start_with(&format!("{more}[traces]\nendpoint = \"{url}\"\nsample_ratio = 1\n"))
}

/// The newest request's record.
fn record(app: &TestApp) -> Value {
    app.admin_get("/v1/requests").json()["requests"][0].clone()
}

fn source<'a>(record: &'a Value, name: &str) -> &'a Value {
    let sources = record["sources"].as_array().expect("a list");
    sources.iter().find(|source| source["source"] == name).expect("the source is told of")
}

/// The failures of a source's attempts in a record.
fn failures(source: &Value) -> Vec<Value> {
    let spans = source["spans"].as_array().expect("a list").iter();
    spans.filter(|span| span["kind"] == "attempt").map(|span| span["failure"].clone()).collect()
}

/// The ids of a source's spans, as its upstream was told them and as the trace has them.
fn span_ids(app: &TestApp, spans: &[Span]) -> (Vec<String>, Vec<String>) {
    let told = app.sim.orders().received();
    let told = told.iter().filter_map(|call| call.header("traceparent"));
    let told = told.filter_map(|parent| parent.split('-').nth(2).map(str::to_owned)).collect();
    let client = spans.iter().filter(|span| span.kind() == SpanKind::Client);
    let of_orders =
        client.filter(|span| attribute(&span.attributes, "tributary.source") == "orders");
    (told, of_orders.map(|span| hex(&span.span_id)).collect())
}

#[test]
fn a_source_that_a_failed_required_one_gives_up_tells_its_attempts_and_spans() {
    let collector = HttpCollector::start();
    let retry = "retry = { max_attempts = 3, base = '1ms', cap = '1ms' }\n";
    let mut app = traced(&collector, &format!("{REQUIRED}{retry}"));
    app.sim.orders().script([Behaviour::status(503)]);
    app.sim.orders().set_behaviour(Behaviour::Hang);
    app.sim.users().set_behaviour(Behaviour::status(400).after(Duration::from_millis(500)));
    let reply = app.profile("c-1");
    assert_eq!(reply.status, 502, "{}", reply.text());
    let orders = &reply.json()["aggregate"]["sources"]["orders"];
    assert_eq!((&orders["outcome"], &orders["attempts"]), (&json!("skipped"), &json!(2)));
    assert_eq!(app.sim.orders().hits(), 2);

    let record = record(&app);
    let orders = source(&record, "orders");
    assert_eq!(orders["attempts"], 2);
    assert_eq!(failures(orders), [json!("upstream_error"), json!("cancelled")]);
    let story = record["story"].to_string();
    assert!(story.contains("attempt 2 failed (given up)"), "{story}");
    for (result, count) in [("upstream_error", 1.0), ("cancelled", 1.0)] {
        let series =
            format!("tributary_source_attempts_total{{result=\"{result}\",source=\"orders\"}}");
        assert!((app.metric(&series) - count).abs() < 1e-9, "{series}");
    }
    app.join();
    let (told, traced) = span_ids(&app, &collector.spans());
    assert_eq!(told.len(), 2);
    assert_eq!(told, traced, "each span that the upstream was told of is in the trace");
}

#[test]
fn a_caller_that_goes_away_leaves_a_record_with_what_its_sources_did() {
    let collector = HttpCollector::start();
    let mut app = traced(&collector, LONG);
    for upstream in [app.sim.users(), app.sim.orders()] {
        upstream.set_behaviour(Behaviour::Hang);
    }
    let body = r#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
    let length = body.len();
    let mut caller = TcpStream::connect(app.address).expect("a connection");
    let request =
        format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}content-length: {length}\r\n\r\n{body}");
    caller.write_all(request.as_bytes()).expect("it is read");
    eventually("two sources hang and one has answered", || {
        let hang = [app.sim.users(), app.sim.orders()];
        let is_asked = hang.iter().all(|upstream| upstream.in_progress() == 1);
        is_asked && app.sim.crm().hits() == 1 && app.in_flight() == 2
    });
    drop(caller);
    eventually("nothing is under way", || app.in_flight() == 0);
    eventually("the request is told of", || record(&app)["status"] == 499);

    let record = record(&app);
    let (crm, orders) = (source(&record, "crm"), source(&record, "orders"));
    assert_eq!((&crm["outcome"], failures(crm)), (&json!("ok"), vec![Value::Null]));
    assert_eq!((&orders["outcome"], &orders["attempts"]), (&json!("skipped"), &json!(1)));
    assert_eq!(orders["error"], "not waited for: the caller went away");
    assert_eq!(failures(orders), [json!("cancelled")]);
    let story = record["story"].to_string();
    assert!(!story.contains("fallback"), "nobody had a reply: {story}");
    let cancelled = "tributary_source_attempts_total{result=\"cancelled\",source=\"orders\"}";
    assert!((app.metric(cancelled) - 1.0).abs() < 1e-9);
    let answered = "tributary_source_attempts_total{result=\"ok\",source=\"crm\"}";
    assert!((app.metric(answered) - 1.0).abs() < 1e-9);
    // Operators are alerted by the outcomes: a caller in a hurry is no failure of the source.
    let metrics = app.admin_get("/metrics").text();
    let outcomes = |outcome: &str, source: &str| {
        let labels = format!("{{outcome=\"{outcome}\",source=\"{source}\"}}");
        metrics.contains(&format!("tributary_source_duration_seconds_count{labels}"))
    };
    assert!(outcomes("ok", "crm") && !outcomes("skipped", "orders"), "{metrics}");
    app.join();
    let (told, traced) = span_ids(&app, &collector.spans());
    assert_eq!(told.len(), 1);
    assert_eq!(told, traced);
}

#[test]
fn a_wait_that_is_given_up_is_a_span_as_well() {
    let retry = "retry = { max_attempts = 3, base = '10s', cap = '10s' }\n";
    let app = TestApp::start_with(&format!("{REQUIRED}{retry}"));
    app.sim.orders().set_behaviour(Behaviour::status(503));
    app.sim.users().set_behaviour(Behaviour::status(400).after(Duration::from_millis(500)));
    assert_eq!(app.profile("c-1").status, 502);
    let record = record(&app);
    let orders = source(&record, "orders");
    let spans = orders["spans"].as_array().expect("a list");
    let backoff = spans.iter().find(|span| span["kind"] == "backoff").expect("it waited");
    let took = |span: &Value| span["end_ms"].as_f64().zip(span["start_ms"].as_f64());
    let (end, start) = took(backoff).expect("numbers");
    assert!(end - start > 100.0 && end - start < 5_000.0, "{backoff}");
    assert_eq!(orders["attempts"], 1);
}
