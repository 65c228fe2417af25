//! The circuit breaker: a source that keeps failing is left alone, and tried again carefully.

use std::time::{Duration, Instant};

use serde_json::Value;
use tributary::simulator::Behaviour;

use crate::checks::{assert_others_whole, assert_whole, at_once};
use crate::harness::{TestApp, assert_between, eventually};

const BREAKER: &str = r#"
[sources.crm]
retry = { max_attempts = 1 }
breaker = { window = "10s", min_requests = 5, failure_ratio = 0.5, open_for = "300ms", max_open_for = "1s" }
"#;

fn breaker(app: &TestApp) -> Value {
    let sources = app.admin_get("/v1/sources").json();
    let crm = sources["sources"].as_array().expect("a list").iter().find(|s| s["source"] == "crm");
    crm.expect("it is listed")["breaker"].clone()
}

fn state(app: &TestApp) -> String {
    breaker(app)["state"].as_str().expect("a word").to_owned()
}

/// Fails until the circuit is open.
fn open(app: &TestApp) {
    app.sim.crm().set_behaviour(Behaviour::status(500));
    for _ in 0..5 {
        assert_eq!(app.profile("c-1").outcome("crm"), "upstream_error");
    }
}

#[test]
fn it_opens_after_failures_and_then_answers_at_once() {
    let app = TestApp::start_with(&BREAKER.replace("300ms", "1m").replace("\"1s\"", "\"1m\""));
    assert_eq!(breaker(&app)["probe_in_ms"], Value::Null);
    open(&app);
    assert_eq!(state(&app), "open");
    let probe_in = breaker(&app)["probe_in_ms"].as_u64().expect("a number");
    // A tenth more or less, so that replicas do not come back together.
    assert!((1..=66_000).contains(&probe_in), "{probe_in}");
    for reply in at_once(10, |number| app.profile(&format!("c-{number}"))) {
        assert_eq!(reply.outcome("crm"), "circuit_open");
        assert_eq!(reply.source("crm")["attempts"], 0);
        assert_between(reply.took, 0, 1_500);
        assert_others_whole(&reply, "crm");
    }
    assert_eq!(app.sim.crm().hits(), 5, "both workers leave it alone");
}

#[test]
fn while_it_is_open_the_answer_takes_next_to_no_time() {
    let app = TestApp::start_with(&BREAKER.replace("300ms", "1m").replace("\"1s\"", "\"1m\""));
    open(&app);
    app.sim.crm().set_behaviour(Behaviour::Hang);
    let mut latencies: Vec<_> = (0..40)
        .map(|_| {
            let part = app.profile("c-1").source("crm");
            assert_eq!(part["outcome"], "circuit_open");
            part["latency_ms"].as_u64().expect("a number")
        })
        .collect();
    latencies.sort_unstable();
    // A busy machine may delay single ones.
    assert!(latencies[30] < 5, "{latencies:?}");
}

#[test]
fn each_probe_that_fails_makes_the_next_one_wait_twice_as_long() {
    let app = TestApp::start_with(&BREAKER.replace("\"1s\"", "\"1m\"").replace("300ms", "200ms"));
    open(&app);
    for probes in 1..=4 {
        eventually("a probe was let through", || {
            app.profile("c-1");
            app.sim.crm().hits() == 5 + probes
        });
    }
    let calls = app.sim.crm().received();
    // The jitter is ten per cent; how late a probe comes is up to the requests.
    for (pair, least_ms) in calls[4..].windows(2).zip([180, 360, 720, 1_440]) {
        assert_between(pair[1].at - pair[0].at, least_ms, 2 * least_ms + 300);
    }
}

#[test]
fn under_load_there_is_one_probe_at_a_time_over_both_workers() {
    // A probe that takes longer than `open_for` counts as lost: far longer than it takes.
    let app =
        TestApp::start_with(&BREAKER.replace("300ms", "500ms").replace("\"1s\"", "\"500ms\""));
    app.sim.users_settings().announce_rate_limit(1_000_000);
    open(&app);
    app.sim.crm().set_behaviour(Behaviour::status(500).after(Duration::from_millis(30)));
    eventually("its time is over", || state(&app) == "half_open");
    app.sim.crm().clear();
    at_once(12, |worker| {
        let began = Instant::now();
        while app.sim.crm().hits() < 3 && began.elapsed() < Duration::from_secs(20) {
            app.profile(&format!("c-{worker}"));
        }
    });
    let counts = app.sim.crm().counts();
    assert!(counts.hits >= 3, "{counts:?}");
    assert_eq!(counts.peak_in_progress, 1, "{counts:?}");
}

#[test]
fn every_kind_of_trouble_opens_it() {
    let quick = BREAKER.replace("300ms", "1m").replace("\"1s\"", "\"1m\"");
    for trouble in [Behaviour::status(503), Behaviour::Reset, Behaviour::Close, Behaviour::Hang] {
        let app = TestApp::start_with(&format!("{quick}timeout = \"50ms\""));
        app.sim.crm().set_behaviour(trouble.clone());
        for _ in 0..5 {
            assert_ne!(app.profile("c-1").outcome("crm"), "circuit_open", "{trouble:?}");
        }
        assert_eq!(app.profile("c-1").outcome("crm"), "circuit_open", "{trouble:?}");
    }
}

#[test]
fn one_probe_at_a_time_decides_and_success_closes_it() {
    let app = TestApp::start_with(BREAKER);
    open(&app);
    eventually("its time is over", || state(&app) == "half_open");
    app.sim.crm().clear();
    app.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_millis(200)));
    let replies = at_once(10, |number| app.profile(&format!("c-{number}")));
    let probes = replies.iter().filter(|reply| reply.outcome("crm") == "ok").count();
    let refused = replies.iter().filter(|reply| reply.outcome("crm") == "circuit_open").count();
    // A request that came after the probe's end finds the circuit closed.
    assert!(probes >= 1 && probes + refused == 10, "{probes} probes, {refused} refused");
    assert_eq!(app.sim.crm().hits(), probes);
    assert_eq!(state(&app), "closed");
    app.sim.crm().reset_behaviour();
    for reply in at_once(5, |number| app.profile(&format!("c-{number}"))) {
        assert_whole(&reply, "crm");
    }
}

#[test]
fn while_a_probe_is_under_way_there_is_no_second_one() {
    let app = TestApp::start_with(&BREAKER.replace("300ms", "800ms"));
    open(&app);
    eventually("its time is over", || state(&app) == "half_open");
    app.sim.crm().set_behaviour_for("probe", Behaviour::Delay(Duration::from_millis(300)));
    std::thread::scope(|scope| {
        let probe = scope.spawn(|| app.profile("probe"));
        eventually("the probe is under way", || app.sim.crm().in_progress() == 1);
        assert_eq!(app.profile("c-1").outcome("crm"), "circuit_open");
        assert_whole(&probe.join().expect("no panic"), "crm");
    });
}

#[test]
fn a_probe_that_fails_opens_it_again() {
    let app = TestApp::start_with(&BREAKER.replace("\"1s\"", "\"1m\"").replace("300ms", "500ms"));
    open(&app);
    eventually("its time is over", || state(&app) == "half_open");
    assert_eq!(app.profile("c-1").outcome("crm"), "upstream_error");
    assert_eq!(app.profile("c-1").outcome("crm"), "circuit_open");
    assert_eq!(app.sim.crm().hits(), 6);
}

#[test]
fn definite_answers_and_refusals_never_open_it() {
    for status in [404, 400, 401, 403, 409, 422, 302] {
        let app = TestApp::start_with(BREAKER);
        app.sim.crm().set_behaviour(Behaviour::status(status));
        for _ in 0..12 {
            app.profile("c-1");
        }
        assert_eq!(app.sim.crm().hits(), 12, "{status}");
        assert_eq!(state(&app), "closed", "{status}");
    }
}

#[test]
fn our_own_refusals_never_open_it() {
    let limit = "rate_limit = { requests = 1, per = \"1h\", max_wait = \"0s\" }\n";
    let app = TestApp::start_with(&format!("{BREAKER}{limit}"));
    let outcomes: Vec<_> = (0..12).map(|_| app.profile("c-1").outcome("crm")).collect();
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "rate_limited").count(), 11);
    assert_eq!(state(&app), "closed");

    let app = TestApp::start_with(&format!("{BREAKER}max_in_flight = 1\n"));
    app.sim.users_settings().announce_rate_limit(1_000_000);
    app.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_millis(400)));
    let replies = at_once(12, |number| app.profile(&format!("c-{number}")));
    let full = replies.iter().filter(|reply| reply.outcome("crm") == "overloaded").count();
    assert!(full >= 5, "{full}");
    assert_eq!(state(&app), "closed");
}

#[test]
fn callers_in_a_hurry_do_not_open_it() {
    let app = TestApp::start_with(BREAKER);
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    app.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_millis(400)));
    let body = br#"{"customerId": "c-1", "externalApiKey": "k"}"#;
    for _ in 0..8 {
        let hurry = [("x-request-timeout-ms", "50")];
        let reply = app.post_with(crate::harness::PROFILE, &hurry, body);
        assert_eq!(reply.outcome("crm"), "timeout");
    }
    assert_eq!(state(&app), "closed");
    assert_whole(&app.profile("c-1"), "crm");
}
