//! `GET /metrics`: what is counted, under the names that operators rely on.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::json;
use tributary::simulator::Behaviour;

use crate::client::JSON_HEAD;
use crate::harness::{PROFILE, TestApp, value_of as value};

fn scrape(app: &TestApp) -> String {
    let reply = app.admin_get("/metrics");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    reply.text()
}

/// A service that has had a whole aggregate, a partial one with retries, and refused requests.
fn used() -> TestApp {
    let app = TestApp::start_with("[sources.orders.retry]\nbase = '1ms'\ncap = '2ms'");
    assert_eq!(app.profile("c-1").status, 200);
    app.sim.orders().script([Behaviour::status(503), Behaviour::status(503)]);
    app.sim.crm().set_behaviour(Behaviour::status(500));
    assert_eq!(app.profile("c-2").status, 200);
    assert_eq!(app.post(PROFILE, &json!({})).status, 400);
    assert_eq!(app.post("/v1/actions/hunter2", &json!({})).status, 404);
    app
}

#[test]
fn requests_sources_attempts_and_retries_are_counted() {
    let text = scrape(&used());
    let expected = [
        (
            r#"http_server_request_duration_seconds_count{action="customer_profile",status="200"}"#,
            2.0,
        ),
        (
            r#"http_server_request_duration_seconds_count{action="customer_profile",status="400"}"#,
            1.0,
        ),
        (r#"http_server_request_duration_seconds_count{action="none",status="404"}"#, 1.0),
        (r#"tributary_aggregates_total{action="customer_profile",completeness="complete"}"#, 1.0),
        (r#"tributary_aggregates_total{action="customer_profile",completeness="partial"}"#, 1.0),
        (r#"tributary_source_duration_seconds_count{outcome="ok",source="orders"}"#, 2.0),
        (r#"tributary_source_duration_seconds_count{outcome="upstream_error",source="crm"}"#, 1.0),
        (r#"tributary_source_attempts_total{result="ok",source="orders"}"#, 2.0),
        (r#"tributary_source_attempts_total{result="upstream_error",source="orders"}"#, 2.0),
        (r#"tributary_source_retries_total{reason="upstream_error",source="orders"}"#, 2.0),
        (r#"tributary_source_in_flight{source="crm"}"#, 0.0),
        (r#"tributary_breaker_state{source="crm"}"#, 0.0),
        (r#"tributary_token_refreshes_total{credential="genesys",result="ok"}"#, 1.0),
    ];
    for (series, count) in expected {
        assert!((value(&text, series) - count).abs() < 1e-9, "{series}: {text}");
    }
    assert!(value(&text, r#"tributary_token_expires_in_seconds{credential="genesys"}"#) > 1.0);
    assert!(text.contains("tributary_build_info{version="), "{text}");
}

#[test]
fn odd_values_large_replies_and_failed_token_requests_are_counted() {
    let app = TestApp::start_with("[credentials.genesys]\nrefresh_before_expiry = '1s'");
    let large = json!({"name": 5, "pad": "x".repeat(300_000)});
    app.sim.users().set_behaviour(Behaviour::json(200, &large));
    app.profile("c-1");
    app.post("/v1/actions/customer_card", &json!({"customerId": "c", "externalApiKey": "k"}));
    app.sim.oauth().set_behaviour(Behaviour::status(500));
    app.sim.users().set_behaviour(Behaviour::status(401));
    app.profile("c-2");
    let text = scrape(&app);
    let large = r#"tributary_large_replies_total{action="customer_profile"}"#;
    let odd = r#"tributary_field_wrong_type_total{action="customer_card",field="agentName"}"#;
    assert!((value(&text, large) - 1.0).abs() < 1e-9, "{text}");
    assert!((value(&text, odd) - 1.0).abs() < 1e-9, "{text}");
    let failed = r#"tributary_token_refreshes_total{credential="genesys",result="failed"}"#;
    assert!(value(&text, failed) >= 1.0, "{text}");
}

#[test]
fn a_caller_that_went_away_and_a_wait_for_the_rate_limit_are_counted() {
    let app = TestApp::start_with(
        "[sources.crm.rate_limit]\nrequests = 1\nper = '500ms'\nburst = 1\nmax_wait = '2s'",
    );
    // Of two at once, one has to wait.
    std::thread::scope(|scope| {
        for customer in ["c-1", "c-2"] {
            scope.spawn(|| app.profile(customer));
        }
    });
    let waits = r#"tributary_rate_limit_wait_seconds_count{source="crm"}"#;
    assert!((value(&scrape(&app), waits) - 1.0).abs() < 1e-9);

    app.sim.orders().set_behaviour(Behaviour::Hang);
    let body = r#"{"customerId":"c-3","externalApiKey":"k"}"#;
    let head =
        format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}content-length: {}\r\n\r\n", body.len());
    let mut caller = TcpStream::connect(app.address).expect("it listens");
    caller.write_all((head + body).as_bytes()).expect("it reads");
    crate::harness::eventually("the call is under way", || app.in_flight() > 0);
    drop(caller);
    let gone =
        r#"http_server_request_duration_seconds_count{action="customer_profile",status="499"} 1"#;
    crate::harness::eventually("it is counted", || scrape(&app).contains(gone));
}

#[test]
fn an_actor_that_was_started_again_is_counted() {
    let app = TestApp::start();
    // A worker's actors are there once it has answered.
    app.profile("c-1");
    app.next_fetches_panic(1, "crm");
    let series = |count: &str| {
        let line = format!(r#"tributary_actor_restarts_total{{actor="source crm"}} {count}"#);
        scrape(&app).lines().any(|known| known == line)
    };
    crate::harness::eventually("a restart is counted", || {
        app.profile("c-1");
        series("1")
    });
}

#[test]
fn restarts_count_from_zero_so_that_the_first_one_is_an_increase() {
    let app = TestApp::start();
    let text = || scrape(&app);
    for actor in ["coordinator", "source crm", "token genesys"] {
        let line = format!(r#"tributary_actor_restarts_total{{actor="{actor}"}} 0"#);
        crate::harness::eventually("it is there", || text().lines().any(|known| known == line));
    }
}

#[test]
fn how_the_last_reload_went_and_which_configuration_is_in_force_is_told() {
    const SUCCESSFUL: &str = "tributary_config_last_reload_successful";
    const LAST_SUCCESS: &str = "tributary_config_last_reload_success_timestamp_seconds";
    let hashes = |app: &TestApp| {
        let text = scrape(app);
        let lines =
            text.lines().filter_map(|line| line.strip_prefix("tributary_config_info{hash=\""));
        lines.map(|line| line.trim_end_matches("\"} 1").to_owned()).collect::<Vec<String>>()
    };
    let before = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
    let app = TestApp::start();
    let (at_start, began) = (hashes(&app), app.metric(LAST_SUCCESS));
    assert_eq!((at_start.len(), at_start[0].len()), (1, 12), "{at_start:?}");
    assert!(app.metric(SUCCESSFUL) > 0.5 && began >= before - 1.0, "{began}");

    assert_eq!(app.reload("[sources.crm]\ntimeout = 'soon'").status, 422);
    assert!(app.metric(SUCCESSFUL) < 0.5);
    // What needs a restart is refused as well.
    assert_eq!(app.reload("[server]\nworkers = 3").status, 422);
    assert!(app.metric(SUCCESSFUL) < 0.5);
    assert!((app.metric(LAST_SUCCESS) - began).abs() < 1e-9, "the old one is in force");
    assert_eq!(hashes(&app), at_start);

    assert_eq!(app.reload("[sources.crm]\ntimeout = '4s'").status, 200);
    assert!(app.metric(SUCCESSFUL) > 0.5 && app.metric(LAST_SUCCESS) > began);
    let changed = hashes(&app);
    assert!(changed.len() == 1 && changed != at_start, "{changed:?}");

    assert_eq!(app.reload("[credentials.genesys]\nclient_secret = 'rotated'").status, 200);
    assert_eq!(hashes(&app), at_start, "a secret makes no difference");
}

#[test]
fn no_label_has_a_callers_text_and_no_metric_many_series() {
    let text = scrape(&used());
    assert!(
        !text.contains("hunter2") && !text.contains("c-1") && !text.contains("key-1"),
        "{text}"
    );
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    for name in names {
        let series = text.lines().filter(|line| line.starts_with(name)).count();
        assert!((1..=100).contains(&series), "{name} has {series} series");
    }
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let text = scrape(&used());
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = promtool.expect("promtool is needed (Debian: apt-get install prometheus)");
    promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
