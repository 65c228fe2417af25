//! Inputs are data, never syntax: what the upstreams receive is the value, and nothing else of the
//! request has changed.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Received};

use crate::client::Reply;
use crate::harness::{PROFILE, TestApp, assert_problem};

/// Values that would be syntax somewhere, and may be sent in a path, a query and a body.
const HOSTILE: [&str; 22] = [
    "../../admin",
    "a/b?x=1#y",
    "...",
    "../",
    "a&b=c&include=x",
    "a+b c",
    "\r\nX-Evil: 1\r\n\r\nGET / HTTP/1.1",
    "nul\0nul",
    "\"quotes\" and 'more'",
    "back\\slash\\\"",
    "🙂 Müller",
    "%2f%2e%2e%00",
    "{x}",
    "{externalApiKey}",
    "a${jndi:ldap://x}",
    "http://evil.example/",
    "//evil.example",
    "@evil.example:80",
    ";v=1",
    "\u{202e}\u{feff}",
    "null",
    "}],\"limit\":999,\"x\":[{",
];

fn ask(app: &TestApp, customer: &str, key: &str) -> Reply {
    app.post(PROFILE, &json!({"customerId": customer, "externalApiKey": key}))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned()
}

/// The newest request of each upstream: users, CRM, orders.
fn last_requests(app: &TestApp) -> [Received; 3] {
    [app.sim.users(), app.sim.crm(), app.sim.orders()]
        .map(|upstream| upstream.last_received().expect("a call"))
}

/// In alphabetical order: they are not sent in the same order each time.
fn header_names(request: &Received) -> Vec<&str> {
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

#[track_caller]
fn said_of(problem: &Value, input: &str) -> String {
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors: {problem}"));
    let found = errors.iter().find(|error| error["input"] == input);
    found.map(|error| error["problem"].to_string()).unwrap_or_default()
}

#[test]
fn a_hostile_value_arrives_as_it_is_and_changes_nothing_else() {
    let app = TestApp::start();
    ask(&app, "c-1", "key-1");
    let plain = last_requests(&app);

    let long = "ä".repeat(128);
    for value in HOSTILE.into_iter().chain([long.as_str()]) {
        let before = app.upstream_hits();
        let reply = ask(&app, value, "key-1");
        assert_eq!(reply.status, 200, "{value:?}: {}", reply.text());
        assert_eq!(reply.json()["customerId"], value, "it is echoed as it is");
        assert_eq!(app.upstream_hits(), before + 3, "one request for each source: {value:?}");

        let [users, crm, orders] = last_requests(&app);
        let segments: Vec<_> = users.target.split('/').collect();
        let [empty, api, version, kind, id] = segments.as_slice() else {
            panic!("{value:?}: {}", users.target)
        };
        assert_eq!([*empty, *api, *version, *kind], ["", "api", "v2", "users"]);
        assert_eq!(decoded(id), value);
        assert!(!users.target.contains(['?', '#']), "{value:?}: {}", users.target);

        assert_eq!(crm.path(), "/v2/accounts");
        assert_eq!(crm.query("id").as_deref(), Some(value));
        assert_eq!(crm.query("include").as_deref(), Some("preferences,subscriptions"));
        assert_eq!(crm.target.matches(['&', '?', '=']).count(), 4, "{value:?}: {}", crm.target);

        assert_eq!(orders.target, "/v1/orders");
        let body = json!({"customerId": value, "status": ["ACTIVE", "PENDING"], "limit": 5});
        assert_eq!(orders.json(), Some(body), "{value:?}");

        for (request, plain) in [users, crm, orders].iter().zip(&plain) {
            assert_eq!(header_names(request), header_names(plain), "{value:?}");
            assert_eq!(request.header("host"), plain.header("host"), "{value:?}");
        }
    }
}

#[test]
fn a_hostile_key_that_a_header_can_carry_arrives_as_it_is() {
    let app = TestApp::start();
    let longest = "k".repeat(512);
    for key in [
        "../../admin",
        "a/b?x=1#y",
        "..",
        "\"quoted\", other",
        "back\\slash",
        "%2f%0d%0aX-Evil:1",
        "{x}{customerId}",
        "a: b; c=d",
        longest.as_str(),
    ] {
        let reply = ask(&app, "c-1", key);
        assert_eq!(reply.status, 200, "{key:?}: {}", reply.text());
        let [users, crm, orders] = last_requests(&app);
        assert_eq!(crm.header("x-api-key"), Some(key));
        assert_eq!(crm.header_count("x-api-key"), 1);
        assert_eq!(orders.header("authorization"), Some(format!("Bearer {key}").as_str()));
        assert_eq!(orders.header_count("authorization"), 1);
        assert_eq!(users.header("x-api-key"), None, "it goes where it was meant to go only");
    }
}

#[test]
fn a_value_that_a_header_cannot_carry_is_refused_before_any_upstream_is_asked() {
    let app = TestApp::start();
    for (key, words) in [
        ("a\r\nX-Evil: 1", "control characters"),
        ("a\nb", "control characters"),
        ("a\rb", "control characters"),
        ("nul\0", "control characters"),
        ("tab\t", "control characters"),
        ("\u{7f}", "control characters"),
        ("Müller", "ASCII"),
        ("🙂", "ASCII"),
        (" key", "space"),
        ("key ", "space"),
    ] {
        let reply = ask(&app, "c-1", key);
        let problem = assert_problem(&reply, 400);
        let said = said_of(&problem, "externalApiKey");
        assert!(said.contains(words) && said.contains("header"), "{key:?}: {problem}");
        assert_eq!(said_of(&problem, "customerId"), "", "nothing is wrong with it");
    }
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn a_value_that_would_be_a_step_in_the_path_is_refused_before_any_upstream_is_asked() {
    let app = TestApp::start();
    for customer in [".", ".."] {
        let problem = assert_problem(&ask(&app, customer, "key"), 400);
        let said = said_of(&problem, "customerId");
        assert!(said.contains("path"), "{problem}");
    }
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn what_a_place_forbids_is_told_together_with_everything_else() {
    let app = TestApp::start();
    let body = json!({"customerId": "..", "externalApiKey": "a\nb", "timestamp_ms": "x"});
    let problem = assert_problem(&app.post(PROFILE, &body), 400);
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(3), "{problem}");
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn only_the_places_of_the_actions_own_sources_count() {
    let app = TestApp::start_with(
        r#"
[actions.orders_only]
sources = ["orders"]
inputs.customerId = { required = true }
inputs.externalApiKey = { required = true }
[actions.users_only]
sources = ["genesys"]
inputs.customerId = { required = true }
inputs.externalApiKey = { required = false }
"#,
    );
    // A body can carry `..`, and nothing of this action carries the key in a header.
    let reply =
        app.post("/v1/actions/orders_only", &json!({"customerId": "..", "externalApiKey": "k"}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let received = app.sim.orders().last_received().expect("a call");
    assert_eq!(received.json().expect("JSON")["customerId"], "..");
    let reply =
        app.post("/v1/actions/users_only", &json!({"customerId": "c", "externalApiKey": "ü"}));
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// The CRM is asked with a query, and the orders with a body, that are languages of their own.
const QUERIES: &str = r#"
[sources.crm.query]
q = "SELECT Id FROM Contact WHERE Phone = '{customerId|soql}'"
"$filter" = "name eq '{customerId|odata}'"
[sources.orders.json]
query = '{{ user(id: "{customerId|graphql}") {{ name }} }}'
soap = "<id>{customerId|xml}</id>"
alone = "{customerId|soql}"
requests = [{ url = "/users?$filter=mail%20eq%20%27{customerId|odata|url}%27" }]
"#;

/// The same with an encoded query, which has no quotes.
const ENCODED_QUERY: &str = r#"
[sources.crm.query]
sysparm_query = "active=true^number={customerId|sysparm}"
"#;

#[test]
fn a_value_that_is_syntax_in_a_query_arrives_as_a_value_of_the_query() {
    let app = TestApp::start_with(QUERIES);
    let reply = ask(&app, r#"x' OR Name != "y\<"#, "key-1");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["customerId"], r#"x' OR Name != "y\<"#, "it is echoed as it is");

    let [_, crm, orders] = last_requests(&app);
    let soql = r#"SELECT Id FROM Contact WHERE Phone = 'x\' OR Name != \"y\\<'"#;
    assert_eq!(crm.query("q").as_deref(), Some(soql));
    assert_eq!(crm.query("$filter").as_deref(), Some(r#"name eq 'x'' OR Name != "y\<'"#));
    let body = orders.json().expect("JSON");
    assert_eq!(body["query"], r#"{ user(id: "x' OR Name != \"y\\<") { name } }"#);
    assert_eq!(body["soap"], "<id>x&apos; OR Name != &quot;y\\&lt;</id>");
    assert_eq!(body["alone"], r#"x\' OR Name != \"y\\<"#);
    let url = "/users?$filter=mail%20eq%20%27x%27%27%20OR%20Name%20%21%3D%20%22y%5C%3C%27";
    assert_eq!(body["requests"][0]["url"], url);
    assert_eq!(body["customerId"], r#"x' OR Name != "y\<"#, "without an escape as it is");
}

#[test]
fn a_value_that_an_encoded_query_cannot_carry_is_refused_before_any_upstream_is_asked() {
    let app = TestApp::start_with(ENCODED_QUERY);
    for value in [
        "x^ORname!=y",
        "x^NQactive=true",
        "a\nb",
        "javascript:gs.getUserID()",
        "JAVASCRIPT:1",
        "=1",
    ] {
        let problem = assert_problem(&ask(&app, value, "a\nb"), 400);
        let said = said_of(&problem, "customerId");
        assert!(said.contains("encoded query of ServiceNow"), "{value:?}: {problem}");
        let said = said_of(&problem, "externalApiKey");
        assert!(said.contains("header"), "it is told together with everything else: {problem}");
    }
    assert_eq!(app.upstream_hits(), 0);

    let reply = ask(&app, "O'Neil, \"x\" \\ a=b@c.example", "key-1");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let crm = app.sim.crm().last_received().expect("a call");
    let sent = "active=true^number=O'Neil, \"x\" \\ a=b@c.example";
    assert_eq!(crm.query("sysparm_query").as_deref(), Some(sent));
}

#[test]
fn another_sources_value_that_cannot_be_escaped_is_not_sent() {
    let app = TestApp::start_with("sources.crm.query.sysparm_query = 'a={genesys.email|sysparm}'");
    let user = |email: &str| Behaviour::json(200, &json!({"id": "c-1", "email": email}));
    app.sim.users().set_behaviour(user("x^ORa!=y"));
    let reply = ask(&app, "c-1", "key-1");
    assert_eq!(reply.outcome("crm"), "skipped", "{}", reply.text());
    let error = reply.source("crm")["error"].to_string();
    assert!(error.contains("{genesys.email} must not have `^`"), "{error}");
    assert!(!error.contains("ORa"), "{error}");
    assert_eq!(app.sim.crm().hits(), 0);

    app.sim.users().set_behaviour(user("o'neil@b.example"));
    assert_eq!(ask(&app, "c-1", "key-1").outcome("crm"), "ok");
    let crm = app.sim.crm().last_received().expect("a call");
    assert_eq!(crm.query("sysparm_query").as_deref(), Some("a=o'neil@b.example"));
}
