//! Sources that need another's answer: when they begin, what they send, and what happens when the
//! answer does not come.

use std::time::Duration;

use serde_json::{Value, json};
use tributary::settings::{Layer, Settings};
use tributary::simulator::{Behaviour, Latency, Options, Received, Reply, Simulator};

use crate::harness::{PROFILE, TestApp, assert_between};

const SLOW: Duration = Duration::from_millis(150);

/// The shipped action with a fourth source, a CRM lookup by the user's email, which `with` changes.
fn start_with(with: &str) -> TestApp {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let text = format!(
        r#"
[sources.by_email]
url = "{}/v2/accounts"
query = {{ id = "{{genesys.email}}" }}
headers = {{ X-API-Key = "by-email" }}
[actions.customer_profile]
sources = ["genesys", "crm", "orders", "by_email"]
{with}"#,
        sim.crm().base_url(),
    );
    TestApp::start_on(sim, &text)
}

/// A user as the users API sends it, with this email.
fn user(email: &Value) -> Behaviour {
    Behaviour::json(200, &json!({"id": "c-1", "email": email}))
}

/// The requests that the CRM got for the fourth source.
fn by_email(app: &TestApp) -> Vec<Received> {
    let mut all = app.sim.crm().received();
    all.retain(|call| call.header("x-api-key") == Some("by-email"));
    all
}

fn latency_ms(part: &Value) -> u64 {
    part["latency_ms"].as_u64().expect("a number")
}

#[test]
fn a_source_gets_the_value_from_the_answer_of_another() {
    let app = start_with("");
    let reply = app.profile("c-1");
    assert_eq!((reply.status, &reply.json()["complete"]), (200, &json!(true)), "{}", reply.text());
    let email = reply.source("genesys")["data"]["email"].clone();
    assert!(email.as_str().is_some_and(|email| email.contains('@')), "{email}");
    assert_eq!(reply.source("by_email")["data"]["account"]["id"], email);
    let text = reply.text();
    assert!(text.find("\"orders\":") < text.find("\"by_email\":"), "the order stays: {text}");
}

#[test]
fn a_number_of_any_size_is_used_as_it_was_sent() {
    let app = start_with("");
    let user = r#"{"id": "c-1", "email": 1e400}"#;
    app.sim.users().set_behaviour(Reply::status(200).with_body(format!("\u{feff}{user}")));
    app.profile("c-1");
    let call = by_email(&app).pop().expect("a call");
    assert_eq!(call.query("id").as_deref(), Some("1e400"));
}

#[test]
fn it_begins_when_that_source_has_answered_and_waits_for_nothing_else() {
    let app = start_with("");
    app.sim.users().set_latency(Latency::Fixed(SLOW));
    app.sim.orders().set_latency(Latency::Fixed(SLOW * 4));
    let reply = app.profile("c-1");

    let user = app.sim.users().last_received().expect("a call").at;
    let order = app.sim.orders().last_received().expect("a call").at;
    let calls = app.sim.crm().received();
    let crm = calls.iter().find(|call| call.header("x-api-key") == Some("key-1"));
    let crm = crm.expect("a call").at;
    let waiting = by_email(&app).first().expect("a call").at;
    for at_once in [order, crm] {
        assert!(at_once < user + SLOW, "the others are asked at once");
    }
    assert!(waiting >= user + SLOW, "it cannot begin before its value is there");
    assert!(waiting < order + SLOW * 4, "it does not wait for the slowest");
    let (first, then) = (reply.source("genesys"), reply.source("by_email"));
    assert!(latency_ms(&then) >= latency_ms(&first), "both count from the request's arrival");
    assert!(latency_ms(&then) < latency_ms(&reply.source("orders")), "{}", reply.text());
    assert_between(reply.took, 600, 2_500);
}

#[test]
fn a_chain_of_three_runs_in_order() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let text = format!(
        r#"
[sources.third]
method = "POST"
url = "{}/v1/orders"
headers = {{ Authorization = "Bearer k", X-Name = "{{second:/account/tier}}" }}
json = {{ customerId = "{{second.account.id}}", of = "{{genesys:/division}}", also = "<{{second.account.id}}>" }}
[sources.second]
url = "{}/v2/accounts"
query = {{ id = "{{genesys.id}}" }}
headers = {{ X-API-Key = "k" }}
[actions.customer_profile]
sources = ["third", "second", "genesys"]
"#,
        sim.orders().base_url(),
        sim.crm().base_url(),
    );
    let app = TestApp::start_on(sim, &text);
    for upstream in [app.sim.users(), app.sim.crm()] {
        upstream.set_latency(Latency::Fixed(SLOW / 3));
    }
    let reply = app.profile("c-7");
    assert_eq!(reply.json()["complete"], true, "{}", reply.text());
    let user = app.sim.users().last_received().expect("a call");
    let account = app.sim.crm().last_received().expect("a call");
    let order = app.sim.orders().last_received().expect("a call");
    assert!(account.at >= user.at + SLOW / 3 && order.at >= account.at + SLOW / 3);
    let data = |source: &str| reply.source(source)["data"].clone();
    let sent = order.json().expect("JSON");
    let expected = json!({"customerId": "c-7", "of": data("genesys")["division"], "also": "<c-7>"});
    assert_eq!(sent, expected);
    assert_eq!(order.header("x-name"), data("second")["account"]["tier"].as_str());
}

#[test]
fn several_sources_may_wait_for_the_same_one_and_one_for_several() {
    let app = start_with(
        r#"[sources.crm]
query = { id = "{genesys.id}" }
[sources.orders]
json = { customerId = "{crm.account.id}", email = "{genesys.email}" }"#,
    );
    app.sim.users().set_latency(Latency::Fixed(SLOW));
    app.sim.crm().set_latency(Latency::Fixed(SLOW));
    let reply = app.profile("c-1");
    assert_eq!(reply.json()["complete"], true, "{}", reply.text());
    let order = app.sim.orders().received();
    let [order] = order.as_slice() else { panic!("one call: {order:?}") };
    assert_eq!(order.json().expect("JSON")["email"], reply.source("genesys")["data"]["email"]);
    let (waited, crm) = (by_email(&app), app.sim.crm().received());
    let of_crm = crm.iter().find(|call| call.header("x-api-key") == Some("key-1"));
    let of_crm = of_crm.expect("a call");
    let [waited] = waited.as_slice() else { panic!("one call: {waited:?}") };
    let apart = waited.at.max(of_crm.at) - waited.at.min(of_crm.at);
    assert!(apart < SLOW, "both began with the user's answer, {apart:?} apart");
}

#[test]
fn without_a_value_the_source_is_skipped_and_the_error_names_the_reference() {
    let app = start_with("");
    let account_calls = |app: &TestApp| by_email(app).len();
    let cases = [
        ("it failed", Behaviour::status(400)),
        ("it has none", Behaviour::json(404, &json!({"email": "not@found"}))),
        ("the path leads nowhere", Behaviour::json(200, &json!({"mail": "a@b"}))),
        ("null", user(&json!(null))),
        ("a list", user(&json!(["a@b"]))),
        ("an object", user(&json!({"a": "b"}))),
        ("no JSON", Behaviour::Reply(tributary::simulator::Reply::status(200).with_body("{"))),
        ("no content", Behaviour::status(204)),
    ];
    for (name, behaviour) in cases {
        app.sim.users().set_behaviour(behaviour);
        let reply = app.profile("c-1");
        let part = reply.source("by_email");
        assert_eq!(part["outcome"], "skipped", "{name}: {}", reply.text());
        assert_eq!((&part["status"], &part["attempts"]), (&json!(424), &json!(0)), "{name}");
        let error = part["error"].as_str().expect("a sentence");
        assert!(error.starts_with("{genesys.email} has no value"), "{name}: {error}");
        assert_eq!((reply.status, reply.outcome("crm").as_str()), (200, "ok"), "{name}");
    }
    assert_eq!(account_calls(&app), 0, "it was never asked");
}

#[test]
fn what_stands_in_for_a_failed_source_is_not_its_data() {
    let app = start_with(
        r#"[sources.genesys]
fallback = { email = "fallback@example" }
empty_data = { email = "empty@example" }"#,
    );
    for (status, stand_in) in [(400, "fallback@example"), (404, "empty@example")] {
        app.sim.users().set_behaviour(Behaviour::status(status));
        let reply = app.profile("c-1");
        assert_eq!(reply.source("genesys")["data"]["email"], stand_in);
        assert_eq!(reply.outcome("by_email"), "skipped");
    }
    assert!(by_email(&app).is_empty());
}

#[test]
fn a_value_that_a_placeholder_alone_takes_into_json_may_be_anything_but_absent() {
    let app = start_with(
        r#"[sources.orders]
json = { customerId = "c-1", whole = "{genesys:}", part = "{genesys:/email}" }"#,
    );
    let whole = r#"{"email": [null, 1.00, 12345678901234567890123, {"a\"b": "\u00e9}"}]}"#;
    let reply = tributary::simulator::Reply::status(200).with_body(whole);
    app.sim.users().set_behaviour(reply);
    app.profile("c-1");
    let sent = app.sim.orders().last_received().expect("a call");
    let part = whole.strip_prefix("{\"email\": ").and_then(|rest| rest.strip_suffix('}'));
    let part = part.expect("it is");
    let sent = String::from_utf8(sent.body).expect("UTF-8");
    for expected in [format!(r#""whole":{whole}"#), format!(r#""part":{part}"#)] {
        assert!(sent.contains(&expected), "byte for byte {expected}: {sent}");
    }

    app.sim.orders().clear();
    app.sim.users().set_behaviour(Behaviour::json(200, &json!({})));
    let reply = app.profile("c-1");
    assert_eq!(reply.outcome("orders"), "skipped", "absent is not null");
    assert_eq!(app.sim.orders().hits(), 0);
    app.sim.users().set_behaviour(user(&json!(null)));
    app.profile("c-1");
    let sent = app.sim.orders().last_received().and_then(|call| call.json()).expect("JSON");
    assert_eq!(sent["part"], json!(null), "null is a value");
}

#[test]
fn the_data_of_a_source_with_pages_is_its_items() {
    let app = start_with(
        r#"[sources.crm]
query = { id = "{orders:/items/1/id}-{orders.pages}" }
[sources.orders]
paging = { kind = "cursor", items = "/results", next = "/nextCursor", send_as = "json:cursor" }"#,
    );
    let page = |ids: [&str; 1], next: Value| {
        let items: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        Behaviour::json(200, &json!({"results": items, "nextCursor": next}))
    };
    app.sim.orders().script([page(["o-1"], json!("n")), page(["o-2"], json!(null))]);
    let reply = app.profile("c-1");
    assert_eq!(reply.outcome("orders"), "ok", "{}", reply.text());
    let ids = app.sim.crm().received().into_iter().filter_map(|call| call.query("id"));
    assert!(ids.collect::<Vec<_>>().contains(&"o-2-2".to_owned()));

    app.sim.orders().script([page(["o-1"], json!("n")), Behaviour::status(400)]);
    let reply = app.profile("c-1");
    assert_eq!(reply.outcome("orders"), "truncated");
    assert_eq!(reply.outcome("crm"), "skipped", "the second item did not come");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, and what comes of it")]
fn hostile_values_from_an_upstream_stay_data() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let text = format!(
        r#"
[sources.by_path]
url = "{crm}/v2/{{genesys.email}}/x"
query = {{ id = "{{genesys.email}}", z = "1" }}
headers = {{ X-API-Key = "by-email" }}
[sources.by_header]
url = "{crm}/v2/accounts?id=header"
headers = {{ X-API-Key = "by-header", X-Email = "{{genesys.email}}" }}
[sources.orders]
json = {{ customerId = "{{genesys.email}}", note = "<{{genesys.email}}>" }}
[actions.customer_profile]
sources = ["genesys", "by_path", "by_header", "orders"]
"#,
        crm = sim.crm().base_url(),
    );
    let app = TestApp::start_on(sim, &text);
    for hostile in [
        "a/b?x=1#y",
        "../../admin",
        "..",
        "a&b=c&id=2",
        "\r\nHost: evil\r\n\r\n",
        "\",\"admin\":true,\"x\":\"",
        "{customerId}",
        "{genesys.email}",
        "%2e%2e%2f",
        "\u{0}",
        "😀 é",
        "//evil.example/@x:1",
        "null",
        "]}",
    ] {
        app.sim.crm().clear();
        app.sim.users().set_behaviour(user(&json!(hostile)));
        let reply = app.profile("c-1");
        assert_eq!(reply.status, 200, "{hostile:?}");
        let order = app.sim.orders().last_received().and_then(|call| call.json()).expect("JSON");
        let expected = json!({
            "customerId": hostile, "note": format!("<{hostile}>"),
            "status": ["ACTIVE", "PENDING"], "limit": 5
        });
        assert_eq!(order, expected, "{hostile:?}");
        let calls = app.sim.crm().received();
        let path = calls.iter().find(|call| call.header("x-api-key") == Some("by-email"));
        if hostile == ".." {
            assert!(path.is_none() && reply.outcome("by_path") == "skipped", "{}", reply.text());
        } else {
            let path = path.unwrap_or_else(|| panic!("no call for {hostile:?}"));
            assert_eq!(path.path().split('/').count(), 4, "{hostile:?}: {}", path.target);
            assert!(path.path().starts_with("/v2/") && path.path().ends_with("/x"));
            assert_eq!(path.query("id").as_deref(), Some(hostile));
            assert_eq!(path.query("z").as_deref(), Some("1"));
            assert_eq!(path.target.matches(['?', '&']).count(), 2, "{}", path.target);
            assert_eq!(path.header_count("host"), 1);
        }
        let header = calls.iter().find(|call| call.header("x-api-key") == Some("by-header"));
        if hostile.chars().any(|c| c.is_control() || !c.is_ascii()) {
            assert!(header.is_none() && reply.outcome("by_header") == "skipped", "{hostile:?}");
        } else {
            let header = header.unwrap_or_else(|| panic!("no call for {hostile:?}"));
            assert_eq!(header.header("x-email"), Some(hostile));
            assert_eq!(header.header_count("host"), 1);
        }
    }
}

#[test]
fn the_one_deadline_ends_the_wait_and_the_call() {
    let app = start_with("deadline = \"600ms\"");
    app.sim.users().set_behaviour(Behaviour::Hang);
    let reply = app.profile("c-1");
    assert_between(reply.took, 590, 1_600);
    assert_eq!(reply.outcome("genesys"), "timeout");
    assert_eq!(reply.outcome("by_email"), "skipped", "{}", reply.text());
    assert!(by_email(&app).is_empty(), "nothing is asked when no time is left");

    app.sim.users().set_behaviour(Behaviour::Delay(Duration::from_millis(300)));
    app.sim.crm().set_behaviour_for("%40", Behaviour::Hang);
    let reply = app.profile("c-1");
    assert_between(reply.took, 590, 1_600);
    assert_eq!(reply.outcome("genesys"), "ok", "{}", reply.text());
    let part = reply.source("by_email");
    assert_eq!((&part["outcome"], &part["attempts"]), (&json!("timeout"), &json!(1)));
    assert!((590..1_600).contains(&latency_ms(&part)), "from the request's arrival: {part}");
    let error = part["error"].as_str().expect("a sentence");
    let words: Vec<&str> = error.split(' ').collect();
    let [.., given, "ms"] = words.as_slice() else { panic!("{error}") };
    let given: u64 = given.parse().expect("a number");
    assert!(given < 450, "what the source had, not what the request had: {error}");
}

#[test]
fn a_rate_limit_may_be_kept_for_each_value_of_another_source() {
    let app = start_with(
        r#"[sources.by_email.rate_limit]
requests = 1
per = "1h"
key = "{genesys.email}"
max_wait = "0s""#,
    );
    app.sim.users().set_behaviour_for("c-1", user(&json!("one@example")));
    app.sim.users().set_behaviour_for("c-2", user(&json!("two@example")));
    for (customer, outcome) in [("c-1", "ok"), ("c-2", "ok"), ("c-1", "rate_limited")] {
        assert_eq!(app.profile(customer).outcome("by_email"), outcome);
    }
}

#[test]
fn a_crash_of_the_other_source_skips_the_one_that_waits_and_the_next_request_is_whole() {
    let app = start_with("");
    app.next_fetches_panic(1, "genesys");
    let reply = app.profile("c-1");
    assert_eq!(reply.json()["complete"], true, "{}", reply.text());
    // The next actor panics over it as well.
    app.next_fetches_panic(2, "genesys");
    let reply = app.profile("c-1");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.outcome("genesys"), "internal");
    assert_eq!(reply.outcome("by_email"), "skipped");
    assert_eq!(app.profile("c-1").json()["complete"], true);
}

#[test]
fn events_run_such_actions_as_well() {
    let app = start_with("");
    let event = json!({"input": {"customerId": "c-1", "externalApiKey": "key-1"}});
    let reply = app.post("/events", &event);
    let body = reply.json()["body"].as_str().map(str::to_owned).expect("a text");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["sources"]["by_email"]["outcome"], "ok");
    let other = app.post(PROFILE, &json!({"customerId": "missing-1", "externalApiKey": "k"}));
    assert_eq!(other.outcome("by_email"), "skipped");
}

#[test]
fn a_circle_and_an_unknown_source_stop_the_start() {
    let shipped = include_str!("../../config/default.toml");
    let refused = |text: &str| {
        let layer = |text: &str| Layer { name: "t.toml".to_owned(), text: text.to_owned() };
        let secrets = "credentials.genesys = { client_id = 'a', client_secret = 'b' }";
        let layers = [layer(shipped), layer(secrets), layer(text)];
        Settings::from_layers(&layers).expect_err("it is refused").to_string()
    };
    for (text, sentence) in [
        (
            "sources.crm.query.id = '{orders.x}'\nsources.orders.json.customerId = '{crm.x}'",
            "actions.customer_profile.sources: found sources that wait for each other in a circle: \
             crm waits for orders, orders waits for crm",
        ),
        (
            "sources.crm.query.id = '{genesis.x}'",
            "sources.crm.query: found {genesis.x}, and genesis is no source; allowed: one of \
             genesys, crm, orders",
        ),
        (
            "sources.crm.query.id = '{orders.x}'\nactions.customer_profile.sources = ['crm']",
            "sources.crm.query: found {orders.x}, but the action customer_profile does not ask \
             orders",
        ),
    ] {
        let problems = refused(text);
        assert!(problems.contains(sentence), "{problems}");
    }
}
