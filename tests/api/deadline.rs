//! The reply leaves at the deadline, with whatever there is.

use std::net::TcpListener;
use std::time::Duration;

use tributary::simulator::{Behaviour, Latency, Options, Simulator};

use crate::checks::assert_others_whole;
use crate::client::Reply;
use crate::harness::{PROFILE, TestApp, assert_between, eventually};

const BODY: &[u8] = br#"{"customerId": "c-1", "externalApiKey": "key-1"}"#;
/// What a reply may take beyond its deadline on a machine that does much else.
const GRACE_MS: u64 = 250;

fn app_with_deadline(deadline: &str) -> TestApp {
    let app =
        TestApp::start_with(&format!("[actions.customer_profile]\ndeadline = \"{deadline}\""));
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    app
}

fn in_hurry(app: &TestApp, millis: &str) -> Reply {
    app.post_with(PROFILE, &[("x-request-timeout-ms", millis)], BODY)
}

/// Asserts that the reply came at its deadline and that only this source has nothing.
#[track_caller]
fn assert_cut_at(reply: &Reply, source: &str, deadline_ms: u64) {
    assert_between(reply.took, deadline_ms, deadline_ms + GRACE_MS);
    let part = reply.source(source);
    assert_eq!((part["outcome"].as_str(), part["status"].as_u64()), (Some("timeout"), Some(504)));
    let error = part["error"].as_str().expect("a sentence");
    let given = error.strip_prefix("no reply within ").and_then(|rest| rest.strip_suffix(" ms"));
    let given: u64 = given.and_then(|ms| ms.parse().ok()).expect(error);
    assert!((deadline_ms..=deadline_ms + GRACE_MS).contains(&given), "{error}");
    assert_eq!(reply.json()["complete"], false);
    assert_others_whole(reply, source);
}

#[test]
fn a_source_that_hangs_does_not_hold_back_the_reply() {
    let app = app_with_deadline("400ms");
    for (source, upstream) in
        [("genesys", app.sim.users()), ("crm", app.sim.crm()), ("orders", app.sim.orders())]
    {
        upstream.set_behaviour(Behaviour::Hang);
        assert_cut_at(&app.profile("c-1"), source, 400);
        eventually("the call is given up", || upstream.in_progress() == 0);
        upstream.reset_behaviour();
    }
}

#[test]
fn a_body_that_drips_ends_at_the_deadline() {
    let app = app_with_deadline("400ms");
    let every = Duration::from_millis(20);
    for drip in [
        Behaviour::DripBody { bytes_per_write: 1, every },
        Behaviour::Drip { bytes_per_write: 1, every },
    ] {
        app.sim.crm().set_behaviour(drip);
        assert_cut_at(&app.profile("c-1"), "crm", 400);
        eventually("the connection is closed", || app.sim.crm().in_progress() == 0);
    }
}

#[test]
fn interim_replies_without_end_end_at_the_deadline() {
    let app = app_with_deadline("400ms");
    app.sim.crm().set_behaviour(Behaviour::Interim(vec![
        b"HTTP/1.1 102 Processing\r\n\r\n".to_vec(),
        b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(),
    ]));
    app.sim.crm().set_latency(Latency::Fixed(Duration::from_mins(1)));
    assert_cut_at(&app.profile("c-1"), "crm", 400);
}

#[test]
fn a_caller_may_lower_the_deadline() {
    let app = app_with_deadline("10s");
    app.sim.crm().set_behaviour(Behaviour::Hang);
    assert_cut_at(&in_hurry(&app, "300"), "crm", 300);
}

#[test]
fn a_caller_cannot_raise_the_deadline() {
    let app = app_with_deadline("300ms");
    app.sim.crm().set_behaviour(Behaviour::Hang);
    assert_cut_at(&in_hurry(&app, "20000"), "crm", 300);
    assert_cut_at(&in_hurry(&app, "18446744073709551615"), "crm", 300);
}

#[test]
fn a_deadline_that_is_none_is_a_bad_request() {
    let app = app_with_deadline("300ms");
    for value in ["0", "-5", "soon", "1.5", ""] {
        let reply = in_hurry(&app, value);
        assert_eq!(reply.status, 400, "{value:?}");
        assert!(reply.text().contains("X-Request-Timeout-Ms"), "{}", reply.text());
    }
    assert_eq!(app.sim.crm().hits(), 0);
}

#[test]
fn a_token_endpoint_that_hangs_costs_only_the_source_that_needs_it() {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.oauth().set_behaviour(Behaviour::Hang);
    let app = TestApp::start_on(sim, "[actions.customer_profile]\ndeadline = \"400ms\"");
    let reply = app.profile("c-1");
    assert_between(reply.took, 400, 400 + GRACE_MS);
    assert_eq!(reply.outcome("genesys"), "auth_failed");
    assert_eq!(reply.source("genesys")["error"], "no token: none came before the deadline");
    assert_others_whole(&reply, "genesys");
    assert_eq!(app.sim.users().hits(), 0);
}

#[test]
fn a_connect_that_hangs_ends_at_the_connect_timeout() {
    // It accepts by its backlog, and never says a word of TLS.
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = silent.local_addr().expect("it is bound");
    let app = TestApp::start_with(&format!(
        "[sources.crm]\nurl = \"https://{address}/v2/accounts\"\nconnect_timeout = \"300ms\"\n\
         retry = {{ max_attempts = 1 }}"
    ));
    let reply = app.profile("c-1");
    assert_between(reply.took, 300, 300 + GRACE_MS);
    let part = reply.source("crm");
    assert_eq!(
        (part["outcome"].as_str(), part["status"].as_u64()),
        (Some("connect_failed"), Some(502))
    );
    assert_eq!(part["error"], "no connection within 300 ms (waiting for the TLS handshake)");
    assert_others_whole(&reply, "crm");
}

#[test]
fn a_connect_that_hangs_longer_than_the_deadline_is_a_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = silent.local_addr().expect("it is bound");
    let app = TestApp::start_with(&format!(
        "[sources.crm]\nurl = \"https://{address}/v2/accounts\"\n\
         [actions.customer_profile]\ndeadline = \"400ms\""
    ));
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    assert_cut_at(&app.profile("c-1"), "crm", 400);
}

#[test]
fn retries_end_at_the_deadline() {
    let app = TestApp::start_with(
        "[sources.crm]\nretry = { max_attempts = 20, base = \"1ms\", cap = \"1ms\", \
         budget_min_per_second = 1000 }\n\
         [actions.customer_profile]\ndeadline = \"400ms\"",
    );
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    app.sim.crm().set_behaviour(Behaviour::status(503).after(Duration::from_millis(100)));
    let reply = app.profile("c-1");
    assert!(reply.took < Duration::from_millis(400 + GRACE_MS), "{:?}", reply.took);
    assert!(app.sim.crm().hits() <= 4);
    assert_others_whole(&reply, "crm");
}
