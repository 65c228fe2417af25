//! A token endpoint that fails: what requests without a token get, how often it is asked, and when
//! the service is ready all the same.

use std::time::{Duration, Instant};

use serde_json::json;
use tributary::simulator::{Behaviour, Options, Reply, Simulator};

use crate::checks::{assert_others_whole, at_once};
use crate::harness::{TestApp, assert_between, eventually};

/// The service with a token endpoint that does this from the start.
fn app_with(behaviour: impl Into<Behaviour>, overrides: &str) -> TestApp {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.users_settings().announce_rate_limit(1_000_000);
    sim.oauth().set_behaviour(behaviour);
    TestApp::start_on(sim, overrides)
}

/// What `/readyz` warns of once it says that the service is ready.
#[track_caller]
fn warnings_when_ready(app: &TestApp) -> Vec<String> {
    eventually("it is ready", || app.admin_get("/readyz").status == 200);
    let ready = app.admin_get("/readyz").json();
    assert_eq!((&ready["ready"], &ready["reasons"]), (&json!(true), &json!([])), "{ready}");
    let warnings = ready["warnings"].as_array().expect("a list").iter();
    warnings.map(|warning| warning.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn it_is_ready_once_each_credential_has_been_tried_and_says_why_it_is_not() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.oauth().set_behaviour(Behaviour::status(503).after(Duration::from_secs(1)));
    let app = TestApp::start_on(sim, "");
    let starting = app.admin_get("/readyz");
    assert_eq!((starting.status, starting.json()["ready"].as_bool()), (503, Some(false)));
    let reasons = starting.json()["reasons"].to_string();
    assert!(reasons.contains("credential genesys: its first token"), "{reasons}");
    assert_eq!(app.admin_get("/livez").status, 200);
    // A token endpoint that fails is no reason: the other sources can be asked.
    let expected = "credential genesys: no token: the token endpoint answered 503";
    assert_eq!(warnings_when_ready(&app), [expected]);
    let seen = app.admin_get("/v1/credentials").json();
    assert_eq!(seen["credentials"][0]["has_token"], false, "{seen}");
    // Nobody has to ask for the token once the endpoint is back.
    app.sim.oauth().reset_behaviour();
    eventually("the warning is gone", || app.admin_get("/readyz").json()["warnings"] == json!([]));
    assert_others_whole(&app.profile("c-1"), "");
}

#[test]
fn a_client_that_is_refused_is_warned_of_and_costs_no_request_any_time() {
    let body = json!({"error": "invalid_client"});
    let app = app_with(Behaviour::json(401, &body), "");
    let expected = "no token: the token endpoint refused the client (401, invalid_client)";
    assert_eq!(warnings_when_ready(&app), [format!("credential genesys: {expected}")]);
    for customer in ["c-1", "c-2"] {
        let reply = app.profile(customer);
        let error = reply.source("genesys")["error"].to_string();
        assert!(error.contains(expected), "{error}");
        assert_between(reply.took, 0, 1_000);
    }
}

#[test]
fn a_token_endpoint_without_an_answer_holds_readiness_up_for_its_timeout_and_then_no_request() {
    let app = app_with(
        Behaviour::Hang,
        "[credentials.genesys]\ntimeout = \"2500ms\"\n\
         [actions.customer_profile]\ndeadline = \"1s\"\n",
    );
    let began = Instant::now();
    let starting = app.admin_get("/readyz").json();
    assert_eq!(starting["reasons"], json!(["credential genesys: its first token is on its way"]));
    let [warning] = warnings_when_ready(&app).try_into().expect("one warning");
    assert!(warning.starts_with("credential genesys: "), "{warning}");
    assert_between(began.elapsed(), 1_500, 6_000);
    eventually("the warning says why", || {
        let ready = app.admin_get("/readyz");
        ready.status == 200
            && ready.text().contains("no token: the token endpoint cannot be reached")
    });
    // The next try, which hangs as well, would not end before the deadline.
    let tries = app.sim.oauth().hits();
    eventually("it is tried again", || {
        let reply = app.profile("c-1");
        assert_eq!(reply.outcome("genesys"), "auth_failed");
        assert_others_whole(&reply, "genesys");
        assert_between(reply.took, 0, 900);
        app.sim.oauth().hits() > tries
    });
    app.sim.oauth().reset_behaviour();
    eventually("tokens are back", || app.profile("c-1").outcome("genesys") == "ok");
}

#[test]
fn a_service_that_is_in_use_stays_ready_when_a_reload_brings_a_credential() {
    let app = app_with(Behaviour::Normal, "");
    assert_eq!(warnings_when_ready(&app), Vec::<String>::new());
    app.sim.oauth().set_behaviour(Behaviour::Hang);
    assert_eq!(app.reload("[credentials.genesys]\nclient_id = \"another\"\n").status, 200);
    let ready = app.admin_get("/readyz");
    assert_eq!(ready.status, 200, "{}", ready.text());
    let expected = json!(["credential genesys: its first token is on its way"]);
    assert_eq!(ready.json()["warnings"], expected);
}

#[test]
fn a_token_endpoint_that_is_down_is_not_hammered_and_comes_back() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.oauth().set_behaviour(Behaviour::status(503));
    let app = TestApp::start_on(sim, "[actions.customer_profile]\ndeadline = \"1s\"");
    for reply in at_once(100, |number| app.profile(&format!("c-{number}"))) {
        assert_eq!(reply.outcome("genesys"), "auth_failed");
        let error = reply.source("genesys")["error"].to_string();
        assert!(error.contains("no token: the token endpoint answered 503"), "{error}");
        assert_others_whole(&reply, "genesys");
    }
    // Tries at 0, 250, 750 and 1750 ms at the most; a busy machine may have taken longer.
    let hits = app.sim.oauth().hits();
    assert!((1..=5).contains(&hits), "{hits}");
    assert_eq!(app.sim.users().hits(), 0);

    app.sim.oauth().reset_behaviour();
    eventually("tokens are back", || app.profile("c-1").outcome("genesys") == "ok");
}

#[test]
fn a_token_endpoint_that_asks_for_a_pause_gets_it() {
    for status in [429, 503] {
        let sim = Simulator::start(Options::default()).expect("loopback has ports");
        sim.oauth().script([Reply::status(status).with_header("retry-after", "2")]);
        let app = TestApp::start_on(sim, "[actions.customer_profile]\ndeadline = \"1s\"");
        eventually("it was asked", || app.sim.oauth().hits() == 1);
        let reply = app.profile("c-1");
        assert_eq!(reply.outcome("genesys"), "auth_failed");
        let error = reply.source("genesys")["error"].to_string();
        assert!(error.contains(&format!("the token endpoint answered {status}")), "{error}");
        assert_others_whole(&reply, "genesys");
        assert_between(reply.took, 0, 900);
        eventually("tokens are back", || app.profile("c-1").outcome("genesys") == "ok");
        let calls = app.sim.oauth().received();
        assert_eq!(calls.len(), 2, "nobody asked in between");
        assert_between(calls[1].at - calls[0].at, 2_000, 3_500);
    }
}

#[test]
fn after_an_outage_the_first_success_comes_within_about_a_second() {
    let outages = [Behaviour::status(503), Behaviour::Reset];
    at_once(outages.len(), |which| {
        let app = app_with(outages[which].clone(), "");
        let began = Instant::now();
        // As long as pauses that double would take to be 4 s long.
        let mut last = app.profile("c-1");
        while began.elapsed() < Duration::from_millis(4_200) {
            last = app.profile("c-1");
            assert_eq!(last.outcome("genesys"), "auth_failed");
        }
        // It waited for one try, not until its deadline of 3 s.
        assert_between(last.took, 0, 1_900);
        app.sim.oauth().reset_behaviour();
        let back = Instant::now();
        eventually("tokens are back", || app.profile("c-1").outcome("genesys") == "ok");
        assert_between(back.elapsed(), 0, 2_000);
        assert_eq!(app.sim.oauth().peak_in_progress(), 1);
    });
}

#[test]
fn the_first_success_serves_all_who_wait() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.users_settings().announce_rate_limit(1_000_000);
    sim.oauth().script((0..5).map(|_| Behaviour::status(500)));
    let app = TestApp::start_on(sim, "[actions.customer_profile]\ndeadline = \"20s\"");
    for reply in at_once(50, |number| app.profile(&format!("c-{number}"))) {
        assert_others_whole(&reply, "");
    }
    let calls = app.sim.oauth().received();
    assert_eq!((calls.len(), app.sim.oauth().peak_in_progress()), (6, 1));
    for (pair, pause) in calls.windows(2).zip([250, 500, 1_000, 1_000, 1_000]) {
        assert_between(pair[1].at - pair[0].at, pause - 5, pause + 700);
    }
}

#[test]
fn an_endpoint_that_says_429_is_left_alone_longer_and_longer_although_requests_wait() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.oauth().script((0..4).map(|_| Behaviour::status(429)));
    let app = TestApp::start_on(sim, "[actions.customer_profile]\ndeadline = \"20s\"");
    assert_others_whole(&app.profile("c-1"), "");
    let calls = app.sim.oauth().received();
    for (pair, pause) in calls.windows(2).zip([250, 500, 1_000, 2_000]) {
        assert_between(pair[1].at - pair[0].at, pause - 5, pause + 700);
    }
}
