//! The rate limit of a source: one for the whole process, fair, and never waited for in vain.

use std::time::{Duration, Instant};

use tributary::simulator::{Behaviour, Reply, Upstream};

use crate::checks::{assert_others_whole, at_once, profile_with_key};
use crate::harness::{TestApp, assert_between, eventually};

fn limited(limit: &str) -> TestApp {
    let app = TestApp::start_with(&format!(
        "[sources.crm]\nrate_limit = {{ {limit} }}\n[actions.customer_profile]\ndeadline = \"20s\""
    ));
    app.sim.users_settings().set_rate_limit(1_000_000, false);
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    app
}

fn moments(upstream: &Upstream) -> Vec<Instant> {
    upstream.received().iter().map(|call| call.at).collect()
}

#[test]
fn both_workers_share_one_limit() {
    let app = limited("requests = 20, per = \"1s\", burst = 5, max_wait = \"10s\"");
    let began = Instant::now();
    for reply in at_once(35, |number| app.profile(&format!("c-{number}"))) {
        assert_others_whole(&reply, "");
    }
    let calls = moments(app.sim.crm());
    assert_eq!(calls.len(), 35);
    // 5 at once, and one each 50 ms after that.
    for (number, call) in (1..).zip(&calls[5..]) {
        let earliest = Duration::from_millis(50) * number;
        assert!(*call - began >= earliest, "call {number} after the burst: {:?}", *call - began);
    }
    assert_between(calls[34] - began, 1_500, 4_000);
}

#[test]
fn permits_are_given_in_order_of_arrival() {
    let app = limited("requests = 20, per = \"1s\", burst = 1, max_wait = \"10s\"");
    app.profile("first");
    std::thread::scope(|scope| {
        for number in 0..12 {
            let app = &app;
            scope.spawn(move || app.profile(&format!("c-{number:02}")));
            // The CRM's line is joined in the same moment in which the orders system is asked.
            eventually("the request is under way", || app.sim.orders().hits() == number + 2);
        }
    });
    let asked: Vec<_> =
        app.sim.crm().received().iter().filter_map(|call| call.query("id")).collect();
    let mut sorted = asked.clone();
    sorted[1..].sort();
    assert_eq!(asked, sorted);
    assert_eq!(asked.len(), 13);
}

#[test]
fn a_wait_beyond_max_wait_is_refused_at_once() {
    let app = limited("requests = 1, per = \"10s\", burst = 2, max_wait = \"5s\"");
    let replies = at_once(10, |number| app.profile(&format!("c-{number}")));
    let refused: Vec<_> =
        replies.iter().filter(|reply| reply.outcome("crm") == "rate_limited").collect();
    assert_eq!(refused.len(), 8);
    for reply in refused {
        assert_between(reply.took, 0, 1_500);
        let error = reply.source("crm")["error"].to_string();
        assert!(error.contains("the source's rate limit has no room for another"), "{error}");
        assert_others_whole(reply, "crm");
    }
    assert_eq!(app.sim.crm().hits(), 2);
}

#[test]
fn a_wait_beyond_the_deadline_is_refused_at_once() {
    let app = TestApp::start_with(
        "[sources.crm]\nrate_limit = { requests = 1, per = \"1h\", max_wait = \"1h\" }",
    );
    assert_eq!(app.profile("c-1").outcome("crm"), "ok");
    let reply = app.profile("c-2");
    assert_between(reply.took, 0, 1_500);
    assert_eq!(reply.outcome("crm"), "rate_limited");
}

#[test]
fn a_limit_for_each_key_leaves_other_keys_alone() {
    let key = "key = \"{externalApiKey}\", max_wait = \"0s\"";
    let app = limited(&format!("requests = 2, per = \"1h\", burst = 2, {key}"));
    let outcomes = |key: &str| -> Vec<_> {
        (0..3).map(|_| profile_with_key(&app, "c-1", key).outcome("crm")).collect()
    };
    assert_eq!(outcomes("key-a"), ["ok", "ok", "rate_limited"]);
    assert_eq!(outcomes("key-b"), ["ok", "ok", "rate_limited"]);
    assert_eq!(app.sim.crm().hits(), 4);
}

#[test]
fn a_retry_after_holds_everybody_back() {
    let app = TestApp::start_with(
        "[sources.crm]\nretry = { max_attempts = 1 }\n\
         [actions.customer_profile]\ndeadline = \"20s\"",
    );
    app.sim.crm().script([Reply::status(429).with_header("retry-after", "1")]);
    assert_eq!(app.profile("c-0").outcome("crm"), "rate_limited");
    for reply in at_once(6, |number| app.profile(&format!("c-{number}"))) {
        assert_others_whole(&reply, "");
    }
    let calls = moments(app.sim.crm());
    assert_eq!(calls.len(), 7);
    let first_after = calls[1..].iter().min().expect("there are some");
    // It is counted from when the reply was read, which is after the call was received.
    assert_between(*first_after - calls[0], 1_000, 2_500);
}

#[test]
fn a_pause_that_ends_too_late_is_refused_at_once_without_a_call() {
    let app = TestApp::start();
    app.sim.crm().script([Reply::status(429).with_header("retry-after", "60")]);
    assert_eq!(app.profile("c-1").outcome("crm"), "rate_limited");
    for reply in at_once(4, |_| app.profile("c-2")) {
        assert_between(reply.took, 0, 1_500);
        let error = reply.source("crm")["error"].to_string();
        assert!(error.contains("the upstream asked for a pause of another"), "{error}");
        assert_others_whole(&reply, "crm");
    }
    assert_eq!(app.sim.crm().hits(), 1);
}

#[test]
fn a_pause_for_one_key_leaves_other_keys_alone() {
    let app = limited("requests = 1000, per = \"1s\", key = \"{externalApiKey}\"");
    app.sim.crm().script([Reply::status(429).with_header("retry-after", "60")]);
    assert_eq!(profile_with_key(&app, "c-1", "key-a").outcome("crm"), "rate_limited");
    assert_eq!(profile_with_key(&app, "c-1", "key-a").outcome("crm"), "rate_limited");
    assert_eq!(profile_with_key(&app, "c-1", "key-b").outcome("crm"), "ok");
    assert_eq!(app.sim.crm().hits(), 2);
}

#[test]
fn an_upstreams_budget_that_is_used_up_is_believed() {
    let app = TestApp::start();
    let used_up = Reply::json(200, &serde_json::json!({"account": {"id": "c-1"}}))
        .with_header("x-ratelimit-limit", "100")
        .with_header("x-ratelimit-remaining", "0")
        .with_header("x-ratelimit-reset", "60");
    app.sim.crm().set_behaviour(Behaviour::Reply(used_up));
    assert_others_whole(&app.profile("c-1"), "");
    let reply = app.profile("c-1");
    assert_eq!(reply.outcome("crm"), "rate_limited");
    assert_eq!(app.sim.crm().hits(), 1);
}
