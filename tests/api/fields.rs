//! The fields view: a flat reply whose every member is there and of its type, whatever came.

use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Reply};

use crate::harness::TestApp;

const CARD: &str = "/v1/actions/customer_card";

fn card(app: &TestApp, customer: &str) -> Value {
    let reply = app.post(CARD, &json!({"customerId": customer, "externalApiKey": "key-1"}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// That the reply has these members and no others, each of the type of the value beside it.
#[track_caller]
fn assert_shape(reply: &Value) {
    let shape = json!({
        "customerId": "", "agentName": "", "agentEmail": "", "accountName": "", "tier": "",
        "language": "", "doNotCall": false, "openOrders": 0, "orderIds": [], "orderStates": [],
        "complete": false, "latency_ms": 0, "genesys_outcome": "", "genesys_status": 0,
        "crm_outcome": "", "crm_status": 0, "orders_outcome": "", "orders_status": 0,
    });
    let (shape, reply) =
        (shape.as_object().expect("an object"), reply.as_object().expect("an object"));
    assert_eq!(reply.len(), shape.len(), "{reply:?}");
    for (name, like) in shape {
        let value = &reply[name];
        assert_eq!(std::mem::discriminant(value), std::mem::discriminant(like), "{name}: {value}");
    }
}

#[test]
fn every_field_has_the_upstreams_value() {
    let app = TestApp::start();
    let reply = card(&app, "c-1");
    assert_shape(&reply);
    let whole = app.profile("c-1").json();
    let data = |source: &str| whole["sources"][source]["data"].clone();
    assert_eq!(reply["agentName"], data("genesys")["name"]);
    assert_eq!(reply["tier"], data("crm")["account"]["tier"]);
    assert_eq!(reply["doNotCall"], data("crm")["preferences"]["doNotCall"]);
    assert_eq!(reply["openOrders"], data("orders")["total"]);
    assert_eq!(reply["orderIds"][0], data("orders")["results"][0]["id"]);
    assert_eq!((&reply["complete"], &reply["customerId"]), (&json!(true), &json!("c-1")));
}

#[test]
fn a_source_without_data_leaves_its_fields_at_their_defaults() {
    let app = TestApp::start();
    let reply = card(&app, "missing-1");
    assert_shape(&reply);
    assert_eq!(reply["crm_outcome"], "not_found");
    assert_eq!((&reply["tier"], &reply["accountName"]), (&json!("standard"), &json!("")));
}

#[test]
fn a_failing_source_leaves_its_fields_at_their_defaults() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::status(500));
    let reply = card(&app, "c-1");
    assert_shape(&reply);
    assert_eq!(
        (&reply["crm_outcome"], &reply["complete"]),
        (&json!("upstream_error"), &json!(false))
    );
    assert_ne!(reply["agentName"], "");
}

#[test]
fn values_of_another_type_are_the_defaults() {
    let app = TestApp::start();
    let odd = json!({"name": 5, "email": {"no": "text"}});
    app.sim.users().set_behaviour(Behaviour::json(200, &odd));
    let reply = card(&app, "c-1");
    assert_shape(&reply);
    assert_eq!((&reply["agentName"], &reply["genesys_outcome"]), (&json!(""), &json!("ok")));
}

#[test]
fn a_number_that_no_double_holds_is_one_fields_default_and_no_other_fields_matter() {
    let app = TestApp::start_with(
        "[actions.customer_card.output]\n\
         balance = { from = 'crm', path = '/balance', type = 'number', default = -1 }\n\
         firstName = { from = 'crm', path = '$.contacts[0].name', type = 'string' }\n",
    );
    let account =
        r#"{"balance": 1e400, "contacts": [{"name": "Ada"}], "account": {"tier": "gold"}}"#;
    app.sim.crm().set_behaviour(Reply::status(200).with_body(format!("\u{feff}{account}")));
    let reply = card(&app, "c-1");
    let seen = [&reply["balance"], &reply["firstName"], &reply["tier"], &reply["crm_outcome"]];
    assert_eq!(seen, [&json!(-1), &json!("Ada"), &json!("gold"), &json!("ok")]);
    let metrics = app.admin_get("/metrics").text();
    let counted = "tributary_field_wrong_type_total{action=\"customer_card\",field=\"balance\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn an_event_gets_the_flat_reply_in_its_envelope() {
    let app = TestApp::start();
    let input = json!({"customerId": "c-1", "externalApiKey": "key-1"});
    let reply = app.post("/events", &json!({"action": "customer_card", "input": input})).json();
    assert_eq!(reply["statusCode"], 200);
    assert_shape(&serde_json::from_str(reply["body"].as_str().unwrap()).unwrap());
}

#[test]
fn a_required_source_that_failed_is_told_with_the_whole_aggregate() {
    let app = TestApp::start_with(
        "[actions.customer_card]\nrequired = ['crm']\non_required_failure = 'fail'",
    );
    app.sim.crm().set_behaviour(Behaviour::status(500));
    let reply = app.post(CARD, &json!({"customerId": "c-1", "externalApiKey": "key-1"}));
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert_eq!(reply.json()["aggregate"]["sources"]["crm"]["outcome"], "upstream_error");
}
