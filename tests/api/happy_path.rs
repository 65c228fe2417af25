//! Everything answers.

use serde_json::json;

use crate::harness::{PROFILE, TestApp};

#[test]
fn three_sources_become_one_aggregate_in_the_order_of_the_configuration() {
    let app = TestApp::start();
    let reply = app.profile("c-1");

    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let body = reply.json();
    assert_eq!(body["customerId"], "c-1");
    assert_eq!(body["complete"], true);
    for source in ["genesys", "crm", "orders"] {
        let part = reply.source(source);
        assert_eq!(part["source"], source);
        assert_eq!(part["outcome"], "ok");
        assert_eq!(part["status"], 200);
        assert_eq!(part["error"], json!(null));
        assert_eq!(part["attempts"], 1);
        let keys: Vec<_> = part.as_object().expect("an object").keys().collect();
        assert_eq!(keys.len(), 7, "exactly the keys of the contract: {keys:?}");
    }
    assert_eq!(reply.source("genesys")["data"]["id"], "c-1");
    assert_eq!(reply.source("crm")["data"]["account"]["id"], "c-1");
    assert_eq!(reply.source("orders")["data"]["results"][0]["customerId"], "c-1");
    let text = reply.text();
    let places: Vec<_> = ["\"genesys\":", "\"crm\":", "\"orders\":"]
        .iter()
        .map(|key| text.find(key).expect("every source is there"))
        .collect();
    assert!(places.is_sorted(), "sources are in the order of the configuration");
}

#[test]
fn a_byte_order_mark_before_the_inputs_is_no_matter() {
    let app = TestApp::start();
    let inputs = "{\"customerId\": \"c-1\", \"externalApiKey\": \"key-1\"}";
    for (path, body) in [
        (PROFILE, format!("\u{feff}{inputs}")),
        ("/events", format!("\u{feff}{{\"input\": {inputs}}}")),
    ] {
        let reply = app.post_with(path, &[], body.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.text().contains("c-1"), "{}", reply.text());
    }
}

#[test]
fn the_upstreams_get_what_the_configuration_says() {
    let app = TestApp::start();
    app.profile("c-1");

    let users = app.sim.users().last_received().expect("a call");
    assert_eq!((users.method.as_str(), users.target.as_str()), ("GET", "/api/v2/users/c-1"));
    assert!(users.header("authorization").expect("a token").starts_with("Bearer "));
    let crm = app.sim.crm().last_received().expect("a call");
    assert_eq!(crm.path(), "/v2/accounts");
    assert_eq!(crm.query("id").as_deref(), Some("c-1"));
    assert_eq!(crm.query("include").as_deref(), Some("preferences,subscriptions"));
    assert_eq!(crm.header("x-api-key"), Some("key-1"));
    let orders = app.sim.orders().last_received().expect("a call");
    assert_eq!((orders.method.as_str(), orders.target.as_str()), ("POST", "/v1/orders"));
    assert_eq!(orders.header("authorization"), Some("Bearer key-1"));
    assert_eq!(orders.header("content-type"), Some("application/json"));
    let sent = orders.json().expect("JSON");
    assert_eq!(sent, json!({"customerId": "c-1", "status": ["ACTIVE", "PENDING"], "limit": 5}));
    for call in [users, crm, orders] {
        assert_eq!(call.header_count("host"), 1);
        let agent = call.header("user-agent").expect("a user agent");
        assert!(agent.starts_with("tributary/"), "{agent}");
    }
}

#[test]
fn a_flow_that_sends_its_time_learns_its_own_latency() {
    let app = TestApp::start();
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let sent = u64::try_from(now.as_millis()).expect("before the end of time") - 1_500;
    let reply = app
        .post(PROFILE, &json!({"customerId": "c-1", "externalApiKey": "k", "timestamp_ms": sent}));
    let latency = reply.json()["flow_latency_ms"].as_u64().expect("a number");
    assert!((1_500..10_000).contains(&latency), "{latency}");
    let without = app.profile("c-1").json();
    assert_eq!(without.get("flow_latency_ms"), None);
}

#[test]
fn server_timing_names_every_source() {
    let app = TestApp::start();
    app.sim.orders().set_behaviour(tributary::simulator::Behaviour::status(500));
    let reply = app.profile("missing-1");
    let timing = reply.header("server-timing").expect("the header");
    let parts: Vec<_> = timing.split(", ").collect();
    assert_eq!(parts.len(), 3, "{timing}");
    assert!(parts[0].starts_with("genesys;dur=") && !parts[0].contains("desc"), "{timing}");
    assert!(parts[1].starts_with("crm;dur=") && !parts[1].contains("desc"), "{timing}");
    assert!(parts[2].ends_with(";desc=\"upstream_error\""), "{timing}");
}
