//! Every word that may stand under `outcome`, and what comes with it.

use serde_json::json;
use tributary::simulator::{Behaviour, Options, Reply, Simulator};

use crate::checks::{Expected, assert_one, assert_others_whole, at_once};
use crate::harness::{TestApp, assert_between, eventually};

/// A fallback that can be told from everything else, and no long waits.
const CRM: &str = r#"
[sources.crm]
fallback = { none = true }
retry = { max_attempts = 3, base = "1ms" }
"#;

fn fallback() -> serde_json::Value {
    json!({"none": true})
}

fn crm_says(behaviour: impl Into<Behaviour>) -> TestApp {
    let app = TestApp::start_with(CRM);
    app.sim.crm().set_behaviour(behaviour);
    app
}

#[track_caller]
fn expect_crm(app: &TestApp, outcome: &str, status: u16, error: &str, attempts: u64) {
    let expected = Expected { outcome, status, error, attempts, data: fallback() };
    assert_one(&app.profile("c-1"), "crm", &expected);
}

#[test]
fn a_204_is_ok_without_data() {
    let app = crm_says(Behaviour::status(204));
    let data = json!(null);
    let expected = Expected { outcome: "ok", status: 204, error: "", attempts: 1, data };
    assert_one(&app.profile("c-1"), "crm", &expected);
}

#[test]
fn every_2xx_with_json_is_ok() {
    let app = crm_says(Behaviour::json(202, &json!([1])));
    let data = json!([1]);
    let expected = Expected { outcome: "ok", status: 202, error: "", attempts: 1, data };
    assert_one(&app.profile("c-1"), "crm", &expected);
}

#[test]
fn a_404_is_a_definite_answer_with_the_configured_data() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::json(404, &json!({"secret": "of the upstream"})));
    let data = json!({"error": "Account not found"});
    let expected =
        Expected { outcome: "not_found", status: 404, error: "not found", attempts: 1, data };
    assert_one(&app.profile("c-1"), "crm", &expected);
}

#[test]
fn without_empty_data_a_404_has_the_fallback() {
    let app = TestApp::start_with("[sources.orders]\nfallback = { none = true }");
    app.sim.orders().set_behaviour(Behaviour::status(404));
    let data = fallback();
    let expected =
        Expected { outcome: "not_found", status: 404, error: "not found", attempts: 1, data };
    assert_one(&app.profile("c-1"), "orders", &expected);
}

#[test]
fn empty_statuses_say_which_statuses_are_definite() {
    let config = "[sources.crm]\nempty_statuses = [410, 422]\nempty_data = \"gone\"";
    let app = TestApp::start_with(config);
    for status in [410, 422] {
        app.sim.crm().set_behaviour(Behaviour::status(status));
        let data = json!("gone");
        let expected =
            Expected { outcome: "not_found", status, error: "not found", attempts: 1, data };
        assert_one(&app.profile("c-1"), "crm", &expected);
    }
    app.sim.crm().set_behaviour(Behaviour::status(404));
    assert_eq!(app.profile("c-1").outcome("crm"), "rejected");
}

#[test]
fn pages_that_are_cut_off_are_truncated() {
    let app = TestApp::start_with(
        "[sources.orders.paging]\nkind = \"cursor\"\nitems = \"/results\"\nmax_pages = 1\n\
         next = \"/nextCursor\"\nsend_as = \"json:cursor\"",
    );
    app.sim.orders_settings().set_total(7);
    let reply = app.profile("c-1");
    let part = reply.source("orders");
    assert_eq!((&part["outcome"], &part["status"]), (&json!("truncated"), &json!(206)));
    assert_eq!(part["error"], "stopped after 1 pages (max_pages)");
    assert_eq!(part["data"]["items"].as_array().expect("items").len(), 5);
    assert!(part["data"]["next_cursor"].is_string(), "{part}");
    assert_eq!(reply.json()["complete"], false);
    assert_others_whole(&reply, "orders");
}

#[test]
fn an_attempt_that_takes_too_long_is_a_timeout() {
    let app = TestApp::start_with(&format!("{CRM}timeout = \"100ms\""));
    app.sim.crm().set_behaviour(Behaviour::Hang);
    let reply = app.profile("c-1");
    let (error, data) = ("no reply within ", fallback());
    let expected = Expected { outcome: "timeout", status: 504, error, attempts: 1, data };
    assert_one(&reply, "crm", &expected);
    // Long before the deadline of 3 s.
    assert_between(reply.took, 100, 1_500);
}

#[test]
fn an_upstream_that_counts_too_many_requests_is_rate_limited() {
    let app = crm_says(Behaviour::status(429));
    expect_crm(&app, "rate_limited", 429, "the upstream answered 429", 3);
}

#[test]
fn a_limit_of_ours_without_a_permit_in_time_is_rate_limited() {
    let limit = "rate_limit = { requests = 1, per = \"1h\", max_wait = \"100ms\" }";
    let app = TestApp::start_with(&format!("{CRM}{limit}"));
    assert_eq!(app.profile("c-1").outcome("crm"), "ok");
    expect_crm(&app, "rate_limited", 429, "the source's rate limit has no room", 0);
    assert_eq!(app.sim.crm().hits(), 1);
}

#[test]
fn a_source_that_fails_too_often_is_left_alone() {
    let breaker = "breaker = { min_requests = 1, open_for = \"1m\" }";
    let app = TestApp::start_with(&format!("{CRM}{breaker}"));
    app.sim.crm().set_behaviour(Behaviour::status(500));
    expect_crm(&app, "upstream_error", 500, "the upstream answered 500", 1);
    expect_crm(&app, "circuit_open", 503, "the source failed too often and is left alone", 0);
    assert_eq!(app.sim.crm().hits(), 1);
}

#[test]
fn no_token_is_auth_failed() {
    let app = TestApp::start_with("[credentials.genesys]\nclient_secret = \"wrong\"");
    let error = "no token: the token endpoint refused the client (401, invalid_client)";
    let data = json!(null);
    let expected = Expected { outcome: "auth_failed", status: 401, error, attempts: 0, data };
    assert_one(&app.profile("c-1"), "genesys", &expected);
}

#[test]
fn a_fresh_token_that_is_refused_as_well_is_auth_failed() {
    let app = TestApp::start();
    app.sim.users().set_behaviour(Behaviour::status(401));
    let (error, data) = ("the upstream refused the token (401)", json!(null));
    let expected = Expected { outcome: "auth_failed", status: 401, error, attempts: 2, data };
    assert_one(&app.profile("c-1"), "genesys", &expected);
    assert_eq!(app.sim.users().hits(), 2);
}

#[test]
fn other_4xx_are_rejected_without_a_second_try() {
    let app = TestApp::start_with(CRM);
    for status in [400, 401, 403, 405, 409, 422, 451] {
        let error = format!("the upstream answered {status}");
        app.sim.crm().set_behaviour(Behaviour::json(status, &json!({"why": "secret-7"})));
        app.sim.crm().clear();
        expect_crm(&app, "rejected", status, &error, 1);
        assert_eq!(app.sim.crm().hits(), 1);
        assert!(!app.profile("c-1").text().contains("secret-7"), "{status}");
    }
}

#[test]
fn a_redirect_is_rejected_and_carries_no_key_anywhere() {
    let elsewhere = Simulator::start(Options::default()).expect("loopback has ports");
    let app = TestApp::start_with(CRM);
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/v2/accounts?id=c-1", elsewhere.crm().base_url());
        let reply = Reply::status(status).with_header("location", target);
        app.sim.crm().set_behaviour(reply);
        let error = format!("the upstream answered {status}");
        app.sim.crm().clear();
        expect_crm(&app, "rejected", status, &error, 1);
        assert_eq!(app.sim.crm().hits(), 1, "{status}");
    }
    assert_eq!(elsewhere.crm().total_connections(), 0);
}

#[test]
fn a_500_is_an_upstream_error_without_a_second_try() {
    let app = crm_says(Behaviour::json(500, &json!({"trace": "secret-7"})));
    expect_crm(&app, "upstream_error", 500, "the upstream answered 500", 1);
    assert!(!app.profile("c-1").text().contains("secret-7"));
}

#[test]
fn a_503_is_an_upstream_error_after_all_attempts() {
    let app = crm_says(Behaviour::status(503));
    expect_crm(&app, "upstream_error", 503, "the upstream answered 503", 3);
    assert_eq!(app.sim.crm().hits(), 3);
}

#[test]
fn a_503_that_passes_is_ok_after_a_second_try() {
    let app = TestApp::start_with(CRM);
    app.sim.crm().script([Behaviour::status(503)]);
    let reply = app.profile("c-1");
    assert_others_whole(&reply, "");
    assert_eq!(reply.source("crm")["attempts"], 2);
}

#[test]
fn a_refused_connection_is_connect_failed() {
    let gone = Simulator::start(Options::default()).expect("loopback has ports");
    let url = gone.crm().base_url();
    gone.stop();
    let app = TestApp::start_with(&format!("{CRM}url = \"{url}/v2/accounts\""));
    expect_crm(&app, "connect_failed", 502, "connection refused", 3);
}

#[test]
fn a_name_without_an_address_is_connect_failed() {
    let url = "http://no-such-host.invalid/v2/accounts";
    let app = TestApp::start_with(&format!("{}url = \"{url}\"", CRM.replace("= 3", "= 1")));
    expect_crm(&app, "connect_failed", 502, "cannot resolve no-such-host.invalid", 1);
}

#[test]
fn a_connection_that_breaks_is_connect_failed() {
    for behaviour in [Behaviour::Reset, Behaviour::Close] {
        let app = crm_says(behaviour);
        expect_crm(&app, "connect_failed", 502, "the connection broke: ", 3);
        assert_eq!(app.sim.crm().hits(), 3);
    }
}

#[test]
fn too_many_calls_under_way_are_overloaded() {
    let app = TestApp::start_with(&format!("{CRM}max_in_flight = 1"));
    app.sim.crm().set_behaviour_for("slow", Behaviour::Hang);
    std::thread::scope(|scope| {
        scope.spawn(|| app.profile("slow"));
        eventually("the first call is under way", || app.sim.crm().in_progress() == 1);
        let error = "1 calls are under way already";
        expect_crm(&app, "overloaded", 503, error, 0);
        app.sim.crm().close_connections();
    });
    app.sim.crm().reset_behaviour();
    let replies = at_once(1, |_| app.profile("c-1"));
    assert_eq!(replies[0].outcome("crm"), "ok");
}

#[test]
fn a_call_that_lacks_a_value_is_skipped() {
    let app = TestApp::start_with(
        "[sources.orders]\nfallback = { none = true }\njson = { customerId = \"x-{account}\" }\n\
         [actions.customer_profile.inputs]\naccount = { type = \"string\" }\n\
         [actions.customer_card.inputs]\naccount = { type = \"string\" }",
    );
    let data = fallback();
    let error = "{account} has";
    let expected = Expected { outcome: "skipped", status: 424, error, attempts: 0, data };
    assert_one(&app.profile("c-1"), "orders", &expected);
    assert_eq!(app.sim.orders().hits(), 0);
}

#[test]
fn a_request_over_which_each_actor_panics_is_internal_and_the_next_one_is_answered() {
    let app = TestApp::start_with(&format!("{CRM}[server]\nworkers = 1"));
    app.next_fetches_panic(2, "crm");
    let reply = app.profile("c-1");
    let (error, data) = ("a fault in the service", fallback());
    let expected = Expected { outcome: "internal", status: 500, error, attempts: 0, data };
    assert_one(&reply, "crm", &expected);
    assert_others_whole(&app.profile("c-1"), "");
}
