//! Required sources: what is answered when one of them gives no definite answer, and when.

use std::time::Duration;

use serde_json::{Value, json};
use tributary::simulator::Behaviour;

use crate::client::Reply;
use crate::harness::{TestApp, assert_between, eventually};

const FAIL: &str =
    "[actions.customer_profile]\nrequired = [\"genesys\"]\non_required_failure = \"fail\"\n";

/// The aggregate inside of a problem.
#[track_caller]
fn aggregate(reply: &Reply) -> Value {
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let problem = reply.json();
    assert_eq!(problem["status"], reply.status);
    let aggregate = problem["aggregate"].clone();
    assert!(aggregate["sources"].is_object(), "{}", reply.text());
    aggregate
}

fn outcomes(aggregate: &Value) -> [&str; 3] {
    ["genesys", "crm", "orders"]
        .map(|source| aggregate["sources"][source]["outcome"].as_str().expect("an outcome"))
}

#[test]
fn with_fail_a_definite_answer_of_the_required_source_is_an_aggregate_as_always() {
    let app = TestApp::start_with(FAIL);
    for customer in ["c-1", "missing-1"] {
        let reply = app.profile(customer);
        assert_eq!((reply.status, &reply.json()["complete"]), (200, &json!(true)), "{customer}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
    app.sim.crm().set_behaviour(Behaviour::status(400));
    let reply = app.profile("c-1");
    assert_eq!(reply.status, 200, "the others are not required");
    assert_eq!(reply.json()["complete"], false);
}

#[test]
fn with_partial_which_is_the_default_a_required_source_changes_nothing() {
    for more in ["", "on_required_failure = \"partial\""] {
        let text = format!("[actions.customer_profile]\nrequired = [\"genesys\"]\n{more}");
        let app = TestApp::start_with(&text);
        app.sim.users().set_behaviour(Behaviour::status(400));
        let reply = app.profile("c-1");
        assert_eq!(reply.status, 200);
        assert_eq!(outcomes(&reply.json()), ["rejected", "ok", "ok"]);
    }
}

#[test]
fn with_fail_the_problem_is_502_and_carries_the_whole_aggregate() {
    let app = TestApp::start_with(FAIL);
    // The others are done before the required one fails.
    app.sim.users().set_behaviour(Behaviour::status(400).after(Duration::from_millis(300)));
    let reply = app.profile("c-1");
    assert_eq!(reply.status, 502, "{}", reply.text());
    let detail = reply.json()["detail"].as_str().map(str::to_owned).expect("a sentence");
    assert_eq!(detail, "without a definite answer of a required source: genesys (rejected)");
    let aggregate = aggregate(&reply);
    assert_eq!(outcomes(&aggregate), ["rejected", "ok", "ok"]);
    assert_eq!((&aggregate["customerId"], &aggregate["complete"]), (&json!("c-1"), &json!(false)));
    assert_eq!(aggregate["sources"]["crm"]["data"]["account"]["id"], "c-1");
    assert!(aggregate["latency_ms"].is_u64());
    assert!(reply.header("x-request-id").is_some());
    let timing = reply.header("server-timing").expect("the header");
    assert!(timing.contains("desc=\"rejected\""), "{timing}");
}

#[test]
fn with_fail_a_timeout_of_the_required_source_is_504() {
    let app = TestApp::start_with(&format!("{FAIL}deadline = \"300ms\""));
    app.sim.users().set_behaviour(Behaviour::Hang);
    app.sim.orders().set_behaviour(Behaviour::Hang);
    let reply = app.profile("c-1");
    assert_eq!(reply.status, 504, "{}", reply.text());
    assert_between(reply.took, 290, 1_500);
    assert_eq!(outcomes(&aggregate(&reply)), ["timeout", "ok", "timeout"]);
}

#[test]
fn with_fail_the_reply_leaves_as_soon_as_a_required_source_has_failed_for_good() {
    let app = TestApp::start_with(FAIL);
    app.sim.users().set_behaviour(Behaviour::status(400).after(Duration::from_millis(300)));
    app.sim.orders().set_behaviour(Behaviour::Hang);
    let reply = app.profile("c-1");
    assert_eq!(reply.status, 502);
    assert_between(reply.took, 300, 2_500);
    let aggregate = aggregate(&reply);
    assert_eq!(outcomes(&aggregate), ["rejected", "ok", "skipped"]);
    let orders = &aggregate["sources"]["orders"];
    assert_eq!(orders["error"], "not waited for: a required source failed");
    assert_eq!((&orders["status"], &orders["data"]), (&json!(424), &json!(null)));
    eventually("the call that nobody waits for is given up", || {
        app.sim.orders().in_progress() == 0
    });
}

#[test]
fn with_fail_a_failure_that_a_retry_may_mend_is_not_yet_for_good() {
    let app = TestApp::start_with(FAIL);
    app.sim.users().script([Behaviour::status(503)]);
    let reply = app.profile("c-1");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.source("genesys")["attempts"], 2);
}

#[test]
fn with_fail_a_source_that_is_not_required_makes_nobody_leave_early() {
    let app = TestApp::start_with(FAIL);
    app.sim.crm().set_behaviour(Behaviour::status(400));
    app.sim.orders().set_behaviour(Behaviour::Delay(Duration::from_millis(300)));
    let reply = app.profile("c-1");
    assert_eq!(outcomes(&reply.json()), ["ok", "rejected", "ok"]);
    assert_between(reply.took, 300, 2_500);
}

#[test]
fn a_source_that_waits_for_a_failed_one_is_skipped_and_may_be_required_itself() {
    let text = "[actions.customer_profile]\nrequired = ['crm']\non_required_failure = 'fail'\n\
                [sources.crm]\nquery = { id = '{genesys.email}' }";
    let app = TestApp::start_with(text);
    assert_eq!(app.profile("c-1").status, 200);
    let reply = app.profile("missing-1");
    assert_eq!(reply.status, 502, "{}", reply.text());
    let aggregate = aggregate(&reply);
    assert_eq!(outcomes(&aggregate)[..2], ["not_found", "skipped"]);
    let error = aggregate["sources"]["crm"]["error"].as_str().expect("a sentence");
    assert!(error.starts_with("{genesys.email} has no value"), "{error}");
}

#[test]
fn an_event_carries_the_problem_in_its_envelope() {
    let app = TestApp::start_with(FAIL);
    app.sim.users().set_behaviour(Behaviour::status(400));
    let event = json!({"input": {"customerId": "c-1", "externalApiKey": "key-1"}});
    let reply = app.post("/events", &event);
    assert_eq!((reply.status, &reply.json()["statusCode"]), (200, &json!(502)));
    let body = reply.json()["body"].as_str().map(str::to_owned).expect("a text");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["aggregate"]["sources"]["genesys"]["outcome"], "rejected");
}

#[test]
fn the_problem_as_a_whole_stays_within_max_reply() {
    let max_reply = 3_000;
    // It fails the moment that both of the others have answered.
    let after_both = "[sources.genesys]\nquery = { a = '{crm.none}', b = '{orders.none}' }";
    let app = TestApp::start_with(&format!("{FAIL}max_reply = {max_reply}\n{after_both}"));
    app.sim.orders().set_behaviour(Behaviour::json(200, &json!({})));
    let mut seen = Vec::new();
    // From an aggregate that fits with its problem to one that does not fit alone.
    for size in (1_500..3_200).step_by(25) {
        app.sim.crm().set_behaviour(Behaviour::json(200, &json!({"text": "x".repeat(size)})));
        let reply = app.profile("c-1");
        assert_eq!(reply.status, 502);
        assert!(reply.body.len() <= max_reply, "{} bytes", reply.body.len());
        let aggregate = aggregate(&reply);
        assert_eq!(outcomes(&aggregate)[0], "skipped");
        seen.push(outcomes(&aggregate)[1].to_owned());
    }
    seen.dedup();
    assert_eq!(seen, ["ok", "bad_payload"]);
}

#[test]
fn a_required_source_whose_data_gave_way_has_failed() {
    let text = "[actions.customer_profile]\nrequired = ['crm']\non_required_failure = 'fail'\n\
                max_reply = 3000";
    let app = TestApp::start_with(text);
    app.sim.users().set_behaviour(Behaviour::json(200, &json!({})));
    app.sim.crm().set_behaviour(Behaviour::json(200, &json!({"text": "x".repeat(3_000)})));
    let reply = app.profile("c-1");
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert_eq!(outcomes(&aggregate(&reply)), ["ok", "bad_payload", "ok"]);
}
