//! The `OpenAPI` document: it is valid, and real replies are what it says.

use jsonschema::validator_for;
use serde_json::{Value, json};
use tributary::simulator::Behaviour;

use crate::client::Reply;
use crate::harness::{PROFILE, TestApp};

const MORE: &str = r#"
[server]
max_body = "4KiB"
[[server.api_keys]]
name = "flow"
key = "the-key-of-the-flow"
[actions.strict]
sources = ["genesys", "crm"]
required = ["crm"]
on_required_failure = "fail"
deadline = "1s"
[actions.strict.inputs]
customerId = { type = "string", required = true, max_length = 8, pattern = "[a-z0-9-]+", echo = true }
externalApiKey = { type = "string", required = true, secret = true, title = "Key" }
limit = { type = "integer", default = 5, echo = true }
rate = { type = "number" }
vip = { type = "boolean", echo = true }
timestamp_ms = { type = "integer" }
"#;

const KEY: (&str, &str) = ("x-api-key", "the-key-of-the-flow");
const CARD: &str = "/v1/actions/customer_card";
const STRICT: &str = "/v1/actions/strict";

fn input() -> Value {
    json!({"customerId": "c-1", "externalApiKey": "key-1"})
}

fn document(app: &TestApp) -> Value {
    let reply = get(app, "/openapi.json", &[KEY]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Reply {
    crate::client::send(app.address, "GET", path, headers, b"").expect("there is always a reply")
}

fn ask(app: &TestApp, path: &str, body: &Value) -> Reply {
    app.post_with(path, &[KEY], body.to_string().as_bytes())
}

/// The value that a reference within the document stands for, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value["$ref"].as_str() else { return value };
    document.pointer(reference.trim_start_matches('#')).expect("it leads somewhere")
}

/// The schema of a place in the document, with the document around it for its references.
fn schema(document: &Value, pointer: &str) -> jsonschema::Validator {
    let mut root = document.clone();
    let place = document.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    let object = root.as_object_mut().expect("an object");
    object.insert("allOf".to_owned(), json!([place]));
    validator_for(&root).expect("a schema")
}

fn escaped(path: &str) -> String {
    path.replace('/', "~1")
}

/// Asserts that a reply to this path is one that the document declares for its very status.
#[track_caller]
fn assert_declared(document: &Value, path: &str, status: u16, reply: &Reply) {
    assert_eq!(reply.status, status, "{}", reply.text());
    let place = format!("/paths/{}/post/responses/{status}", escaped(path));
    let response = document.pointer(&place).unwrap_or_else(|| panic!("no {place}"));
    let media_type = reply.header("content-type").expect("always there");
    let place = format!("{place}/content/{}/schema", escaped(media_type));
    let schema = schema(document, &place);
    let body = reply.json();
    let errors: Vec<String> = schema.iter_errors(&body).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?} in {body:#}");
    for (name, header) in response["headers"].as_object().expect("headers") {
        let value = reply.header(name).unwrap_or_else(|| panic!("no {name}"));
        if resolved(document, header)["schema"]["type"] == "integer" {
            assert!(value.parse::<u64>().is_ok(), "{name}: {value}");
        }
    }
}

#[test]
fn the_document_is_openapi_3_1_of_exactly_the_configured_actions() {
    let app = TestApp::start_with(MORE);
    let document = document(&app);
    let parsed = oas3::from_json(document.to_string()).expect("OpenAPI");
    assert!(parsed.openapi.starts_with("3.1"), "{}", parsed.openapi);
    let mut paths: Vec<_> = document["paths"].as_object().expect("paths").keys().collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/events", "/openapi.json", CARD, PROFILE, STRICT]);
    assert_eq!(document["security"], json!([{"bearer": []}, {"apiKey": []}]));
    let key = "/paths/~1v1~1actions~1strict/post/requestBody/content/application~1json/schema/properties/externalApiKey";
    let key = document.pointer(key).expect("an input");
    assert_eq!((&key["writeOnly"], &key["title"]), (&json!(true), &json!("Key")));
}

#[test]
fn the_export_is_the_same_but_for_the_address() {
    let app = TestApp::start();
    let served = get(&app, "/openapi.json", &[]).json();
    let settings = crate::harness::settings(&app.sim, "");
    let exported = tributary::export::openapi::document(tributary::export::openapi::Service {
        actions: &settings.actions,
        sources: &settings.sources,
        asks_for_key: false,
        url: Some("https://tributary.example.com"),
    });
    assert_eq!(served["paths"], exported["paths"]);
    assert_eq!(exported["servers"][0]["url"], "https://tributary.example.com");
    assert!(served.get("security").is_none(), "nobody is asked for a key");
}

#[test]
fn whole_and_partial_replies_of_every_view_are_as_declared() {
    let app = TestApp::start_with(MORE);
    let document = document(&app);
    let asked = |what: &str| {
        for path in [PROFILE, CARD, STRICT] {
            let reply = ask(&app, path, &input());
            let status = if path == STRICT && what == "crm fails" { 502 } else { 200 };
            assert_declared(&document, path, status, &reply);
        }
    };
    asked("all is well");
    app.sim.users().set_behaviour(Behaviour::json(200, &json!([[{"id": [null]}]])));
    asked("another form of data");
    app.sim.orders().set_behaviour(Behaviour::Hang);
    app.sim.users().set_behaviour(Behaviour::status(404));
    asked("two sources are missing");
    app.sim.crm().set_behaviour(Behaviour::status(500));
    asked("crm fails");
    app.sim.crm().set_behaviour(Behaviour::Hang);
    assert_declared(&document, STRICT, 504, &ask(&app, STRICT, &input()));
}

#[test]
fn every_refusal_is_as_declared() {
    let app = TestApp::start_with(MORE);
    let document = document(&app);
    let body = input().to_string();
    for path in [PROFILE, CARD, STRICT] {
        let post = |headers: &[(&str, &str)], body: &[u8]| app.post_with(path, headers, body);
        let bad = json!({"customerId": 7, "externalApiKey": "", "limit": "x"});
        assert_declared(&document, path, 400, &post(&[KEY], bad.to_string().as_bytes()));
        assert_declared(&document, path, 400, &post(&[KEY], b"no JSON"));
        assert_declared(
            &document,
            path,
            400,
            &post(&[KEY, ("x-request-timeout-ms", "0")], body.as_bytes()),
        );
        assert_declared(&document, path, 401, &post(&[], body.as_bytes()));
        assert_declared(&document, path, 413, &post(&[KEY], &[b' '; 5000]));
        let text = [KEY, ("content-type", "text/plain")];
        let reply = crate::client::send(app.address, "POST", path, &text, body.as_bytes());
        assert_declared(&document, path, 415, &reply.expect("there is always a reply"));
    }
    assert_eq!(get(&app, "/openapi.json", &[]).status, 401);
}

#[test]
fn a_request_that_is_shed_is_as_declared() {
    let app = TestApp::start_with("[server]\nmax_concurrent_requests = 1\n");
    let document = get(&app, "/openapi.json", &[]).json();
    app.sim.crm().set_behaviour(Behaviour::Hang);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| app.profile("c-1"));
        crate::harness::eventually("it is under way", || app.sim.crm().in_progress() == 1);
        assert_declared(&document, PROFILE, 503, &app.profile("c-2"));
        first.join().expect("no panic");
    });
}

#[test]
fn envelopes_of_events_are_as_declared_and_so_is_what_they_carry() {
    let app = TestApp::start_with(MORE);
    let document = document(&app);
    for (event, status) in [
        (json!({"action": "customer_card", "input": input()}), 200),
        (json!({"action": "strict", "input": {}}), 400),
    ] {
        let reply = ask(&app, "/events", &event);
        assert_declared(&document, "/events", 200, &reply);
        let envelope = reply.json();
        assert_eq!(envelope["statusCode"], status);
        let action = event["action"].as_str().expect("a name");
        let media_type =
            if status == 200 { "application/json" } else { "application/problem+json" };
        let place = format!(
            "/paths/{}/post/responses/{status}/content/{}/schema",
            escaped(&format!("/v1/actions/{action}")),
            escaped(media_type)
        );
        let carried: Value =
            serde_json::from_str(envelope["body"].as_str().expect("a text")).expect("JSON");
        assert!(schema(&document, &place).is_valid(&carried), "{carried:#}");
    }
}

#[test]
fn examples_are_what_their_schemas_say_and_the_service_takes_them() {
    let app = TestApp::start_with(MORE);
    let document = document(&app);
    for path in [PROFILE, CARD, STRICT] {
        let post = format!("/paths/{}/post", escaped(path));
        let request = format!("{post}/requestBody/content/application~1json");
        let example = document.pointer(&format!("{request}/example")).expect("an example");
        assert!(schema(&document, &format!("{request}/schema")).is_valid(example), "{example:#}");
        assert_declared(&document, path, 200, &ask(&app, path, example));
        let reply = format!("{post}/responses/200/content/application~1json");
        let example = format!("{reply}/examples/partial/value");
        let example = document.pointer(&example).expect("an example");
        assert_eq!(example["complete"], false, "{example:#}");
        assert!(schema(&document, &format!("{reply}/schema")).is_valid(example), "{example:#}");
    }
}

#[test]
fn a_reply_with_a_member_too_many_or_too_few_would_be_noticed() {
    let app = TestApp::start();
    let document = get(&app, "/openapi.json", &[]).json();
    for path in [PROFILE, CARD] {
        let place =
            format!("/paths/{}/post/responses/200/content/application~1json/schema", escaped(path));
        let schema = schema(&document, &place);
        let body = app.post(path, &input()).json();
        assert!(schema.is_valid(&body));
        let mut more = body.clone();
        more["another"] = json!(1);
        assert!(!schema.is_valid(&more));
        for name in body.as_object().expect("an object").keys() {
            let mut less = body.clone();
            less.as_object_mut().expect("an object").remove(name);
            assert!(!schema.is_valid(&less), "without {name}");
        }
    }
}

#[test]
fn an_input_with_a_pattern_has_the_configured_example_or_none() {
    let with = |more: &str| {
        let app = TestApp::start_with(&format!(
            "[actions.first]\nsources = [\"crm\"]\n[actions.first.inputs]\n\
             customerId = {{ required = true, pattern = \"[0-9]{{4}}\"{more} }}\n\
             note = {{ pattern = \"[a-z]\" }}\nexternalApiKey = {{}}\n"
        ));
        let document = get(&app, "/openapi.json", &[]).json();
        let place = "/paths/~1v1~1actions~1first/post/requestBody/content/application~1json";
        let body = document.pointer(place).expect("a body").clone();
        if let Some(example) = body.get("example") {
            assert_eq!(app.post("/v1/actions/first", example).status, 200, "{example}");
        }
        body["example"].clone()
    };
    assert_eq!(with(""), Value::Null);
    // An optional input for which nothing can be made up is left out.
    let expected = json!({"customerId": "4711", "externalApiKey": "c-1001"});
    assert_eq!(with(", example = \"4711\""), expected);
}
