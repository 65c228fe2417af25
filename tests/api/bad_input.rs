//! A request that is not as it should be is told so, in one reply, before any upstream is asked.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::{self, JSON_HEAD, Reply};
use crate::harness::{PROFILE, TestApp, assert_problem};

/// The names in `errors`, in order.
#[track_caller]
fn inputs_with_problems(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors: {problem}"));
    errors.iter().map(|error| error["input"].as_str().expect("a name")).collect()
}

/// What is said of this input.
#[track_caller]
fn said_of<'a>(problem: &'a Value, input: &str) -> &'a str {
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors: {problem}"));
    let error = errors.iter().find(|error| error["input"] == input);
    error.and_then(|error| error["problem"].as_str()).expect("it has a problem")
}

#[track_caller]
fn assert_refused(app: &TestApp, reply: &Reply, status: u16) -> Value {
    let problem = assert_problem(reply, status);
    assert!(reply.header("x-request-id").is_some(), "problems have an id as well");
    assert_eq!(app.upstream_hits(), 0, "no upstream is asked");
    problem
}

#[test]
fn absent_null_empty_and_unresolved_inputs_all_count_as_missing() {
    let app = TestApp::start();
    for missing in [
        json!({}),
        json!({"customerId": null, "externalApiKey": null}),
        json!({"customerId": "", "externalApiKey": ""}),
        json!({"customerId": "${input.customerId}", "externalApiKey": "$!{input.externalApiKey}"}),
        json!({"input": {}}),
    ] {
        let problem = assert_refused(&app, &app.post(PROFILE, &missing), 400);
        assert_eq!(inputs_with_problems(&problem), ["customerId", "externalApiKey"], "{missing}");
        assert!(said_of(&problem, "customerId").starts_with("is required"), "{problem}");
    }
}

#[test]
fn all_that_is_wrong_with_the_inputs_is_told_together() {
    let app = TestApp::start_with(
        "[actions.customer_profile.inputs.code]\ntype = \"string\"\npattern = \"[0-9]+\"\n",
    );
    let body = json!({
        "customerId": "x".repeat(129),
        "externalApiKey": 12,
        "timestamp_ms": "soon",
        "code": "12a",
    });
    let problem = assert_refused(&app, &app.post(PROFILE, &body), 400);
    let inputs = inputs_with_problems(&problem);
    assert_eq!(inputs, ["customerId", "externalApiKey", "timestamp_ms", "code"]);
    assert!(said_of(&problem, "customerId").contains("longer than 128 characters"), "{problem}");
    assert!(said_of(&problem, "externalApiKey").contains("must be a string"), "{problem}");
    assert!(said_of(&problem, "timestamp_ms").contains("must be an integer"), "{problem}");
    assert!(said_of(&problem, "code").contains("[0-9]+"), "{problem}");
}

#[test]
fn a_value_of_another_type_is_never_converted() {
    let app = TestApp::start();
    for wrong in [json!(1), json!(true), json!([]), json!({}), json!(["c-1"])] {
        let body = json!({"customerId": wrong, "externalApiKey": "k"});
        let problem = assert_refused(&app, &app.post(PROFILE, &body), 400);
        assert_eq!(inputs_with_problems(&problem), ["customerId"], "{wrong}");
    }
}

#[test]
fn a_problem_never_repeats_a_value() {
    let app = TestApp::start();
    let body = json!({"customerId": "c", "externalApiKey": format!("hunter2{}", "x".repeat(600))});
    let reply = app.post(PROFILE, &body);
    assert_refused(&app, &reply, 400);
    assert!(!reply.text().contains("hunter2"), "{}", reply.text());
}

#[test]
fn a_body_that_is_no_json_object_is_refused_with_the_reason() {
    let app = TestApp::start();
    for (body, words) in [
        ("", "empty"),
        ("   ", "empty"),
        ("{\"customerId\":", "not JSON"),
        ("{\"customerId\":\"c-1\"} trailing", "not JSON"),
        ("customerId=c-1", "not JSON"),
        ("{'customerId':'c-1'}", "not JSON"),
        ("[]", "an array"),
        ("\"text\"", "a string"),
        ("null", "null"),
        ("7", "a number"),
    ] {
        let problem = assert_refused(&app, &app.post_with(PROFILE, &[], body.as_bytes()), 400);
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains(words), "{body:?}: {detail}");
    }
    let problem = assert_refused(&app, &app.post_with(PROFILE, &[], b"{\"a\":\"\xff\"}"), 400);
    assert!(problem["detail"].as_str().expect("a text").contains("not JSON"));
}

#[test]
fn nesting_without_end_is_refused_and_harms_nobody() {
    let app = TestApp::start_with("[server]\nmax_body = \"1MiB\"\n");
    for deep in ["[".repeat(200_000), "{\"a\":".repeat(100_000)] {
        let problem = assert_refused(&app, &app.post_with(PROFILE, &[], deep.as_bytes()), 400);
        assert!(problem["detail"].as_str().expect("a text").contains("nested"), "{problem}");
    }
    assert_eq!(app.profile("c-1").status, 200);
}

#[test]
fn a_body_over_max_body_is_refused_by_its_announced_length() {
    let app = TestApp::start_with("[server]\nmax_body = \"1KiB\"\n");
    let body = json!({"customerId": "c-1", "externalApiKey": "k", "more": "x".repeat(2000)});
    let problem = assert_refused(&app, &app.post(PROFILE, &body), 413);
    assert!(problem["detail"].as_str().expect("a text").contains("1024 bytes"), "{problem}");

    // Announced, but never sent: the reply does not wait for it.
    let head = format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}content-length: 99999999999\r\n\r\n");
    let reply = client::send_raw(app.address, head.as_bytes()).expect("a reply");
    assert!(reply.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&reply));
}

#[test]
fn a_body_of_exactly_max_body_is_taken() {
    let app = TestApp::start_with("[server]\nmax_body = \"1KiB\"\n");
    let bare = json!({"customerId": "c-1", "externalApiKey": "k", "more": ""}).to_string();
    let exact =
        bare.replace("\"more\":\"\"", &format!("\"more\":\"{}\"", "x".repeat(1024 - bare.len())));
    assert_eq!(exact.len(), 1024);
    assert_eq!(app.post_with(PROFILE, &[], exact.as_bytes()).status, 200);
    let over = format!("{exact} ");
    assert_problem(&app.post_with(PROFILE, &[], over.as_bytes()), 413);
}

#[test]
fn a_chunked_body_over_max_body_is_refused_as_soon_as_it_is() {
    let app = TestApp::start_with("[server]\nmax_body = \"1KiB\"\n");
    let head = format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}transfer-encoding: chunked\r\n\r\n");
    // The end of the body never comes.
    let bytes = format!("{head}800\r\n{}\r\n", "x".repeat(0x800));
    let reply = client::send_raw(app.address, bytes.as_bytes()).expect("a reply");
    assert!(reply.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&reply));
    assert_eq!(app.upstream_hits(), 0);
}

#[test]
fn a_chunked_body_is_taken() {
    let app = TestApp::start();
    let bytes = format!(
        "POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}transfer-encoding: chunked\r\nconnection: close\r\n\r\n\
         14\r\n{{\"customerId\":\"c-1\",\r\n17;note=1\r\n\"externalApiKey\":\"key\"}}\r\n0\r\n\r\n"
    );
    let reply = client::send_raw(app.address, bytes.as_bytes()).expect("a reply");
    let reply = String::from_utf8(reply).expect("UTF-8");
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    assert!(reply.contains("\"complete\":true"), "{reply}");
}

#[test]
fn an_unknown_action_is_answered_with_the_known_ones() {
    let app = TestApp::start();
    for name in ["customer_profil", "Customer_Profile", "%63ustomer", "a%2Fb", "..", "%00"] {
        let reply = app.post(&format!("/v1/actions/{name}"), &json!({}));
        if reply.json().get("routes").is_some() {
            // `..` is a step up, to where there is nothing.
            assert_refused(&app, &reply, 404);
            continue;
        }
        let problem = assert_refused(&app, &reply, 404);
        assert_eq!(
            problem["known_actions"],
            json!(["customer_profile", "customer_card"]),
            "{name}"
        );
    }
}

#[test]
fn an_unknown_path_is_answered_with_the_known_ones() {
    let app = TestApp::start();
    for path in
        ["/", "/v1", "/v1/actions", "/v1/actions/", "/v1/actions/a/b", "/event", "/livez", "//"]
    {
        for method in ["GET", "POST", "DELETE"] {
            let reply = client::send(app.address, method, path, &[], b"").expect("a reply");
            if path == "/v1/actions/" && reply.status != 404 {
                continue;
            }
            let problem = assert_refused(&app, &reply, 404);
            assert!(problem["routes"].is_array() || problem["known_actions"].is_array(), "{path}");
        }
    }
}

#[test]
fn the_documents_table_has_every_route_of_the_operators_and_no_other() {
    let app = TestApp::start();
    let reply = client::send(app.admin, "GET", "/v1/nothing", &[], b"").expect("a reply");
    let problem = assert_problem(&reply, 404);
    let routes = problem["routes"].as_array().expect("a list").iter();
    let there: BTreeSet<String> =
        routes.filter_map(|route| Some(route.as_str()?.replace("{id}", "ID"))).collect();
    let page = include_str!("../../docs/operating.md");
    let table =
        page.lines().filter(|line| line.starts_with("| `GET ") || line.starts_with("| `POST "));
    let told = table.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split(", "));
    // A row with two paths names the method once.
    let told = told.map(|route| route.trim().trim_matches('`'));
    let told =
        told.map(
            |route| if route.starts_with('/') { format!("GET {route}") } else { route.to_owned() },
        );
    assert_eq!(told.collect::<BTreeSet<_>>(), there);
}

#[test]
fn another_method_is_answered_with_the_right_one() {
    let app = TestApp::start();
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        for path in [PROFILE, "/v1/actions/unknown", "/events"] {
            let reply = client::send(app.address, method, path, &[], b"").expect("a reply");
            assert_refused(&app, &reply, 405);
            assert_eq!(reply.header("allow"), Some("POST"), "{method} {path}");
        }
    }
    let reply = client::send(app.admin, "POST", "/livez", &[], b"").expect("a reply");
    assert_problem(&reply, 405);
    assert_eq!(reply.header("allow"), Some("GET, HEAD"));
}

#[test]
fn a_body_that_is_said_to_be_something_else_is_refused() {
    let app = TestApp::start();
    let body = br#"{"customerId":"c-1","externalApiKey":"k"}"#;
    let send = |media_type: &str| {
        let headers = [("content-type", media_type)];
        client::send(app.address, "POST", PROFILE, &headers, body).expect("a reply")
    };
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"]
    {
        let problem = assert_refused(&app, &send(media_type), 415);
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("application/json"), "{detail}");
    }
    for media_type in
        ["application/json", "Application/JSON ; charset=utf-8", "application/vnd.x+json"]
    {
        assert_eq!(send(media_type).status, 200, "{media_type}");
    }
}

#[test]
fn unknown_inputs_are_ignored() {
    let app = TestApp::start();
    let body = json!({
        "customerId": "c-1",
        "externalApiKey": "k",
        "orgId": {"deep": [1, 2]},
        "customerid": "another",
        "url": "http://127.0.0.1:1/",
    });
    let reply = app.post(PROFILE, &body);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["customerId"], "c-1");
    assert_eq!(reply.json()["complete"], true);
}

#[test]
fn an_only_key_named_input_is_unwrapped_once() {
    let app = TestApp::start();
    let inner = json!({"customerId": "c-1", "externalApiKey": "k"});
    assert_eq!(app.post(PROFILE, &json!({"input": inner})).status, 200);
    let hits = app.upstream_hits();
    let twice = json!({"input": {"input": inner}});
    let problem = assert_problem(&app.post(PROFILE, &twice), 400);
    assert_eq!(inputs_with_problems(&problem), ["customerId", "externalApiKey"]);
    assert_eq!(app.upstream_hits(), hits);
}

#[test]
fn an_input_that_does_not_hold_the_inputs_is_told_as_such() {
    let app = TestApp::start();
    let inner = json!({"customerId": "c-1", "externalApiKey": "k"});
    for (body, words) in [
        (json!({"input": []}), "`input` must be an object of inputs, got an array"),
        (json!({"input": [inner]}), "got an array"),
        (json!({"input": "text"}), "got a string"),
        (json!({"input": inner, "other": 1}), "`input` stands beside other members"),
        (json!({"input": inner, "customerId": "c-2"}), "beside other members"),
        (json!({"input": inner, "action": "customer_profile"}), "beside other members"),
        (json!({"input": 1, "customerId": "c-2", "externalApiKey": "k"}), "beside other members"),
    ] {
        let problem = assert_refused(&app, &app.post(PROFILE, &body), 400);
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains(words), "{body}: {detail}");
        assert!(problem.get("errors").is_none(), "no input is said to be missing: {problem}");
    }
}

#[test]
fn a_requested_timeout_that_makes_no_sense_is_refused() {
    let app = TestApp::start();
    let body = br#"{"customerId":"c-1","externalApiKey":"k"}"#;
    for timeout in [
        "0",
        "-1",
        "soon",
        "",
        "1.5",
        "1e3",
        "99999999999999999999999",
        "100ms",
        "+5",
        "5 5",
        "5, 6",
        "0x5",
    ] {
        let reply = app.post_with(PROFILE, &[("x-request-timeout-ms", timeout)], body);
        let problem = assert_refused(&app, &reply, 400);
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("X-Request-Timeout-Ms"), "{timeout:?}: {detail}");
    }
    let twice = [("x-request-timeout-ms", "2000"), ("x-request-timeout-ms", "3000")];
    assert_refused(&app, &app.post_with(PROFILE, &twice, body), 400);
    for timeout in ["2000", " 2500 ", "02000", "18446744073709551615"] {
        let reply = app.post_with(PROFILE, &[("x-request-timeout-ms", timeout)], body);
        assert_eq!(reply.status, 200, "{timeout:?}");
    }
}

#[test]
fn a_path_that_is_none_for_its_slashes_is_told_so() {
    let app = TestApp::start();
    for (path, words) in [
        ("/v1/actions/customer_profile/", "no route ends in a slash"),
        ("/events/", "no route ends in a slash"),
        ("/v1//actions/customer_profile", "no route has an empty segment"),
        ("/v1/action/customer_profile", "nothing under this path"),
    ] {
        let reply = app.post(path, &json!({"customerId": "c-1"}));
        let detail = reply.json()["detail"].to_string();
        assert!(reply.status == 404 && detail.contains(words), "{path}: {detail}");
    }
}
