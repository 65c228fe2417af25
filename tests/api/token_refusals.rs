//! An upstream refuses a token (401): one that has ended is replaced for everybody, and one that is
//! good costs that source alone, and for a while no further token.

use std::time::{Duration, Instant};

use serde_json::json;
use tributary::simulator::{Behaviour, Latency, Options, Simulator};

use crate::checks::{assert_others_whole, at_once, tokens_received};
use crate::client::Reply;
use crate::harness::{TestApp, assert_between, eventually, eventually_within};

/// What the second source's upstream is told to do by.
const ROUTING: &str = "routingstatus";

/// Two sources with one credential, `user` and `routing`, and an action for each and for both.
fn two_sources(more: &str) -> TestApp {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.users_settings().announce_rate_limit(1_000_000);
    let users = sim.users().base_url();
    let source = |name: &str, path: &str| {
        format!(
            "[sources.{name}]\nurl = \"{users}/api/v2/users/{{customerId}}{path}\"\n\
             credential = \"genesys\"\n{more}\n"
        )
    };
    let action = |name: &str, sources: &str| {
        format!(
            "[actions.{name}]\nsources = {sources}\ndeadline = \"20s\"\n\
             [actions.{name}.inputs]\ncustomerId = {{ type = \"string\", required = true }}\n"
        )
    };
    let app = TestApp::start_on(
        sim,
        &[
            source("user", ""),
            source("routing", "/routingstatus"),
            action("both", r#"["user", "routing"]"#),
            action("user", r#"["user"]"#),
            action("routing", r#"["routing"]"#),
        ]
        .concat(),
    );
    eventually("there is a token", || tokens_received(&app) == 1);
    app
}

fn ask(app: &TestApp, action: &str, customer: &str) -> Reply {
    app.post(&format!("/v1/actions/{action}"), &json!({"customerId": customer}))
}

/// Asserts what became of a source and how many requests it took.
#[track_caller]
fn assert_came(reply: &Reply, source: &str, outcome: &str, attempts: u64) {
    let part = reply.source(source);
    assert_eq!(
        (&part["outcome"], &part["attempts"]),
        (&json!(outcome), &json!(attempts)),
        "{part}"
    );
}

/// Makes the second source refuse a fresh token, so that its refusals do not count for a while.
fn refuse_a_fresh_token(app: &TestApp) {
    app.sim.users().set_behaviour_for(ROUTING, Behaviour::status(401));
    assert_came(&ask(app, "routing", "c-0"), "routing", "auth_failed", 2);
    assert_eq!(app.sim.oauth().hits(), 2);
    app.sim.users().reset_behaviour();
}

/// Asserts that there was a token call at the start and at most one in ten seconds since then.
#[track_caller]
fn assert_few_token_calls(app: &TestApp, since: Instant) {
    let allowed = 2 + since.elapsed().as_secs() / 10;
    let calls = app.sim.oauth().hits() as u64;
    assert!((2..=allowed).contains(&calls), "{calls} calls");
}

#[test]
fn a_token_that_is_revoked_is_replaced_and_the_request_tried_once_more() {
    let app = TestApp::start();
    assert_others_whole(&app.profile("c-1"), "");
    app.sim.oauth_settings().revoke_all();
    app.sim.users().clear();

    let reply = app.profile("c-2");
    assert_others_whole(&reply, "");
    assert_eq!(reply.source("genesys")["attempts"], 2);
    assert_eq!(app.sim.users().hits(), 2);
    assert_eq!(app.sim.oauth().hits(), 2);
}

#[test]
fn each_of_several_revocations_right_after_a_success_heals_within_one_request() {
    let app = two_sources("");
    for round in 0..5 {
        assert_came(&ask(&app, "user", "c-1"), "user", "ok", 1);
        app.sim.oauth_settings().revoke_all();
        assert_came(&ask(&app, "user", "c-2"), "user", "ok", 2);
        assert_eq!(app.sim.oauth().hits(), 2 + round);
    }
}

#[test]
fn a_revoked_token_costs_none_of_two_hundred_parallel_requests_its_answer() {
    let app = two_sources("max_connections = 400");
    assert_came(&ask(&app, "both", "c-1"), "user", "ok", 1);
    app.sim.oauth_settings().revoke_all();
    // Most of them are refused before the first one learns of it.
    app.sim.users().set_latency(Latency::Fixed(Duration::from_millis(500)));
    let replies = at_once(200, |number| ask(&app, "user", &format!("c-{number}")));
    let attempts = replies.iter().map(|reply| {
        assert_eq!(reply.outcome("user"), "ok", "{}", reply.text());
        reply.source("user")["attempts"].as_u64().expect("a number")
    });
    assert!(attempts.sum::<u64>() > 300, "they were refused");
    assert_eq!(app.sim.oauth().hits(), 2, "one for all of them");
}

#[test]
fn a_request_that_may_be_sent_only_once_is_sent_again_with_a_new_token() {
    let app = two_sources("retry = { max_attempts = 1 }");
    app.sim.oauth_settings().revoke_all();
    assert_came(&ask(&app, "user", "c-1"), "user", "ok", 2);
    // The attempt with the new token is the only one that is on top.
    app.sim.oauth_settings().revoke_all();
    app.sim.users().script([Behaviour::Normal, Behaviour::status(503)]);
    assert_came(&ask(&app, "user", "c-1"), "user", "upstream_error", 2);
}

#[test]
fn another_status_that_says_so_replaces_the_token_as_well() {
    let app = two_sources("refresh_on = [401, 403]");
    app.sim.users().script([Behaviour::status(403)]);
    assert_came(&ask(&app, "user", "c-1"), "user", "ok", 2);
    assert_eq!(app.sim.oauth().hits(), 2);
    // Where it is not configured, it is what it always was.
    let app = two_sources("");
    app.sim.users().script([Behaviour::status(403)]);
    assert_came(&ask(&app, "user", "c-1"), "user", "rejected", 1);
    assert_eq!(app.sim.oauth().hits(), 1);
}

#[test]
fn after_another_status_than_401_a_request_that_may_have_been_processed_is_not_sent_again() {
    for (idempotent, outcome, attempts) in [(false, "auth_failed", 1), (true, "ok", 2)] {
        let keys = format!("refresh_on = [401, 403]\nmethod = 'POST'\nidempotent = {idempotent}");
        let app = two_sources(&keys);
        app.sim.users().set_behaviour(Behaviour::json(200, &json!({})));
        app.sim.users().script([Behaviour::status(403)]);
        let reply = ask(&app, "user", "c-1");
        assert_came(&reply, "user", outcome, attempts);
        if outcome == "auth_failed" {
            assert_eq!(reply.source("user")["status"], 403, "the upstream's own");
        }
        eventually("the next one has another token", || app.sim.oauth().hits() == 2);
        assert_came(&ask(&app, "user", "c-1"), "user", "ok", 1);
    }
}

#[test]
fn the_attempt_with_a_new_token_takes_none_of_the_others_away() {
    let app = two_sources("retry = { max_attempts = 2, base = \"1ms\", cap = \"1ms\" }");
    app.sim.oauth_settings().revoke_all();
    app.sim.users().script([Behaviour::Normal, Behaviour::status(503)]);
    assert_came(&ask(&app, "user", "c-1"), "user", "ok", 3);
}

#[test]
fn a_source_that_refuses_every_token_costs_no_other_source_of_the_credential_anything() {
    let app = two_sources("");
    app.sim.users().set_behaviour_for(ROUTING, Behaviour::status(401));
    let began = Instant::now();
    for number in 0..100 {
        let reply = ask(&app, "both", &format!("c-{number}"));
        assert_came(&reply, "user", "ok", 1);
        let attempts = if number == 0 { 2 } else { 1 };
        assert_came(&reply, "routing", "auth_failed", attempts);
        let error = reply.source("routing")["error"].to_string();
        assert!(
            error.contains(
                "refused the token (401), as it did fresh ones of late; the next is fetched"
            ),
            "{error}"
        );
    }
    assert_few_token_calls(&app, began);
    // Operators see which source it is.
    let listed = app.admin_get("/v1/sources").json();
    let listed = listed["sources"].as_array().expect("a list");
    let ignored = |name: &str| {
        let source = listed.iter().find(|source| source["source"] == name).expect("it is listed");
        source["token_refusals_ignored_for_ms"].as_u64()
    };
    assert!(ignored("routing").is_some_and(|time| time <= 10_000), "{listed:?}");
    assert_eq!(ignored("user"), None);
}

/// One in ten of many requests at once is for an id that the upstream refuses, whatever the token.
#[track_caller]
fn one_id_in_ten_is_refused(action: &str, needle: &str, source: &str) {
    let app = two_sources("");
    app.sim.users().set_behaviour_for(needle, Behaviour::status(401));
    app.sim.users().set_latency(Latency::Fixed(Duration::from_millis(20)));
    let began = Instant::now();
    let threads = at_once(10, |thread| {
        let id = |round| if (thread + round) % 10 == 0 { "c-bad" } else { "c-good" };
        let asked = (0..40).map(|round| (id(round), ask(&app, action, id(round))));
        asked.collect::<Vec<_>>()
    });
    for (id, reply) in threads.iter().flatten() {
        let expected = if *id == "c-bad" { "auth_failed" } else { "ok" };
        assert_eq!(reply.outcome(source), expected, "{}", reply.text());
        assert!(action != "both" || reply.outcome("user") == "ok", "{}", reply.text());
    }
    assert_few_token_calls(&app, began);
}

#[test]
fn ids_that_are_refused_at_one_of_two_sources_cost_no_other_request_anything() {
    one_id_in_ten_is_refused("both", "c-bad/routingstatus", "routing");
}

#[test]
fn ids_that_are_refused_at_an_only_source_cost_no_other_request_anything() {
    one_id_in_ten_is_refused("user", "users/c-bad", "user");
}

#[test]
fn the_old_token_is_in_use_until_the_new_one_is_there() {
    let app = two_sources("");
    app.sim.users().set_behaviour_for("c-bad", Behaviour::status(401));
    app.sim.oauth().set_behaviour(Behaviour::Delay(Duration::from_secs(3)));
    std::thread::scope(|scope| {
        let refused = scope.spawn(|| ask(&app, "routing", "c-bad"));
        eventually("a new token is being fetched", || app.sim.oauth().in_progress() == 1);
        for source in ["user", "routing"] {
            let reply = ask(&app, source, "c-1");
            assert_came(&reply, source, "ok", 1);
            assert_between(reply.took, 0, 1_500);
        }
        assert_eq!(app.admin_get("/readyz").json()["warnings"], json!([]));
        assert_came(&refused.join().expect("no panic"), "routing", "auth_failed", 2);
    });
    assert_eq!(app.sim.oauth().hits(), 2);
}

#[test]
fn while_one_sources_refusals_do_not_count_another_one_heals_both_at_once() {
    let app = two_sources("");
    refuse_a_fresh_token(&app);
    app.sim.oauth_settings().revoke_all();
    assert_came(&ask(&app, "routing", "c-1"), "routing", "auth_failed", 1);
    assert_eq!(app.sim.oauth().hits(), 2, "its refusal does not count");
    assert_came(&ask(&app, "user", "c-1"), "user", "ok", 2);
    assert_came(&ask(&app, "routing", "c-1"), "routing", "ok", 1);
    assert_eq!(app.sim.oauth().hits(), 3);
}

#[test]
fn a_source_whose_refusals_did_not_count_heals_alone_when_that_time_is_over() {
    let app = two_sources("");
    refuse_a_fresh_token(&app);
    let began = Instant::now();
    app.sim.oauth_settings().revoke_all();
    eventually_within(Duration::from_secs(20), "the refusal counts again", || {
        let reply = ask(&app, "routing", "c-1");
        reply.outcome("routing") == "ok" || app.sim.oauth().hits() > 2
    });
    assert_between(began.elapsed(), 9_000, 20_000);
    assert_came(&ask(&app, "routing", "c-1"), "routing", "ok", 1);
    assert_eq!(app.sim.oauth().hits(), 3);
}

#[test]
fn a_new_token_that_comes_too_late_for_the_refused_request_heals_the_later_ones() {
    let app = two_sources("");
    app.sim.oauth_settings().revoke_all();
    app.sim.oauth().set_behaviour(Behaviour::Delay(Duration::from_secs(2)));
    let hurried = [("x-request-timeout-ms", "800")];
    let reply = app.post_with("/v1/actions/user", &hurried, br#"{"customerId": "c-1"}"#);
    assert_came(&reply, "user", "auth_failed", 1);
    eventually("the token is there", || tokens_received(&app) == 2);
    assert_came(&ask(&app, "user", "c-1"), "user", "ok", 1);
    app.sim.oauth_settings().revoke_all();
    assert_came(&ask(&app, "user", "c-1"), "user", "ok", 2);
    assert_eq!(app.sim.oauth().hits(), 3);
}

#[test]
fn while_no_token_replaces_the_refused_one_all_say_that_it_is_the_token_endpoint() {
    let app = two_sources("");
    app.sim.oauth_settings().revoke_all();
    app.sim.oauth().set_behaviour(Behaviour::json(401, &json!({"error": "invalid_client"})));
    let expected = "no other came: the token endpoint refused the client (401, invalid_client)";
    for round in 0..3 {
        let reply = ask(&app, "user", "c-1");
        assert_came(&reply, "user", "auth_failed", 1);
        let error = reply.source("user")["error"].to_string();
        assert!(error.contains(expected), "{round}: {error}");
    }
    let warning = format!("credential genesys: an upstream refused its token, and {expected}");
    assert_eq!(app.admin_get("/readyz").json()["warnings"], json!([warning]));
    eventually("it may be tried at once", || {
        app.admin_get("/v1/credentials").json()["credentials"][0]["next_try_in_ms"] == 0
    });
    app.sim.oauth().reset_behaviour();
    eventually("tokens are back", || ask(&app, "user", "c-1").outcome("user") == "ok");
    assert_eq!(app.admin_get("/readyz").json()["warnings"], json!([]));
}

#[test]
fn callers_who_do_not_wait_for_the_new_token_cause_no_token_call_each() {
    let app = two_sources("");
    app.sim.oauth().set_behaviour(Behaviour::Delay(Duration::from_millis(300)));
    app.sim.users().set_behaviour_for(ROUTING, Behaviour::status(401));
    let hurried = [("x-request-timeout-ms", "100")];
    for round in 0..6 {
        let reply = app.post_with("/v1/actions/routing", &hurried, br#"{"customerId": "c-1"}"#);
        assert_eq!(reply.outcome("routing"), "auth_failed", "{round}: {}", reply.text());
        // A token that is on its way has come before the next one is refused.
        let calls = app.sim.oauth().hits();
        eventually("its token is there", || tokens_received(&app) == calls as u64);
    }
    assert_eq!(app.sim.oauth().hits(), 3, "the first token, and two that were not waited for");
}

#[test]
fn a_source_that_is_configured_anew_begins_afresh() {
    let app = two_sources("");
    refuse_a_fresh_token(&app);
    let users = app.sim.users().base_url();
    let only_source = format!(
        "[sources.routing]\nurl = \"{users}/api/v2/users/{{customerId}}\"\ncredential = \"genesys\"\n\
         [actions.routing]\nsources = [\"routing\"]\n\
         [actions.routing.inputs]\ncustomerId = {{ type = \"string\", required = true }}\n"
    );
    assert_eq!(app.reload(&only_source).status, 200);
    app.sim.oauth_settings().revoke_all();
    assert_came(&ask(&app, "routing", "c-1"), "routing", "ok", 2);
    assert_eq!(app.sim.oauth().hits(), 3);
}

#[test]
fn a_source_without_a_credential_knows_nothing_of_tokens() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::status(401));
    assert_eq!(app.profile("c-1").source("crm")["status"], json!(401));
    assert_eq!(app.profile("c-1").outcome("crm"), "rejected");
    assert_eq!(app.sim.oauth().hits(), 1);
}
