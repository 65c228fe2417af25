//! One input of a request chooses among configured credentials; nothing else can be chosen.

use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Options, Simulator};

use crate::client::{self, Reply};
use crate::harness::{TestApp, assert_problem};

/// Two organisations, each with its own simulator.
struct Two {
    app: TestApp,
    globex: Simulator,
}

fn two(more: &str) -> Two {
    let acme = Simulator::start(Options::default()).expect("loopback has ports");
    let globex =
        Simulator::start(Options { seed: 2, ..Options::default() }).expect("loopback has ports");
    let credential = |name: &str, sim: &Simulator| {
        sim.oauth_settings().set_client(name, "secret");
        sim.oauth_settings().check_clients();
        format!(
            "[credentials.{name}]\nkind = \"client_credentials\"\ntoken_url = \"{}/oauth/token\"\n\
             api_url = \"{}\"\nclient_id = \"{name}\"\nclient_secret = \"secret\"\n",
            sim.oauth().base_url(),
            sim.users().base_url(),
        )
    };
    let overrides = format!(
        r#"
{}{}
[sources.user]
url = "/api/v2/users/{{customerId}}"
credential = "{{tenant}}"
retry = {{ max_attempts = 1 }}
breaker = {{ min_requests = 3, open_for = "1m" }}
{more}
[actions.user]
sources = ["user"]
[actions.user.inputs]
customerId = {{ type = "string", required = true }}
tenant = {{ type = "string", required = true, credentials = {{ "Acme Inc." = "acme", 4711 = "globex" }} }}
"#,
        credential("acme", &acme),
        credential("globex", &globex),
    );
    Two { app: TestApp::start_on(acme, &overrides), globex }
}

fn ask(app: &TestApp, tenant: &Value) -> Reply {
    app.post("/v1/actions/user", &json!({"customerId": "c-1", "tenant": tenant}))
}

#[test]
fn each_tenant_is_asked_at_its_own_host_with_its_own_token() {
    let two = two("");
    for _ in 0..3 {
        assert_eq!(ask(&two.app, &json!("Acme Inc.")).outcome("user"), "ok");
    }
    assert_eq!((two.app.sim.users().hits(), two.globex.users().hits()), (3, 0));
    assert_eq!(ask(&two.app, &json!("4711")).outcome("user"), "ok");
    assert_eq!((two.app.sim.users().hits(), two.globex.users().hits()), (3, 1));
    let token = |sim: &Simulator| {
        let last = sim.users().last_received().expect("it was asked");
        last.header("authorization").expect("with a token").to_owned()
    };
    assert_ne!(token(&two.app.sim), token(&two.globex));
}

#[test]
fn a_tenant_that_is_not_in_the_list_is_refused_and_the_list_is_not_told() {
    let two = two("");
    for other in [
        json!("acme"),
        json!("globex"),
        json!("ACME INC."),
        json!("https://evil.example"),
        json!("x"),
    ] {
        let problem = assert_problem(&ask(&two.app, &other), 400);
        assert_eq!(problem["errors"][0]["input"], "tenant");
        let text = problem.to_string();
        for secret in ["Acme", "4711", "globex", "evil"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    for missing in [json!(""), json!(null), json!("${input.tenant}")] {
        let problem = assert_problem(&ask(&two.app, &missing), 400);
        assert!(problem["errors"][0]["problem"].as_str().expect("a text").contains("required"));
    }
    assert_eq!(two.app.sim.users().hits() + two.globex.users().hits(), 0);
}

#[test]
fn one_tenants_trouble_is_not_anothers() {
    let two = two("rate_limit = { requests = 1, per = \"1m\", burst = 4, max_wait = \"1ms\" }\n");
    two.globex.users().set_behaviour(Behaviour::status(500));
    for _ in 0..3 {
        assert_eq!(ask(&two.app, &json!("4711")).outcome("user"), "upstream_error");
    }
    assert_eq!(ask(&two.app, &json!("4711")).outcome("user"), "circuit_open");
    for _ in 0..4 {
        assert_eq!(ask(&two.app, &json!("Acme Inc.")).outcome("user"), "ok");
    }
    assert_eq!(ask(&two.app, &json!("Acme Inc.")).outcome("user"), "rate_limited");

    let listed = two.app.admin_get("/v1/sources").json();
    let listed = listed["sources"].as_array().expect("a list").iter();
    let users: Vec<_> = listed.filter(|source| source["source"] == "user").collect();
    let states: Vec<_> = users
        .iter()
        .map(|user| (user["tenant"].clone(), user["breaker"]["state"].clone()))
        .collect();
    assert_eq!(states, [(json!("acme"), json!("closed")), (json!("globex"), json!("open")),]);
    // The last request of each is told by its tenant as well.
    let requests = two.app.admin_get("/v1/requests").json();
    let requests = requests["requests"].as_array().expect("a list").iter();
    let tenants: Vec<_> = requests
        .map(|request| &request["sources"][0])
        .map(|user| (user["tenant"].clone(), user["outcome"].clone()))
        .collect();
    assert_eq!(tenants[0], (json!("acme"), json!("rate_limited")));
    assert_eq!(tenants[5], (json!("globex"), json!("circuit_open")));
    let metrics = two.app.admin_get("/metrics").text();
    assert!(metrics.contains("tributary_breaker_state{source=\"user\"} 2"), "{metrics}");
}

#[test]
fn the_example_of_the_document_works_and_tells_one_tenant_at_most() {
    let of_example = |more: &str| {
        let two = two("");
        let with = two.app.overrides().replace("tenant = {", &format!("tenant = {{ {more}"));
        assert_eq!(two.app.reload(&with).status, 200);
        let document = client::send(two.app.address, "GET", "/openapi.json", &[], b"");
        let document = document.expect("a reply").json();
        let place = "/paths/~1v1~1actions~1user/post/requestBody/content/application~1json/example";
        let example = document.pointer(place).expect("an example");
        assert_eq!(two.app.post("/v1/actions/user", example).outcome("user"), "ok");
        let tenants = ["Acme Inc.", "4711", "acme", "globex"];
        let text = document.to_string();
        let told: Vec<&str> = tenants.into_iter().filter(|name| text.contains(name)).collect();
        told.join(", ")
    };
    assert_eq!(of_example(""), "Acme Inc.");
    assert_eq!(of_example("example = \"4711\", "), "4711");
}
