//! The rate limit of a source: one for the whole process, fair, and never waited for in vain.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Reply, Upstream};

use crate::checks::{assert_others_whole, at_once, profile_with_key};
use crate::harness::{HeldPort, TestApp, assert_between, eventually};

fn limited(limit: &str) -> TestApp {
    let app = TestApp::start_with(&format!(
        "[sources.crm]\nrate_limit = {{ {limit} }}\n[actions.customer_profile]\ndeadline = \"20s\""
    ));
    app.sim.users_settings().announce_rate_limit(1_000_000);
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    app
}

fn moments(upstream: &Upstream) -> Vec<Instant> {
    upstream.received().iter().map(|call| call.at).collect()
}

/// The most calls in any second, as far as a test can tell: an upstream's thread that has no processor
/// for a while reads a request late and the next ones soon after, so some of the second is left out.
fn most_in_a_second(calls: &[Instant]) -> usize {
    let time = Duration::from_millis(700);
    let is_within = |from: Instant, at: Instant| (from..from + time).contains(&at);
    let within = |from: Instant| calls.iter().filter(|at| is_within(from, **at)).count();
    calls.iter().map(|first| within(*first)).max().unwrap_or(0)
}

#[test]
fn the_limit_is_used_and_never_exceeded_in_any_second() {
    let app = limited("requests = 50, per = \"1s\", max_wait = \"10s\"");
    at_once(40, |caller| {
        while app.sim.crm().hits() < 200 {
            assert_others_whole(&app.profile(&format!("c-{caller}")), "");
        }
    });
    let calls = moments(app.sim.crm());
    let most = most_in_a_second(&calls);
    assert!(most <= 50, "{most}");
    // Over more of them, what a test cannot tell of one second is seen.
    for (first, later) in calls.iter().zip(calls.iter().skip(150)) {
        let apart = *later - *first;
        assert!(apart >= Duration::from_millis(2_700), "151 calls within {apart:?}");
    }
    let end = calls[0] + Duration::from_secs(3);
    let used = calls.iter().filter(|at| **at < end).count();
    assert!(used >= 48 * 3, "{used} in the first three seconds");
}

#[test]
fn after_a_rest_the_whole_limit_goes_at_once() {
    let app = limited("requests = 300, per = \"1m\", max_wait = \"0s\"");
    for reply in at_once(50, |number| app.profile(&format!("c-{number}"))) {
        assert_others_whole(&reply, "");
    }
    let metrics = app.admin_get("/metrics").text();
    assert!(!metrics.contains("tributary_rate_limit_wait_seconds_count"), "nobody waits");
}

#[test]
fn requests_count_from_when_they_leave_not_from_when_they_may() {
    // One connection for all, and the first answer takes half a second: nine of ten calls leave half a
    // second after they got their permits.
    let app = TestApp::start_with(
        "[server]\nworkers = 1\n[actions.customer_profile]\ndeadline = \"20s\"\n\
         [sources.crm]\nmax_connections = 1\n\
         rate_limit = { requests = 10, per = \"1s\", max_wait = \"10s\" }",
    );
    app.sim.users_settings().announce_rate_limit(1_000_000);
    app.sim.crm().script([Behaviour::Delay(Duration::from_millis(500))]);
    for reply in at_once(30, |number| app.profile(&format!("c-{number}"))) {
        assert_others_whole(&reply, "");
    }
    let calls = moments(app.sim.crm());
    assert_eq!(calls.len(), 30);
    let most = most_in_a_second(&calls);
    assert!(most <= 10, "{most}");
}

#[test]
fn a_request_that_could_not_be_sent_leaves_its_permit_to_the_next() {
    let port = HeldPort::new();
    let app = TestApp::start_with(&format!(
        "[sources.crm]\nurl = \"{}/v2/accounts\"\nretry = {{ budget_min_per_second = 1000 }}\n\
         rate_limit = {{ requests = 1, per = \"1h\", max_wait = \"0s\" }}",
        port.url()
    ));
    for _ in 0..2 {
        let reply = app.profile("c-1");
        assert_eq!(reply.outcome("crm"), "connect_failed", "{}", reply.text());
        assert_eq!(reply.source("crm")["attempts"], 3);
    }
}

#[test]
fn each_attempt_takes_a_permit() {
    let app = limited("requests = 2, per = \"1h\", max_wait = \"0s\"");
    app.sim.crm().set_behaviour(Behaviour::status(503));
    let reply = app.profile("c-1");
    assert_eq!((reply.outcome("crm").as_str(), app.sim.crm().hits()), ("upstream_error", 2));
    assert_eq!(app.profile("c-1").outcome("crm"), "rate_limited");
    assert_eq!(app.sim.crm().hits(), 2);
}

#[test]
fn both_workers_share_one_limit_and_its_burst() {
    let app = limited("requests = 20, per = \"1s\", burst = 5, max_wait = \"10s\"");
    let began = Instant::now();
    for reply in at_once(35, |number| app.profile(&format!("c-{number}"))) {
        assert_others_whole(&reply, "");
    }
    let calls = moments(app.sim.crm());
    assert_eq!(calls.len(), 35);
    // 5 at once, and one each 50 ms after that; but 20 in a second.
    for (number, call) in (1..).zip(&calls[5..]) {
        let earliest = Duration::from_millis(50) * number;
        assert!(*call - began >= earliest, "call {number} after the burst: {:?}", *call - began);
    }
    let most = most_in_a_second(&calls);
    assert!(most <= 20, "{most}");
    assert_between(calls[34] - began, 1_500, 4_000);
}

#[test]
fn a_burst_above_the_limit_goes_at_once() {
    let app = limited("requests = 2, per = \"10s\", burst = 6, max_wait = \"0s\"");
    let replies = at_once(10, |number| app.profile(&format!("c-{number}")));
    assert_eq!(replies.iter().filter(|reply| reply.outcome("crm") == "ok").count(), 6);
    assert_eq!(app.sim.crm().hits(), 6);
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
fn a_retry_after_goes_before_the_reset_of_a_budget_that_is_used_up() {
    // As every limiter by a leaky bucket says it: the next call in 1 s, the whole budget in 60.
    let app = TestApp::start_with("[sources.crm]\nretry = { max_attempts = 1 }");
    let throttled = Reply::status(429)
        .with_header("retry-after", "1")
        .with_header("x-ratelimit-limit", "40")
        .with_header("x-ratelimit-remaining", "0")
        .with_header("x-ratelimit-reset", "60");
    app.sim.crm().script([throttled]);
    assert_eq!(app.profile("c-1").outcome("crm"), "rate_limited");
    let next = app.profile("c-2");
    assert_others_whole(&next, "");
    assert_between(next.took, 700, 2_000);
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
fn operators_see_the_limit_who_waits_for_it_and_how_long_the_upstream_holds_calls_back() {
    let app = TestApp::start_with(
        "[sources.crm]\nrate_limit = { requests = 1, per = \"2s\", burst = 1, max_wait = \"5s\" }\n\
         [actions.customer_profile]\ndeadline = \"20s\"",
    );
    let limit = |source: usize| {
        app.admin_get("/v1/sources").json()["sources"][source]["rate_limit"].clone()
    };
    let at_rest = json!({"requests": 1, "per_ms": 2000, "waiting": 0, "held_for_ms": null, "held_by": null, "keys": 0});
    assert_eq!(limit(1), at_rest);
    assert_eq!(limit(2)["requests"], Value::Null, "orders has none of its own");
    std::thread::scope(|scope| {
        scope.spawn(|| at_once(2, |number| app.profile(&format!("c-{number}"))));
        eventually("one waits", || limit(1)["waiting"] == 1);
    });
    app.sim.orders().script([Reply::status(429).with_header("retry-after", "60")]);
    assert_eq!(app.profile("c-3").outcome("orders"), "rate_limited");
    assert_eq!(limit(2)["held_by"], "retry-after");
    let held = limit(2)["held_for_ms"].as_u64().expect("a time");
    // Up to a tenth is put on top, so that replicas do not come back together.
    assert!((50_000..=66_000).contains(&held), "{held}");
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

/// The CRM answers everything, and says this about the budget it leaves.
fn saying(fields: &[(&str, &str)]) -> TestApp {
    let account = serde_json::json!({"account": {"id": "c-1"}});
    let reply = fields
        .iter()
        .fold(Reply::json(200, &account), |reply, (name, value)| reply.with_header(*name, *value));
    let app = TestApp::start_with("[actions.customer_profile]\ndeadline = \"900ms\"");
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    app.sim.crm().set_behaviour(reply);
    app
}

#[test]
fn a_budget_that_is_used_up_holds_calls_back_before_a_429_comes_whoever_tells_it() {
    // By our clock, and by those of upstreams that are two hours apart from it.
    let (now, apart) = (SystemTime::now(), Duration::from_hours(2));
    let [ours, behind, ahead] = [now, now - apart, now + apart].map(|clock| {
        let epoch = clock.duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
        (httpdate::fmt_http_date(clock), (epoch.as_secs() + 60).to_string())
    });
    let huge = "9".repeat(40);
    for fields in [
        &[
            ("inin-ratelimit-count", "300"),
            ("inin-ratelimit-allowed", "300"),
            ("inin-ratelimit-reset", "60"),
        ][..],
        &[("ratelimit", "\"default\";r=0;t=60"), ("ratelimit-policy", "\"default\";q=100;w=60")],
        &[("ratelimit", "\"hour\";r=9;t=3600, \"minute\";r=0;t=60")],
        &[("ratelimit", "limit=100, remaining=0, reset=60")],
        &[("ratelimit-remaining", "0"), ("ratelimit-reset", "60")],
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &ours.1)],
        &[("date", &behind.0), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &behind.1)],
        &[("date", &ahead.0), ("ratelimit-remaining", "0"), ("ratelimit-reset", &ahead.1)],
        &[
            ("inin-ratelimit-count", &huge),
            ("inin-ratelimit-allowed", "1"),
            ("inin-ratelimit-reset", &huge),
        ],
    ] {
        let app = saying(fields);
        assert_eq!(app.profile("c-1").outcome("crm"), "ok", "{fields:?}");
        for reply in at_once(4, |_| app.profile("c-1")) {
            assert_eq!(reply.outcome("crm"), "rate_limited", "{fields:?}");
            assert_between(reply.took, 0, 700);
            let error = reply.source("crm")["error"].as_str().expect("a sentence").to_owned();
            let words = error.strip_prefix("the upstream asked for a pause of another ");
            let wait = words.and_then(|words| words.strip_suffix(" ms")).map(str::parse::<u64>);
            // A minute at most, whatever is asked for, and a call may try at half of it.
            let wait = wait.expect("a time").expect("ms");
            assert!((27_000..=30_000).contains(&wait), "{error}");
        }
        assert_eq!(app.sim.crm().hits(), 1, "{fields:?}");
    }
}

#[test]
fn what_a_budget_cannot_mean_is_ignored() {
    for fields in [
        &[
            ("inin-ratelimit-count", "many"),
            ("inin-ratelimit-allowed", "300"),
            ("inin-ratelimit-reset", "60"),
        ][..],
        &[("ratelimit", "\"default\";r=-1;t=60")],
        &[("ratelimit", "\"default\";r=0.5;t=60")],
        &[("ratelimit", "\"default\";r=0;t=-60")],
        &[("ratelimit", "\"default\";r=0")],
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1.5")],
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "")],
        // Long past, and too far off to be a time of day or a number of seconds.
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1000000000")],
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "99999999999999999999")],
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "0")],
    ] {
        let app = saying(fields);
        for _ in 0..3 {
            assert_eq!(app.profile("c-1").outcome("crm"), "ok", "{fields:?}");
        }
        assert_eq!(app.sim.crm().hits(), 3, "{fields:?}");
    }
}

#[test]
fn a_budget_that_runs_low_is_spread_over_the_time_until_its_reset() {
    // 20 calls for 2 seconds: one each 100 ms, and most of thirty cannot come in time.
    let app = saying(&[
        ("inin-ratelimit-count", "280"),
        ("inin-ratelimit-allowed", "300"),
        ("inin-ratelimit-reset", "2"),
    ]);
    assert_eq!(app.profile("c-1").outcome("crm"), "ok");
    let began = Instant::now();
    let replies = at_once(30, |_| app.profile("c-1"));
    let (ok, refused): (Vec<_>, Vec<_>) =
        replies.iter().partition(|reply| reply.outcome("crm") == "ok");
    assert!((2..=10).contains(&ok.len()), "{} in 900 ms", ok.len());
    // One or two may have had a turn that could just come in time, and did not, or too late to
    // be answered.
    let outcomes: Vec<_> = refused.iter().map(|reply| reply.outcome("crm")).collect();
    assert!(outcomes.iter().all(|it| it == "rate_limited" || it == "timeout"), "{outcomes:?}");
    let waited = refused.iter().filter(|reply| reply.took > Duration::from_millis(600)).count();
    assert!(waited <= 2, "{waited} of {} waited in vain", refused.len());
    let calls = moments(app.sim.crm());
    for (number, call) in (0..).zip(&calls[1..]) {
        // The first pause began with the first reply.
        let earliest = Duration::from_millis(100) * number;
        assert!(*call - began + Duration::from_millis(10) >= earliest, "call {number}");
    }
}

/// The CRM says that nothing is left for a minute; its source has these keys.
fn used_up(keys: &str) -> TestApp {
    let app = TestApp::start_with(&format!("[sources.crm]\n{keys}\n"));
    let reply = Reply::json(200, &json!({"account": {"id": "c-1"}}))
        .with_header("x-ratelimit-limit", "100")
        .with_header("x-ratelimit-remaining", "0")
        .with_header("x-ratelimit-reset", "60");
    app.sim.crm().set_behaviour(Behaviour::Reply(reply));
    assert_eq!(app.profile("c-0").outcome("crm"), "ok");
    app
}

fn limit_of_crm(app: &TestApp) -> Value {
    app.admin_get("/v1/sources").json()["sources"][1]["rate_limit"].clone()
}

#[test]
fn a_pause_that_headers_alone_imply_is_bounded_and_told_with_its_header() {
    let app = used_up("max_pause = '20s'");
    let limit = limit_of_crm(&app);
    assert_eq!(limit["held_by"], "x-ratelimit-remaining");
    let held = limit["held_for_ms"].as_u64().expect("a time");
    assert!((15_000..=20_000).contains(&held), "{held}");
    assert_eq!(app.profile("c-1").outcome("crm"), "rate_limited");
}

#[test]
fn rate_limit_headers_that_are_switched_off_hold_nobody_back_and_a_retry_after_still_does() {
    let app = used_up("rate_limit_headers = 'off'");
    assert_eq!(limit_of_crm(&app)["held_for_ms"], Value::Null);
    assert_eq!(app.profile("c-1").outcome("crm"), "ok");
    app.sim.crm().script([Reply::status(429).with_header("retry-after", "60")]);
    assert_eq!(app.profile("c-2").outcome("crm"), "rate_limited");
    assert_eq!(limit_of_crm(&app)["held_by"], "retry-after");
}

#[test]
fn at_half_of_such_a_pause_one_call_tries_whether_it_is_over() {
    let app = used_up("max_pause = '2s'\nretry = { max_attempts = 1 }");
    let hits = app.sim.crm().hits();
    assert!(limit_of_crm(&app)["held_for_ms"].as_u64().expect("a time") > 1_000);
    // Waits for the half, since the deadline lets it, and finds that nothing is held back any more.
    app.sim.crm().set_behaviour(Reply::json(200, &json!({"account": {"id": "c-1"}})));
    let probe = app.profile("c-1");
    assert_others_whole(&probe, "");
    assert_eq!(app.sim.crm().hits(), hits + 1);
    assert_eq!(limit_of_crm(&app)["held_for_ms"], Value::Null);
}

#[test]
fn a_reload_that_changes_the_source_ends_its_pause() {
    let app = used_up("max_pause = '60s'");
    assert_eq!(app.profile("c-1").outcome("crm"), "rate_limited");
    assert_eq!(
        app.reload("[sources.crm]\nmax_pause = '60s'\n[actions.customer_profile]\ndeadline = '2s'")
            .status,
        200
    );
    assert_eq!(app.profile("c-1").outcome("crm"), "rate_limited", "nothing of the source changed");
    assert_eq!(app.reload("[sources.crm]\nrate_limit_headers = 'off'").status, 200);
    assert_eq!(app.profile("c-1").outcome("crm"), "ok");
}

#[test]
fn a_plentiful_budget_holds_nobody_back() {
    let app = saying(&[
        ("inin-ratelimit-count", "100"),
        ("inin-ratelimit-allowed", "300"),
        ("inin-ratelimit-reset", "60"),
    ]);
    for reply in at_once(30, |_| app.profile("c-1")) {
        assert_eq!(reply.outcome("crm"), "ok");
    }
}

#[test]
fn a_retry_after_that_means_nothing_holds_nobody_back() {
    for value in ["-5", "1,5", "soon", "", "1e3", "Sun, 06 Nov 1994 08:49:37 GMT", "0"] {
        let app = TestApp::start_with("[sources.crm]\nretry = { max_attempts = 1 }");
        app.sim.crm().script([Reply::status(429).with_header("retry-after", value)]);
        assert_eq!(app.profile("c-1").outcome("crm"), "rate_limited", "{value}");
        assert_others_whole(&app.profile("c-2"), "");
    }
}

#[test]
fn a_huge_retry_after_is_capped() {
    for value in ["86400", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let app = TestApp::start();
        app.sim.crm().script([Reply::status(503).with_header("retry-after", value)]);
        assert_eq!(app.profile("c-1").outcome("crm"), "upstream_error", "{value}");
        let error = app.profile("c-1").source("crm")["error"].as_str().expect("text").to_owned();
        let wait = error.split(' ').find_map(|word| word.parse::<u64>().ok());
        assert!(wait.is_some_and(|ms| (290_000..=300_000).contains(&ms)), "{value}: {error}");
    }
}
