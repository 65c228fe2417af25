//! The fields view: a flat reply whose every member is there and of its type, whatever came.

use std::time::Duration;

use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Reply};

use crate::client;
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
fn a_value_of_another_type_makes_the_reply_incomplete_wherever_that_is_told() {
    let app = TestApp::start();
    for (total, complete) in [(json!(3), true), (json!("3"), false), (json!(null), true)] {
        let orders = json!({"total": total, "results": []});
        app.sim.orders().set_behaviour(Behaviour::json(200, &orders));
        let reply = card(&app, "c-1");
        assert_eq!(reply["complete"], complete, "{orders}");
        assert_eq!(reply["orders_outcome"], "ok");
    }
    let partial = r#"tributary_aggregates_total{action="customer_card",completeness="partial"}"#;
    assert!((app.metric(partial) - 1.0).abs() < 1e-9);
    let requests = app.admin_get("/v1/requests").json();
    let told = requests["requests"].as_array().expect("a list").iter();
    let told: Vec<_> = told.filter(|record| record["complete"] == false).collect();
    let [record] = told.as_slice() else { panic!("{requests}") };
    let id = record["request_id"].as_str().expect("a text");
    let story = app.admin_get(&format!("/v1/requests/{id}")).json()["story"].to_string();
    assert!(story.contains("openOrders: a value of another type came"), "{story}");
}

#[test]
fn a_field_that_converts_takes_what_can_only_mean_one_thing_and_a_count_counts() {
    let app = TestApp::start_with(&crm_action(
        "balance = { from = 'crm', path = '/balance', type = 'number', convert = true }\n\
         id = { from = 'crm', path = '/id', type = 'string', convert = true }\n\
         vip = { from = 'crm', path = '/vip', type = 'boolean', convert = true }\n\
         notes = { from = 'crm', path = '/notes', type = 'integer', count = true }\n\
         open = { from = 'crm', path = '$.notes[?@.open]', type = 'integer', count = true }\n\
         strict = { from = 'crm', path = '/balance', type = 'number' }\n",
        "",
    ));
    let crm = r#"{"balance":"1500.00","id":12345678901234567890123,"vip":"true",
                  "notes":[{"open":1},{},{"open":2}]}"#;
    app.sim.crm().set_behaviour(Reply::status(200).with_body(crm));
    let reply = app.post("/v1/actions/lists", &json!({"customerId": "c-1", "externalApiKey": "k"}));
    let text = reply.text();
    for member in [
        r#""balance":1500.00"#,
        r#""id":"12345678901234567890123""#,
        r#""vip":true"#,
        r#""notes":3"#,
        r#""open":2"#,
        r#""strict":0"#,
        r#""complete":false"#,
    ] {
        assert!(text.contains(member), "{member}: {text}");
    }
}

#[test]
fn an_input_that_converts_takes_what_a_request_template_quotes_or_does_not() {
    let app = TestApp::start_with(
        "[actions.customer_profile.inputs]\n\
         customerId = { convert = true }\nlimit = { type = 'integer', convert = true }\n",
    );
    let body = json!({"customerId": 42, "externalApiKey": "k", "limit": "7"});
    let reply = app.post(crate::harness::PROFILE, &body);
    assert_eq!((reply.status, &reply.json()["customerId"]), (200, &json!("42")));
    let without = json!({"customerId": "c", "externalApiKey": 7});
    assert_eq!(app.post(crate::harness::PROFILE, &without).status, 400);
}

/// An action whose reply has these fields of the CRM, in TOML.
fn crm_action(fields: &str, more: &str) -> String {
    format!(
        "[actions.lists]\nsources = ['crm']\n{more}\n\
         [actions.lists.inputs]\ncustomerId = {{}}\nexternalApiKey = {{}}\n\
         [actions.lists.output]\n{fields}"
    )
}

fn lists(app: &TestApp) -> Value {
    let inputs = json!({"customerId": "c-1", "externalApiKey": "key-1"});
    let reply = app.post("/v1/actions/lists", &inputs);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[test]
fn arrays_of_one_list_do_not_slip_when_a_row_lacks_a_member() {
    let fields = "a = { from = 'crm', each = '', item = '/a', type = 'integer[]' }\n\
                  b = { from = 'crm', each = '', item = '$.b', type = 'string[]', default = '-' }";
    let app = TestApp::start_with(&crm_action(fields, ""));
    let rows = json!([{"a": 1, "b": "x"}, {"a": 2}, {"a": 3, "b": "z"}]);
    app.sim.crm().set_behaviour(Behaviour::json(200, &rows));
    let reply = lists(&app);
    assert_eq!((&reply["a"], &reply["b"]), (&json!([1, 2, 3]), &json!(["x", "-", "z"])));
    assert_eq!(reply["complete"], true);

    let rows = json!([{"a": "1", "b": "x"}, {"b": null}, null, {"a": 3.5}]);
    app.sim.crm().set_behaviour(Behaviour::json(200, &rows));
    let reply = lists(&app);
    assert_eq!((&reply["a"], &reply["b"]), (&json!([0, 0, 0, 0]), &json!(["x", "-", "-", "-"])));
    assert_eq!((&reply["complete"], &reply["crm_outcome"]), (&json!(false), &json!("ok")));
    let wrong = r#"tributary_field_wrong_type_total{action="lists",field="a"}"#;
    assert!((app.metric(wrong) - 1.0).abs() < 1e-9);
}

#[test]
fn the_rows_of_pages_a_fallback_and_empty_data_are_read_alike() {
    let paging = "[sources.orders]\npaging = { kind = 'cursor', items = '/results', \
                  next = '/nextCursor', send_as = 'json:cursor' }\n\
                  [actions.customer_card.output]\n\
                  orderIds = { each = '/items' }\norderStates = { each = '/items' }";
    let app = TestApp::start_with(paging);
    app.sim.orders_settings().set_total(12);
    let reply = card(&app, "c-1");
    for name in ["orderIds", "orderStates"] {
        assert_eq!(reply[name].as_array().map(Vec::len), Some(12), "{reply}");
    }

    let fields = "a = { from = 'crm', each = '/list', item = '/a', type = 'integer[]' }";
    let data = "[sources.crm]\nfallback = { list = [{ a = 1 }, {}] }\n\
                empty_data = { list = [{}, {}, { a = 3 }] }\n";
    let app = TestApp::start_with(&format!("{data}{}", crm_action(fields, "")));
    app.sim.crm().set_behaviour(Behaviour::status(404));
    assert_eq!(lists(&app)["a"], json!([0, 0, 3]));
    app.sim.crm().set_behaviour(Behaviour::status(500));
    assert_eq!(lists(&app)["a"], json!([1, 0]));
}

#[test]
fn arrays_of_one_list_are_left_out_of_a_reply_together_and_it_says_so() {
    let fields = "ids = { from = 'crm', each = '/l', item = '/id', type = 'string[]' }\n\
                  flags = { from = 'crm', each = '/l', item = '/ok', type = 'boolean[]' }\n\
                  name = { from = 'crm', path = '/name', type = 'string' }";
    let app = TestApp::start_with(&crm_action(fields, "max_reply = '2KiB'"));
    let row = json!({"id": "x".repeat(40), "ok": true});
    let data = json!({"name": "n".repeat(1_000), "l": vec![row; 100]});
    app.sim.crm().set_behaviour(Behaviour::json(200, &data));
    let reply = lists(&app);
    assert_eq!((&reply["ids"], &reply["flags"]), (&json!([]), &json!([])));
    assert_eq!((&reply["name"], &reply["complete"]), (&data["name"], &json!(false)));
    assert_eq!(reply["crm_outcome"], "ok");
}

/// How long another request waits for its reply.
fn others(app: &TestApp) -> Duration {
    let reply = client::send(app.address, "GET", "/openapi.json", &[], b"").expect("a reply");
    assert_eq!(reply.status, 200);
    reply.took
}

#[test]
fn very_many_rows_hold_nobody_up_and_what_is_not_made_in_time_is_told() {
    let field =
        |n: u8| format!("f{n} = {{ from = 'crm', each = '', item = '$.a', type = 'integer[]' }}\n");
    let fields: String = (0..40).map(field).collect();
    let one_thread = format!("{}[server]\nworkers = 1\n", crm_action(&fields, "deadline = '2s'"));
    let app = TestApp::start_with(&one_thread);
    let rows = format!("[{}{{}}]", r#"{"a":1},"#.repeat(200_000));
    app.sim.crm().set_behaviour(Reply::status(200).with_body(rows));
    let mut longest = Duration::ZERO;
    let reply = std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let inputs = json!({"customerId": "c-1", "externalApiKey": "key-1"});
            app.post("/v1/actions/lists", &inputs)
        });
        while !asked.is_finished() {
            longest = longest.max(others(&app));
        }
        asked.join().expect("a reply")
    });
    assert!(longest < Duration::from_secs(1), "others waited for {longest:?}");
    assert!(reply.took < Duration::from_secs(6), "{:?}", reply.took);
    let reply = reply.json();
    assert_eq!((&reply["crm_outcome"], &reply["complete"]), (&json!("ok"), &json!(false)));
    assert_eq!((&reply["f0"], &reply["f39"]), (&json!([]), &json!([])));
    let requests = app.admin_get("/v1/requests").json();
    let id = requests["requests"][0]["request_id"].as_str().expect("a text");
    let story = app.admin_get(&format!("/v1/requests/{id}")).json()["story"].to_string();
    assert!(story.contains("f0, f1, f2") && story.contains("too late"), "{story}");
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
