//! What is tried again, how often, and when.

use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use tributary::simulator::{Behaviour, Reply, Upstream};

use crate::checks::{assert_others_whole, assert_whole, at_once};
use crate::harness::{HeldPort, TestApp, assert_between, eventually};

/// Quick retries, as many as are asked for.
const QUICK: &str = r#"
[sources.crm]
retry = { max_attempts = 3, base = "1ms", cap = "2ms", budget_min_per_second = 1000 }
breaker = { min_requests = 1000000 }
timeout = "5s"
[sources.orders]
retry = { max_attempts = 3, base = "1ms", cap = "2ms", budget_min_per_second = 1000 }
"#;

/// The moments at which the upstream was called.
fn moments(upstream: &Upstream) -> Vec<Instant> {
    upstream.received().iter().map(|call| call.at).collect()
}

#[test]
fn what_may_pass_is_tried_again_up_to_the_limit() {
    let app = TestApp::start_with(QUICK);
    let failures = [429, 502, 503, 504].map(Behaviour::status);
    for failure in failures.into_iter().chain([Behaviour::Reset, Behaviour::Close]) {
        app.sim.crm().clear();
        app.sim.crm().set_behaviour(failure.clone());
        let reply = app.profile("c-1");
        assert_eq!(app.sim.crm().hits(), 3, "{failure:?}");
        assert_eq!(reply.source("crm")["attempts"], 3, "{failure:?}");
        assert_others_whole(&reply, "crm");

        app.sim.crm().reset_behaviour();
        app.sim.crm().clear();
        app.sim.crm().script([failure.clone(), failure.clone()]);
        let reply = app.profile("c-1");
        assert_eq!((app.sim.crm().hits(), reply.outcome("crm").as_str()), (3, "ok"), "{failure:?}");
    }
}

#[test]
fn max_attempts_is_never_exceeded() {
    for limit in [1, 2, 5] {
        let retry = format!(
            "[sources.crm]\nretry = {{ max_attempts = {limit}, base = \"1ms\", cap = \"1ms\", \
             budget_min_per_second = 1000 }}"
        );
        let app = TestApp::start_with(&retry);
        app.sim.crm().set_behaviour(Behaviour::status(503));
        app.profile("c-1");
        assert_eq!(app.sim.crm().hits(), limit);
    }
}

#[test]
fn what_would_fail_again_is_tried_once() {
    let app = TestApp::start_with(QUICK);
    for status in [301, 400, 403, 404, 409, 422, 500, 501] {
        app.sim.crm().clear();
        app.sim.crm().set_behaviour(Behaviour::status(status));
        app.profile("c-1");
        assert_eq!(app.sim.crm().hits(), 1, "{status}");
    }
}

#[test]
fn an_attempt_that_timed_out_is_not_repeated() {
    let app = TestApp::start_with(&QUICK.replace("5s", "100ms"));
    app.sim.crm().set_behaviour(Behaviour::Hang);
    assert_eq!(app.profile("c-1").outcome("crm"), "timeout");
    assert_eq!(app.sim.crm().hits(), 1);
}

#[test]
fn a_post_that_may_have_arrived_is_not_repeated() {
    let app = TestApp::start_with(&format!("{QUICK}idempotent = false"));
    for (failure, outcome) in [
        (Behaviour::status(503), "upstream_error"),
        (Behaviour::status(429), "rate_limited"),
        (Behaviour::Reset, "connect_failed"),
        (Behaviour::CutChunked, "connect_failed"),
    ] {
        app.sim.orders().clear();
        app.sim.orders().set_behaviour(failure.clone());
        let reply = app.profile("c-1");
        assert_eq!(reply.outcome("orders"), outcome, "{failure:?}");
        assert_eq!(app.sim.orders().hits(), 1, "{failure:?}");
        assert_others_whole(&reply, "orders");
    }
}

#[test]
fn a_post_that_is_idempotent_is_repeated() {
    let app = TestApp::start_with(QUICK);
    for failure in [Behaviour::status(503), Behaviour::Reset, Behaviour::CutChunked] {
        app.sim.orders().clear();
        app.sim.orders().script([failure.clone()]);
        assert_whole(&app.profile("c-1"), "orders");
        let calls = app.sim.orders().received();
        assert_eq!(calls.len(), 2, "{failure:?}");
        assert_eq!(calls[0].body, calls[1].body);
    }
}

#[test]
fn a_post_whose_connection_was_refused_is_repeated_all_the_same() {
    let port = HeldPort::new();
    let url = port.url();
    let app = TestApp::start_with(&format!("{QUICK}idempotent = false\nurl = \"{url}/v1/orders\""));
    assert_eq!(app.profile("c-1").source("orders")["attempts"], 3);
}

#[test]
fn an_idle_connection_that_was_closed_does_not_fail_a_post() {
    let app = TestApp::start_with("[sources.orders]\nidempotent = false\n[server]\nworkers = 1");
    for _ in 0..5 {
        assert_whole(&app.profile("c-1"), "orders");
        app.sim.orders().close_connections();
        eventually("it is closed", || app.sim.orders().open_connections() == 0);
    }
}

#[test]
fn a_retry_after_in_seconds_is_waited_for() {
    for (status, seconds) in [(429, "1"), (503, "1"), (429, "1.0"), (429, "0.5")] {
        let app = TestApp::start_with(QUICK);
        app.sim.crm().script([Reply::status(status).with_header("retry-after", seconds)]);
        let reply = app.profile("c-1");
        assert_eq!((reply.outcome("crm").as_str(), app.sim.crm().hits()), ("ok", 2));
        let calls = moments(app.sim.crm());
        assert_between(calls[1] - calls[0], 1_000, 1_600);
    }
}

#[test]
fn a_retry_after_as_a_date_is_waited_for() {
    let app = TestApp::start_with(QUICK);
    let date = SystemTime::now() + Duration::from_secs(2);
    let text = httpdate::fmt_http_date(date);
    app.sim.crm().script([Reply::status(429).with_header("retry-after", text.as_str())]);
    let reply = app.profile("c-1");
    assert_eq!((reply.outcome("crm").as_str(), app.sim.crm().hits()), ("ok", 2));
    // The date has no fractions of a second.
    let date = httpdate::parse_http_date(&text).expect("a date");
    assert!(SystemTime::now() >= date);
    let calls = moments(app.sim.crm());
    assert_between(calls[1] - calls[0], 900, 2_600);
}

/// A 429 of an upstream with this clock that wants to be left alone until then.
fn until(date: SystemTime, clock: SystemTime) -> Reply {
    Reply::status(429)
        .with_header("date", httpdate::fmt_http_date(clock))
        .with_header("retry-after", httpdate::fmt_http_date(date))
}

#[test]
fn a_date_is_taken_by_the_upstreams_own_clock() {
    let (now, apart) = (SystemTime::now(), Duration::from_hours(2));
    for clock in [now - apart, now + apart] {
        let app = TestApp::start_with(QUICK);
        app.sim.crm().script([until(clock + Duration::from_secs(1), clock)]);
        let reply = app.profile("c-1");
        assert_eq!((reply.outcome("crm").as_str(), app.sim.crm().hits()), ("ok", 2));
        let calls = moments(app.sim.crm());
        assert_between(calls[1] - calls[0], 1_000, 1_600);
    }
}

#[test]
fn a_date_that_has_passed_and_no_time_leave_the_usual_waits() {
    let (now, apart) = (SystemTime::now(), Duration::from_hours(2));
    let past = httpdate::fmt_http_date(now - apart);
    for said in [
        until(now + apart, now + 2 * apart),
        until(now + apart, now + apart),
        Reply::status(503).with_header("retry-after", past),
        Reply::status(503).with_header("retry-after", "0"),
    ] {
        let app = TestApp::start_with(
            "[sources.crm]\nretry = { max_attempts = 5, base = \"600ms\", cap = \"600ms\", \
             budget_min_per_second = 1000 }\n[actions.customer_profile]\ndeadline = \"20s\"",
        );
        app.sim.crm().set_behaviour(said.clone());
        app.profile("c-1");
        let calls = moments(app.sim.crm());
        assert_eq!(calls.len(), 5, "{said:?}");
        // Four waits of 300 to 600 ms each.
        assert_between(calls[4] - calls[0], 1_190, 3_500);
    }
}

#[test]
fn a_longer_pause_than_is_allowed_is_cut_to_that() {
    let (now, hour) = (SystemTime::now(), Duration::from_hours(1));
    for said in [Reply::status(503).with_header("retry-after", "86400"), until(now + hour, now)] {
        let app = TestApp::start_with(&format!("{QUICK}max_retry_after = \"1s\""));
        app.sim.orders().script([said]);
        let reply = app.profile("c-1");
        assert_eq!((reply.outcome("orders").as_str(), app.sim.orders().hits()), ("ok", 2));
        let calls = moments(app.sim.orders());
        assert_between(calls[1] - calls[0], 1_000, 1_600);
    }
    let app = TestApp::start_with(QUICK);
    app.sim.crm().set_behaviour(Reply::status(429).with_header("retry-after", "86400"));
    let error = app.profile("c-1").source("crm")["error"].to_string();
    assert!(error.contains("asked for a pause of 300000 ms, which ends after"), "{error}");
}

#[test]
fn a_retry_after_beyond_the_deadline_is_answered_at_once() {
    for value in
        ["30".to_owned(), httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(1))]
    {
        let app = TestApp::start_with(QUICK);
        app.sim.crm().set_behaviour(Reply::status(429).with_header("retry-after", value.as_str()));
        let reply = app.profile("c-1");
        assert_between(reply.took, 0, 1_000);
        assert_eq!(reply.outcome("crm"), "rate_limited");
        let error = reply.source("crm")["error"].to_string();
        assert!(error.contains("the upstream answered 429 and asked for a pause of"), "{error}");
        assert!(error.contains("which ends after the deadline"), "{error}");
        assert_eq!(app.sim.crm().hits(), 1);
        assert_others_whole(&reply, "crm");
    }
}

#[test]
fn a_wait_that_cannot_end_in_time_is_not_begun() {
    // The wait is 10 s at least, and would be cut to 2 s: neither leaves an attempt its time.
    let app = TestApp::start_with(
        "[sources.crm]\nretry = { max_attempts = 20, base = \"20s\", cap = \"20s\", \
         budget_min_per_second = 1000 }\n[actions.customer_profile]\ndeadline = \"2s\"",
    );
    app.sim.crm().set_behaviour(Behaviour::status(503));
    for _ in 0..10 {
        let reply = app.profile("c-1");
        assert_eq!(reply.outcome("crm"), "upstream_error");
        assert_between(reply.took, 0, 1_000);
    }
    assert_eq!(app.sim.crm().hits(), 10);
}

#[test]
fn a_wait_is_cut_where_the_deadline_leaves_less() {
    // 300 ms at least are drawn for the first wait, and there are only 400 for wait and attempt.
    let app = TestApp::start_with(
        "[sources.crm]\nretry = { base = \"600ms\" }\n\
         [actions.customer_profile]\ndeadline = \"400ms\"",
    );
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    app.sim.crm().script([Behaviour::status(503)]);
    assert_eq!(app.profile("c-1").outcome("crm"), "ok");
    let calls = moments(app.sim.crm());
    assert_between(calls[1] - calls[0], 100, 300);
}

#[test]
fn three_attempts_at_a_refused_connection_span_what_a_restart_takes() {
    let port = HeldPort::new();
    let reply = with_crm_at(&port).profile("c-1");
    assert_eq!(reply.source("crm")["attempts"], 3);
    let took = reply.source("crm")["latency_ms"].as_u64().expect("a number");
    assert!((300..1_000).contains(&took), "{took}");
}

const OUTAGE: Duration = Duration::from_millis(150);

/// The shipped policy.
fn with_crm_at(port: &HeldPort) -> TestApp {
    with_crm_and_budget(port, "")
}

/// The same with another budget, for one request that is lost on its way and another soon after.
fn with_crm_and_budget(port: &HeldPort, budget: &str) -> TestApp {
    TestApp::start_with(&format!("[sources.crm]\nurl = \"{}/v2/accounts\"\n{budget}", port.url()))
}

#[test]
fn a_restart_of_the_upstream_costs_no_request_that_comes_meanwhile() {
    let port = HeldPort::new();
    let app = with_crm_at(&port);
    let mut crm = port.crm();
    for _ in 0..4 {
        // A connection is kept, which then ends.
        assert_others_whole(&app.profile("c-1"), "");
        crm.stop();
        let reply;
        (reply, crm) = std::thread::scope(|scope| {
            let asked = scope.spawn(|| app.profile("c-1"));
            std::thread::sleep(OUTAGE);
            let crm = port.crm();
            (asked.join().expect("no panic"), crm)
        });
        assert_others_whole(&reply, "");
        assert!(reply.source("crm")["attempts"].as_u64() > Some(1), "{}", reply.text());
    }
}

#[test]
fn a_restart_costs_none_of_several_requests_that_come_at_once() {
    let port = HeldPort::new();
    let app = with_crm_at(&port);
    app.sim.users_settings().announce_rate_limit(1_000_000);
    let (replies, _crm) = std::thread::scope(|scope| {
        let asked = scope.spawn(|| at_once(12, |number| app.profile(&format!("c-{number}"))));
        std::thread::sleep(OUTAGE);
        let crm = port.crm();
        (asked.join().expect("no panic"), crm)
    });
    for reply in replies {
        assert_others_whole(&reply, "");
    }
}

#[test]
fn a_restart_of_the_upstream_costs_no_request_that_is_on_its_way() {
    let port = HeldPort::new();
    let app = with_crm_and_budget(&port, "retry = { budget_min_per_second = 1000 }");
    let mut crm = port.crm();
    for _ in 0..4 {
        crm.crm().set_behaviour(Behaviour::Hang);
        let reply;
        (reply, crm) = std::thread::scope(|scope| {
            let asked = scope.spawn(|| app.profile("c-1"));
            eventually("it is on its way", || crm.crm().in_progress() == 1);
            crm.stop();
            std::thread::sleep(OUTAGE);
            let crm = port.crm();
            (asked.join().expect("no panic"), crm)
        });
        assert_others_whole(&reply, "");
        assert!(reply.source("crm")["attempts"].as_u64() > Some(1), "{}", reply.text());
    }
}

#[test]
fn a_handshake_that_breaks_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it has one");
    let app = TestApp::start_with(&format!("{QUICK}url = \"https://{address}/v1/orders\""));
    let server = std::thread::spawn(move || {
        // What ends a server's TLS before it has said anything.
        (0..3).for_each(|_| drop(listener.accept().expect("a connection")));
    });
    let reply = app.profile("c-1");
    server.join().expect("three attempts");
    assert_eq!(reply.outcome("orders"), "connect_failed");
    assert_eq!(reply.source("orders")["attempts"], 3);
    assert_others_whole(&reply, "orders");
}

#[test]
fn an_upstream_that_is_down_gets_few_retries_over_all() {
    let app = TestApp::start_with(
        "[sources.crm]\nbreaker = { min_requests = 1000000 }\n\
         retry = { max_attempts = 5, base = \"1ms\", cap = \"1ms\", budget_ratio = 0.2, \
         budget_min_per_second = 1 }",
    );
    app.sim.users_settings().announce_rate_limit(1_000_000);
    app.sim.crm().set_behaviour(Behaviour::status(503));
    let started = Instant::now();
    let replies = at_once(10, |worker| {
        (0..10).map(|number| app.profile(&format!("c-{worker}-{number}"))).collect::<Vec<_>>()
    });
    let seconds = usize::try_from(started.elapsed().as_secs()).expect("not for ever") + 1;
    let hits = app.sim.crm().hits();
    assert!((101..=100 + 20 + seconds).contains(&hits), "{hits} hits of 100 requests");
    let said = replies.iter().flatten().any(|reply| {
        let error = reply.source("crm")["error"].to_string();
        error.contains("not tried again, since too many calls fail at present")
    });
    assert!(said);
    let seen = app.admin_get("/v1/sources").json();
    let retries = &seen["sources"][1]["retry_budget"];
    assert_eq!(seen["sources"][1]["source"], json!("crm"));
    assert_eq!(retries["retries"].as_u64(), Some(hits as u64 - 100), "{retries}");
}

/// The upstream is down for so long while eight callers ask; what the contract says must hold.
fn down_for(time: Duration) {
    let app = TestApp::start_with("[sources.crm]\nbreaker = { min_requests = 1000000 }\n");
    app.sim.users_settings().announce_rate_limit(1_000_000);
    app.sim.crm().set_behaviour(Behaviour::status(503));
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    let end = Instant::now() + time;
    let asked = at_once(8, |worker| {
        let attempts = (0..).take_while(|_| Instant::now() < end).map(|number| {
            let reply = app.profile(&format!("c-{worker}-{number}"));
            assert_others_whole(&reply, "crm");
            reply.source("crm")["attempts"].as_u64().expect("a number")
        });
        attempts.collect::<Vec<_>>()
    });
    let attempts: Vec<_> = asked.into_iter().flatten().collect();
    let (requests, hits) = (attempts.len(), app.sim.crm().hits());
    println!("{requests} requests in {time:?}, {hits} calls");
    assert!(attempts.iter().all(|tried| (1..=3).contains(tried)), "{attempts:?}");
    assert_eq!(hits as u64, attempts.iter().sum::<u64>(), "each attempt is one call");
    // A fifth of the requests, or three a second where that is more.
    let floor = 3 * (usize::try_from(time.as_secs()).expect("not for ever") + 2);
    let allowed = requests + (requests / 4).max(floor);
    assert!((requests + 1..=allowed).contains(&hits), "{hits} calls for {requests} requests");
}

#[test]
fn an_upstream_that_is_down_for_some_seconds_gets_a_quarter_more_calls_at_most() {
    down_for(Duration::from_secs(4));
}

#[test]
#[ignore = "takes a minute: cargo test --test api down_for_a_minute -- --ignored --nocapture"]
fn an_upstream_that_is_down_for_a_minute_gets_a_quarter_more_calls_at_most() {
    down_for(Duration::from_mins(1));
}
