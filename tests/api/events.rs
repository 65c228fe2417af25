//! The envelope of a serverless event: HTTP 200 whenever the body could be read and the caller is
//! known, the envelope carries the status.

use serde_json::{Value, json};
use tributary::simulator::Behaviour;

use crate::client::{self, Reply};
use crate::harness::{PROFILE, TestApp, assert_problem};

fn inputs() -> Value {
    json!({"customerId": "c-1", "externalApiKey": "key-1"})
}

/// The status and the body that an envelope carries.
#[track_caller]
fn opened(reply: &Reply) -> (u64, Value) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let envelope = reply.json();
    let keys: Vec<_> = envelope.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys.len(), 2, "statusCode and body only: {keys:?}");
    let body = envelope["body"].as_str().expect("the body is a string");
    let body = serde_json::from_str(body).expect("that holds JSON");
    (envelope["statusCode"].as_u64().expect("a number"), body)
}

#[test]
fn an_event_gives_the_aggregate_of_the_default_action_as_a_string() {
    let app = TestApp::start();
    let reply = app.post("/events", &json!({"input": inputs()}));
    let (status, body) = opened(&reply);
    assert_eq!(status, 200);
    assert_eq!(body["customerId"], "c-1");
    assert_eq!(body["complete"], true);
    assert_eq!(body["sources"]["genesys"]["data"]["id"], "c-1");
}

#[test]
fn server_timing_stands_outside_of_the_envelope() {
    let config = "[actions.customer_profile]\nrequired = [\"crm\"]\non_required_failure = \"fail\"";
    let app = TestApp::start_with(config);
    for (behaviour, expected) in [(Behaviour::Normal, 200), (Behaviour::status(400), 502)] {
        app.sim.crm().set_behaviour(behaviour);
        let reply = app.post("/events", &json!({"input": inputs()}));
        assert_eq!(opened(&reply).0, expected);
        let timing = reply.header("server-timing").expect("the header");
        assert!(timing.contains("crm;dur="), "{timing}");
    }
}

#[test]
fn the_enveloped_aggregate_is_the_same_as_that_of_the_action() {
    let app = TestApp::start();
    let (_, mut enveloped) = opened(&app.post("/events", &json!({"input": inputs()})));
    let mut direct = app.post(PROFILE, &inputs()).json();
    for body in [&mut enveloped, &mut direct] {
        body["latency_ms"] = json!(0);
        for source in ["genesys", "crm", "orders"] {
            body["sources"][source]["latency_ms"] = json!(0);
        }
    }
    assert_eq!(enveloped, direct);
}

#[test]
fn data_with_quotes_escapes_and_other_scripts_survives_the_envelope() {
    let app = TestApp::start();
    let data = json!({"text": "\"quoted\" \\ back\\\\slash \u{1} \n 🙂 Müller \u{2028}"});
    app.sim.crm().set_behaviour(Behaviour::json(200, &data));
    let (_, body) = opened(&app.post("/events", &json!({"input": inputs()})));
    assert_eq!(body["sources"]["crm"]["data"], data);
}

#[test]
fn an_event_may_name_its_action() {
    let more = "[actions.orders_only]\nsources = [\"orders\"]\n\
                inputs.customerId = { required = true }\ninputs.externalApiKey = {}\n";
    let app = TestApp::start_with(more);
    let event = json!({"action": "orders_only", "input": inputs()});
    let (status, body) = opened(&app.post("/events", &event));
    assert_eq!(status, 200);
    let sources: Vec<_> = body["sources"].as_object().expect("an object").keys().collect();
    assert_eq!(sources, ["orders"]);
    let event = json!({"action": null, "input": inputs()});
    let (_, body) = opened(&app.post("/events", &event));
    assert_eq!(body["sources"].as_object().map(serde_json::Map::len), Some(3));
}

#[test]
fn what_is_wrong_with_an_event_is_told_inside_of_the_envelope() {
    let app = TestApp::start();
    for (event, status, words) in [
        (json!({"input": {}}), 400, "\"customerId\""),
        (json!({}), 400, "\"customerId\""),
        (json!({"input": null}), 400, "\"customerId\""),
        (json!({"input": "text"}), 400, "`input` must be an object"),
        (json!({"input": []}), 400, "`input` must be an object"),
        (json!({"input": [], "action": "customer_profile"}), 400, "`input` must be an object"),
        (json!({"input": {"input": inputs(), "more": 1}}), 400, "beside other members"),
        (json!({"input": {"customerId": "..", "externalApiKey": "k"}}), 400, "path"),
        (json!({"action": "nothing", "input": inputs()}), 404, "customer_profile"),
        (json!({"action": 7, "input": inputs()}), 400, "`action` must be a string"),
        // Inputs belong under `input`.
        (inputs(), 400, "\"externalApiKey\""),
    ] {
        let (carried, problem) = opened(&app.post("/events", &event));
        assert_eq!(carried, status, "{event}: {problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem.to_string().contains(words), "{event}: {problem}");
    }
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn a_requested_timeout_that_makes_no_sense_is_told_inside_of_the_envelope() {
    let app = TestApp::start();
    let body = json!({"input": inputs()}).to_string();
    let reply = app.post_with("/events", &[("x-request-timeout-ms", "soon")], body.as_bytes());
    assert_eq!(opened(&reply).0, 400);
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn without_a_default_action_an_event_must_name_one() {
    let app = TestApp::start_with(
        "[server]\ndefault_action = \"other\"\n[actions.other]\nsources = [\"crm\"]\ninputs.customerId = {}\ninputs.externalApiKey = {}\n",
    );
    let (status, body) = opened(&app.post("/events", &json!({"input": {"customerId": "c-1"}})));
    assert_eq!(status, 200);
    assert_eq!(body["sources"].as_object().map(serde_json::Map::len), Some(1), "{body}");
}

#[test]
fn a_partial_aggregate_is_a_200_in_the_envelope_as_well() {
    let app = TestApp::start();
    app.sim.orders().set_behaviour(tributary::simulator::Behaviour::status(400));
    let (status, body) = opened(&app.post("/events", &json!({"input": inputs()})));
    assert_eq!(status, 200);
    assert_eq!(body["complete"], false);
    assert_eq!(body["sources"]["orders"]["outcome"], "rejected");
}

#[test]
fn a_body_that_cannot_be_read_is_a_problem_outside_of_any_envelope() {
    let app = TestApp::start_with("[server]\nmax_body = \"1KiB\"\n");
    let long = format!("{{\"input\":\"{}\"}}", "x".repeat(2000));
    for (body, status) in [("", 400), ("{", 400), ("[]", 400), (long.as_str(), 413)] {
        assert_problem(&app.post_with("/events", &[], body.as_bytes()), status);
    }
    let headers = [("content-type", "text/plain")];
    let reply = client::send(app.address, "POST", "/events", &headers, b"{}").expect("a reply");
    assert_problem(&reply, 415);
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn an_unknown_caller_gets_a_401_and_no_envelope() {
    let app = TestApp::start_with("[[server.api_keys]]\nname = \"test\"\nkey = \"right\"\n");
    let body = json!({"input": inputs()}).to_string();
    assert_problem(&app.post_with("/events", &[], body.as_bytes()), 401);
    let reply = app.post_with("/events", &[("x-api-key", "right")], body.as_bytes());
    assert_eq!(opened(&reply).0, 200);
}
