//! The life of a token: fetched once for everybody, renewed ahead of its end.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use tributary::simulator::{Behaviour, Options, Reply, Simulator};

use crate::checks::{assert_others_whole, at_once, tokens_received};
use crate::harness::{TestApp, assert_between, eventually};

/// The token that the users API was last asked with.
fn token_used(app: &TestApp) -> String {
    let call = app.sim.users().last_received().expect("a call");
    call.header("authorization").expect("a token").to_owned()
}

#[test]
fn two_hundred_cold_requests_need_one_token_call() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.users_settings().announce_rate_limit(1_000_000);
    sim.oauth().set_behaviour(Behaviour::Delay(Duration::from_millis(300)));
    let app = TestApp::start_on(sim, "[actions.customer_profile]\ndeadline = \"20s\"");
    let replies = at_once(200, |number| app.profile(&format!("c-{number}")));
    for reply in replies {
        assert_others_whole(&reply, "");
    }
    assert_eq!(app.sim.oauth().hits(), 1);
}

#[test]
fn the_token_is_fetched_before_the_first_request() {
    let app = TestApp::start();
    eventually("a token was issued", || app.sim.oauth_settings().issued() == 1);
    eventually("it is ready", || app.admin_get("/readyz").status == 200);
    app.profile("c-1");
    assert_eq!(app.sim.oauth().hits(), 1);
}

#[test]
fn a_token_is_renewed_before_its_end_while_nobody_waits() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.oauth_settings().set_expires_in(4);
    let app = TestApp::start_on(sim, "[credentials.genesys]\nrefresh_before_expiry = \"1500ms\"");
    eventually("it is renewed", || tokens_received(&app) == 2);
    let calls = app.sim.oauth().received();
    assert_between(calls[1].at - calls[0].at, 2_500, 3_500);
    // The next renewal does not come in time for anybody to wait for it.
    app.sim.oauth().set_behaviour(Behaviour::Hang);
    let reply = app.profile("c-1");
    assert_others_whole(&reply, "");
    assert_eq!(reply.source("genesys")["attempts"], 1);
    assert!(token_used(&app).starts_with("Bearer sim-token-2-"));
}

#[test]
fn a_refresh_that_fails_keeps_the_token_that_is_still_valid() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    // Shorter than twice the margin: it is renewed at half its life.
    sim.oauth_settings().set_expires_in(6);
    let app = TestApp::start_on(sim, "[credentials.genesys]\nrefresh_before_expiry = \"60s\"");
    assert_others_whole(&app.profile("c-1"), "");
    let token = token_used(&app);
    app.sim.oauth().set_behaviour(Behaviour::status(503));
    eventually("a refresh has failed", || app.sim.oauth().hits() >= 2);

    let reply = app.profile("c-2");
    assert_others_whole(&reply, "");
    assert_eq!(token_used(&app), token);
    let seen = app.admin_get("/v1/credentials").json();
    assert_eq!(seen["credentials"][0]["has_token"], true);
    eventually("the failure and the next try are shown", || {
        let seen = app.admin_get("/v1/credentials").json();
        let seen = &seen["credentials"][0];
        seen["failures"].as_u64() >= Some(1)
            && seen["last_failure"].is_string()
            && seen["next_try_in_ms"].as_u64().is_some_and(|wait| wait <= 30_000)
    });
    // Once the endpoint is back, a new token comes by itself.
    app.sim.oauth().reset_behaviour();
    let before = tokens_received(&app);
    eventually("the token is renewed", || tokens_received(&app) > before);
}

#[test]
fn a_client_in_the_header_is_form_encoded_first() {
    let (id, secret) = ("client:1", ":%+&= ü");
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.oauth_settings().set_client(id, secret);
    let app = TestApp::start_on(
        sim,
        &format!("[credentials.genesys]\nclient_id = \"{id}\"\nclient_secret = \"{secret}\""),
    );
    assert_others_whole(&app.profile("c-1"), "");
    let call = app.sim.oauth().last_received().expect("a token call");
    let expected = format!("Basic {}", BASE64.encode("client%3A1:%3A%25%2B%26%3D+%C3%BC"));
    assert_eq!(call.header("authorization"), Some(expected.as_str()));
    assert_eq!(call.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(call.header("accept"), Some("application/json"));
    let body = String::from_utf8(call.body).expect("ASCII");
    assert_eq!(body, "grant_type=client_credentials&scope=users%3Areadonly");
}

#[test]
fn a_client_in_the_form_is_nowhere_else() {
    let (id, secret) = ("client:1", ":%+&= ü");
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.oauth_settings().set_client(id, secret);
    let app = TestApp::start_on(
        sim,
        &format!(
            "[credentials.genesys]\nclient_id = \"{id}\"\nclient_secret = \"{secret}\"\n\
             client_auth = \"form\"\nscopes = [\"users:readonly\", \"routing\"]"
        ),
    );
    assert_others_whole(&app.profile("c-1"), "");
    let call = app.sim.oauth().last_received().expect("a token call");
    assert_eq!(call.header("authorization"), None);
    assert_eq!(
        String::from_utf8(call.body).expect("ASCII"),
        "grant_type=client_credentials&scope=users%3Areadonly+routing&client_id=client%3A1\
         &client_secret=%3A%25%2B%26%3D+%C3%BC"
    );
}

#[test]
fn a_late_answer_never_replaces_a_newer_token() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.oauth_settings().accept_anyone();
    let named = |name: &str| {
        Reply::json(200, &json!({"access_token": name, "token_type": "bearer", "expires_in": 3600}))
    };
    let late = Behaviour::Reply(named("late")).after(Duration::from_millis(1_200));
    sim.oauth().script([late, Behaviour::Reply(named("newer"))]);
    let app = TestApp::start_on(sim, "[credentials.genesys]\ntimeout = \"300ms\"");
    eventually("there is a token", || app.profile("c-1").outcome("genesys") == "ok");
    assert_eq!(token_used(&app), "Bearer newer");
    eventually("the late answer is over", || app.sim.oauth().in_progress() == 0);
    let first = app.sim.oauth().received()[0].at;
    eventually("its time has come", || first.elapsed() > Duration::from_millis(1_500));
    assert_others_whole(&app.profile("c-2"), "");
    assert_eq!((token_used(&app).as_str(), app.sim.oauth().hits()), ("Bearer newer", 2));
    let seen = app.admin_get("/v1/credentials").json();
    assert_eq!(seen["credentials"][0]["generation"], 1);
}

#[test]
fn there_is_never_more_than_one_token_call_at_a_time() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.users_settings().announce_rate_limit(1_000_000);
    sim.oauth().set_behaviour(Behaviour::Delay(Duration::from_millis(150)));
    let app = TestApp::start_on(sim, "[actions.customer_profile]\ndeadline = \"20s\"");
    for round in 0..3 {
        // They ask while a call is under way, and while tokens are refused.
        at_once(30, |number| app.profile(&format!("c-{round}-{number}")));
        app.sim.oauth_settings().revoke_all();
    }
    assert!(app.sim.oauth().hits() >= 2);
    assert_eq!(app.sim.oauth().peak_in_progress(), 1);
}
