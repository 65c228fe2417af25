//! The example that asks Genesys Cloud's analytics beside the user and the routing status.

use jsonschema::validator_for;
use serde_json::{Value, json};
use tributary::export::data_action;
use tributary::simulator::{Behaviour, Options, Simulator};

use crate::client::Reply;
use crate::harness::{TestApp, assert_problem, settings};

const EXAMPLE: &str = include_str!("../../config/examples/analytics.toml");
const OVERVIEW: &str = "/v1/actions/agent_overview";
const DETAILS: &str = "/api/v2/analytics/conversations/details/query";
const DAY: &str = "2026-03-01T00:00:00.000Z/2026-03-02T00:00:00.000Z";

/// The example, with the simulator in place of the region's hosts.
fn example(sim: &Simulator) -> String {
    let hosts = format!(
        "token_url = \"{}/oauth/token\"\napi_url = \"{}\"\n#",
        sim.oauth().base_url(),
        sim.users().base_url()
    );
    let replaced = [
        ("region = \"mypurecloud.de\"", hosts.as_str()),
        ("127.0.0.1:8080\"", "127.0.0.1:0\""),
        ("127.0.0.1:9090\"", "127.0.0.1:0\""),
    ];
    replaced.into_iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in the example");
        text.replace(from, to)
    })
}

fn start() -> TestApp {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let text = example(&sim);
    TestApp::start_on(sim, &text)
}

fn ask(app: &TestApp, user: &str) -> Reply {
    app.post(OVERVIEW, &json!({"userId": user, "interval": DAY}))
}

fn overview(app: &TestApp, user: &str) -> Value {
    let reply = ask(app, user);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// That the fields from the analytics are those of a user without conversations.
#[track_caller]
fn assert_no_conversations(reply: &Value) {
    for (field, default) in [
        ("conversationCount", json!(0)),
        ("lastConversationId", json!("")),
        ("lastConversationStart", json!("")),
        ("conversationIds", json!([])),
        ("directions", json!([])),
        ("talkMs", json!([])),
    ] {
        assert_eq!(reply[field], default, "{field} in {reply}");
    }
}

#[test]
fn an_agents_conversations_come_beside_the_agent_and_its_status() {
    let app = start();
    let reply = overview(&app, "c-1");
    assert_eq!((&reply["complete"], &reply["userId"]), (&json!(true), &json!("c-1")));
    assert!(reply["agentEmail"].as_str().unwrap().contains('@'), "{reply}");
    assert_eq!(reply["routingSince"], "2026-03-01T07:58:12.345Z");

    let count = reply["conversationCount"].as_u64().unwrap();
    let shown = usize::try_from(count.min(25)).unwrap();
    assert!(shown > 0);
    for field in ["conversationIds", "directions", "talkMs"] {
        assert_eq!(reply[field].as_array().unwrap().len(), shown, "{field} in {reply}");
    }
    assert_eq!(reply["lastConversationId"], reply["conversationIds"][0]);
    let last = reply["lastConversationStart"].as_str().unwrap();
    assert!(last.starts_with("2026-03-01T"), "{last}");
    assert!(reply["talkMs"].as_array().unwrap().iter().all(Value::is_u64), "{reply}");
}

#[test]
fn what_belongs_to_one_conversation_stands_at_one_place_of_all_lists() {
    let app = start();
    let of = |purpose: &str, metric: Value| json!({"purpose": purpose, "sessions": [{"metrics": [metric]}]});
    let talk = |value: u64| json!({"name": "tTalk", "value": value});
    let data = json!({"totalHits": 4, "conversations": [
        {"conversationId": "a", "originatingDirection": "inbound", "participants": [of("customer", talk(1)), of("agent", talk(7))]},
        {"conversationId": "b", "originatingDirection": "outbound", "participants": [of("agent", json!({"name": "tAlert", "value": 9}))]},
        {"conversationId": "c", "participants": [of("agent", talk(5)), of("agent", talk(6))]},
        {"conversationId": "d", "originatingDirection": null},
    ]});
    app.sim.users().set_behaviour_for(DETAILS, Behaviour::json(200, &data));
    let reply = overview(&app, "c-1");
    assert_eq!(reply["conversationIds"], json!(["a", "b", "c", "d"]));
    assert_eq!(reply["directions"], json!(["inbound", "outbound", "", ""]));
    assert_eq!(reply["talkMs"], json!([7, 0, 5, 0]));
    assert_eq!(reply["complete"], true);
}

#[test]
fn the_query_has_the_form_that_genesys_cloud_wants() {
    let app = start();
    overview(&app, "c-\"1");
    let received = app.sim.users().received();
    let query = received.iter().find(|request| request.path() == DETAILS).expect("it was asked");
    assert_eq!(query.header("content-type"), Some("application/json"));
    let body = query.json().expect("JSON");
    assert_eq!(body["interval"], DAY);
    assert!(body["paging"]["pageSize"].as_u64().unwrap() <= 100);
    let predicates = &body["segmentFilters"][0]["predicates"];
    assert_eq!(
        (&predicates[0]["dimension"], &predicates[0]["value"]),
        (&json!("userId"), &json!("c-\"1"))
    );
}

#[test]
fn a_user_without_conversations_has_none() {
    let app = start();
    let reply = overview(&app, "quiet-1");
    assert_eq!(reply["complete"], true);
    assert_ne!(reply["agentName"], "");
    assert_no_conversations(&reply);

    app.sim.users().set_behaviour_for(DETAILS, Behaviour::json(200, &json!({})));
    let reply = overview(&app, "c-1");
    assert_eq!((&reply["complete"], &reply["conversations_outcome"]), (&json!(true), &json!("ok")));
    assert_no_conversations(&reply);
}

#[test]
fn an_unknown_user_is_an_answer() {
    let app = start();
    let reply = overview(&app, "missing-1");
    assert_eq!((&reply["complete"], &reply["user_outcome"]), (&json!(true), &json!("not_found")));
    assert_eq!((&reply["routingStatus"], &reply["agentName"]), (&json!("OFF_QUEUE"), &json!("")));
    assert_no_conversations(&reply);
}

#[test]
fn without_the_scope_only_the_analytics_are_missing() {
    let app = start();
    app.sim.oauth_settings().set_scopes(&["users:readonly"]);
    let reply = overview(&app, "c-1");
    assert_eq!((&reply["complete"], &reply["user_outcome"]), (&json!(false), &json!("ok")));
    assert_eq!(reply["conversations_status"], 403, "{reply}");
    assert_eq!(reply["conversations_outcome"], "rejected");
    assert_ne!(reply["agentName"], "");
    assert_no_conversations(&reply);
}

#[test]
fn a_used_up_rate_limit_is_told_and_costs_nothing_but_the_data() {
    let app = start();
    app.sim.users_settings().enforce_rate_limit(0);
    let reply = overview(&app, "c-1");
    assert_eq!(reply["complete"], false);
    for source in ["user", "routing", "conversations"] {
        assert_eq!(reply[format!("{source}_outcome")], "rate_limited", "{reply}");
        assert_eq!(reply[format!("{source}_status")], 429, "{reply}");
    }
    assert_no_conversations(&reply);
}

#[test]
fn an_interval_of_another_form_is_refused_before_anybody_is_asked() {
    let app = start();
    for interval in ["", "2026-03-01/2026-03-02", "2026-03-01T00:00:00.000Z", &format!("{DAY}\"")] {
        let reply = app.post(OVERVIEW, &json!({"userId": "c-1", "interval": interval}));
        let problem = assert_problem(&reply, 400);
        assert_eq!(problem["errors"][0]["input"], "interval", "{problem}");
    }
    assert_eq!(app.sim.users().hits(), 0);
    let reply = app.post(
        OVERVIEW,
        &json!({"userId": "c-1", "interval": "2026-03-01T00:00Z/2026-03-02T00:00:00Z"}),
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn its_export_has_the_form_that_public_exports_have() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let settings = settings(&sim, &example(&sim));
    let action = settings.actions.iter().find(|action| action.id.as_str() == "agent_overview");
    let file = data_action::file(
        action.expect("there is such an action"),
        "https://tributary.example.com",
    );
    let schema: Value =
        serde_json::from_str(include_str!("../fixtures/data-action.schema.json")).expect("JSON");
    let schema = validator_for(&schema).expect("a schema");
    let errors: Vec<String> = schema.iter_errors(&file).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let output = &file["contract"]["output"]["successSchema"]["properties"];
    assert_eq!(output["talkMs"]["items"]["type"], "integer", "{output}");
    let input = &file["contract"]["input"]["inputSchema"];
    assert_eq!(input["required"], json!(["userId", "interval"]));
}
