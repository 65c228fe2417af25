//! A success whose body says that it failed is a failure for everybody: reply, breaker, metrics; and what
//! the upstream says is for operators alone.

use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Reply};

use crate::checks::assert_others_whole;
use crate::harness::TestApp;

fn app(keys: &str) -> TestApp {
    TestApp::start_with(&format!("[sources.crm]\nfallback = {{ none = true }}\n{keys}\n"))
}

/// The record of the last request.
fn record(app: &TestApp) -> Value {
    app.admin_get("/v1/requests").json()["requests"][0].clone()
}

#[test]
fn a_success_whose_body_says_that_it_failed_is_an_upstream_error() {
    for (keys, body) in [
        ("failed_if = { path = '/errors' }", json!({"errors": [{"message": "secret-7"}]})),
        ("failed_if = { path = '/success', equals = false }", json!({"success": false})),
        ("failed_if = { path = '/status', equals = 'error' }", json!({"status": "error"})),
    ] {
        let app = app(&format!("{keys}\nerror_message = '/errors/0/message'"));
        app.sim.crm().set_behaviour(Behaviour::json(200, &body));
        let reply = app.profile("c-1");
        let crm = reply.source("crm");
        assert_eq!((&crm["outcome"], &crm["status"]), (&json!("upstream_error"), &json!(502)));
        assert_eq!(crm["data"], json!({"none": true}));
        assert_eq!(crm["error"], "the upstream answered 200, and its body says that it failed");
        assert_eq!((crm["attempts"].as_u64(), app.sim.crm().hits()), (Some(1), 1));
        assert_eq!(reply.json()["complete"], false);
        assert!(!reply.text().contains("secret-7"), "what it says is not for callers");
        assert_others_whole(&reply, "crm");
    }
}

#[test]
fn a_body_without_a_failure_is_the_answer_byte_for_byte() {
    let app = app("failed_if = { path = '/errors' }");
    for body in [r#"{"errors": [], "a": 1.00}"#, r#"{"errors":null}"#, "[1]"] {
        app.sim.crm().set_behaviour(Reply::status(200).with_body(body));
        let reply = app.profile("c-1");
        assert_eq!(reply.outcome("crm"), "ok", "{body}");
        assert!(reply.text().contains(body), "{body}");
    }
    app.sim.crm().set_behaviour(Reply::status(200).with_body("{"));
    assert_eq!(app.profile("c-1").outcome("crm"), "bad_payload");
}

#[test]
fn operators_see_what_the_upstream_says_also_with_another_status() {
    let app = app("failed_if = { path = '/errors' }\nerror_message = '/errors/0/message'");
    let body = json!({"errors": [{"message": "no such account"}]});
    for status in [200, 400] {
        app.sim.crm().set_behaviour(Behaviour::json(status, &body));
        assert!(!app.profile("c-1").text().contains("no such account"));
        let record = record(&app);
        assert_eq!(record["sources"][1]["upstream_said"], "no such account", "{record}");
        let told = record["explanation"].to_string();
        assert!(told.contains("the upstream says \\\"no such account\\\""), "{told}");
    }
    app.sim.crm().set_behaviour(Behaviour::json(200, &json!({})));
    app.profile("c-1");
    assert_eq!(record(&app)["sources"][1]["upstream_said"], Value::Null);
}

#[test]
fn the_breaker_counts_it() {
    let breaker = "breaker = { min_requests = 3, failure_ratio = 1.0, open_for = '1m' }";
    let app = app(&format!("failed_if = {{ path = '/errors' }}\n{breaker}"));
    app.sim.crm().set_behaviour(Behaviour::json(200, &json!({"errors": "x"})));
    for _ in 0..3 {
        assert_eq!(app.profile("c-1").outcome("crm"), "upstream_error");
    }
    assert_eq!(app.profile("c-1").outcome("crm"), "circuit_open");
    assert_eq!(app.sim.crm().hits(), 3);
}
