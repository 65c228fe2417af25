//! What happens to one source stays with that source.

use std::time::Duration;

use tributary::simulator::Behaviour;

use crate::checks::{assert_others_whole, at_once};
use crate::harness::{TestApp, assert_between, eventually};

/// Calls of the CRM that are under way, connected or not.
fn in_flight(app: &TestApp) -> u64 {
    let sources = app.admin_get("/v1/sources").json();
    let crm = sources["sources"].as_array().expect("a list").iter().find(|s| s["source"] == "crm");
    crm.expect("it is listed")["in_flight"].as_u64().expect("a number")
}

#[test]
fn a_source_that_stalls_under_load_leaves_the_others_whole() {
    let app = TestApp::start_with(
        "[sources.crm]\nmax_connections = 4\nmax_in_flight = 40\nbreaker = { min_requests = 1000000 }\n\
         [actions.customer_profile]\ndeadline = \"3s\"",
    );
    app.sim.users_settings().announce_rate_limit(1_000_000);
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    app.sim.crm().set_behaviour(Behaviour::Hang);
    let replies = std::thread::scope(|scope| {
        let replies = scope.spawn(|| at_once(60, |number| app.profile(&format!("c-{number}"))));
        eventually("as many are under way as may be", || in_flight(&app) == 40);
        eventually("all connections are in use", || app.sim.crm().in_progress() == 4);
        replies.join().expect("no panic")
    });
    let mut overloaded = 0;
    for reply in &replies {
        assert_others_whole(reply, "crm");
        for source in ["genesys", "orders"] {
            let latency = reply.source(source)["latency_ms"].as_u64().expect("a number");
            assert!(latency < 2_900, "{source} waited for the other: {latency} ms");
        }
        match reply.outcome("crm").as_str() {
            "timeout" => assert_between(reply.took, 3_000, 4_500),
            "overloaded" => overloaded += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(overloaded, 20, "40 may be under way");
    app.sim.crm().reset_behaviour();
    eventually("what was given up is gone", || app.sim.crm().in_progress() == 0);
    assert_others_whole(&app.profile("c-1"), "");
}

#[test]
fn a_source_whose_actor_panics_before_it_calls_is_asked_by_the_next_one() {
    let app = TestApp::start();
    for source in ["genesys", "crm", "orders"] {
        app.next_fetches_panic(1, source);
        for number in 0..6 {
            assert_others_whole(&app.profile(&format!("c-{number}")), "");
        }
    }
}

#[test]
fn requests_under_way_survive_the_crash_of_their_sources_actor() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_millis(300)));
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..4)
            .map(|number| {
                let app = &app;
                scope.spawn(move || app.profile(&format!("c-{number}")))
            })
            .collect();
        eventually("they are under way", || app.sim.crm().in_progress() == 4);
        app.next_fetches_panic(1, "crm");
        assert_others_whole(&app.profile("c-5"), "");
        for reply in waiting {
            assert_others_whole(&reply.join().expect("no panic"), "");
        }
    });
}

#[test]
fn restarts_are_counted_where_operators_look() {
    let app = TestApp::start_with("[server]\nworkers = 1");
    eventually("it is ready", || app.admin_get("/readyz").status == 200);
    assert_eq!(app.admin_get("/readyz").json()["actor_restarts"], 0);
    assert_others_whole(&app.profile("c-1"), "");
    app.next_fetches_panic(1, "crm");
    assert_others_whole(&app.profile("c-1"), "");
    let ready = app.admin_get("/readyz");
    assert_eq!((ready.status, ready.json()["actor_restarts"].as_u64()), (200, Some(1)));
}

#[test]
fn a_crash_loop_shows_where_operators_look_and_ends_nothing() {
    let app = TestApp::start_with("[server]\nworkers = 1");
    eventually("it is ready", || app.admin_get("/readyz").status == 200);
    let warnings = || app.admin_get("/readyz").json()["warnings"].clone();
    assert_eq!(warnings(), serde_json::json!([]));
    eventually("it shows", || {
        app.next_fetches_panic(2, "crm");
        let reply = app.profile("c-1");
        assert_others_whole(&reply, "crm");
        assert_eq!(reply.outcome("crm"), "internal");
        // Only what panics itself gets no answer.
        assert_others_whole(&app.profile("c-2"), "");
        let found = warnings();
        let first = found[0].as_str().unwrap_or_default();
        first.starts_with("actor source crm: crash loop, started again ")
    });
    assert_eq!(app.admin_get("/readyz").status, 200, "the other sources answer");
    eventually("it lived long enough", || warnings() == serde_json::json!([]));
}

#[test]
fn limits_outlive_the_actors() {
    let app = TestApp::start_with(
        "[sources.crm]\nretry = { max_attempts = 1 }\nbreaker = { min_requests = 3, open_for = \"1m\" }",
    );
    app.sim.crm().set_behaviour(Behaviour::status(500));
    for _ in 0..3 {
        app.profile("c-1");
    }
    app.next_fetches_panic(1, "crm");
    app.sim.crm().reset_behaviour();
    assert_eq!(app.profile("c-1").outcome("crm"), "circuit_open");
    assert_eq!(app.sim.crm().hits(), 3);
}

#[test]
fn a_call_that_has_begun_is_not_made_again_when_its_actor_panics() {
    let app = TestApp::start_with("[server]\nworkers = 1");
    let source = format!(
        "[server]\nworkers = 1\n[sources.panics_once]\nurl = \"{}/v1/orders\"\nretry = {{ max_attempts = 3 }}\n\
         breaker = {{ min_requests = 1, open_for = \"1ms\" }}\n\
         [actions.one]\nsources = [\"panics_once\"]",
        app.sim.orders().base_url()
    );
    assert_eq!(app.reload(&source).status, 200);
    let ask = || app.post("/v1/actions/one", &serde_json::json!({}));
    crate::panics::next_opening_of_the_circuit("panics_once");
    app.sim.orders().set_behaviour(Behaviour::status(500));
    let reply = ask();
    let one = reply.source("panics_once");
    assert_eq!((one["outcome"].as_str(), one["attempts"].as_u64()), (Some("internal"), Some(1)));
    assert_eq!(app.sim.orders().hits(), 1);
    app.sim.orders().set_behaviour(Behaviour::json(200, &serde_json::json!({})));
    eventually("the source is back", || ask().outcome("panics_once") == "ok");
    assert_eq!(app.admin_get("/readyz").json()["actor_restarts"], 1);
}

#[test]
fn an_actor_that_does_not_answer_is_a_warning_and_a_metric_until_it_does() {
    let app = TestApp::start_with("[server]\nworkers = 1");
    eventually("it is ready", || app.admin_get("/readyz").status == 200);
    assert_others_whole(&app.profile("c-1"), "");
    let warnings = || app.admin_get("/readyz").json()["warnings"].to_string();
    let series = r#"tributary_actors_unresponsive{actor="source crm"}"#;
    assert!(app.metric(series) < 0.5);
    let base = app.sim.crm().base_url();
    let endpoint = base.trim_start_matches("http://");
    crate::panics::next_fetch_blocks(Duration::from_secs(8), "crm", endpoint);
    std::thread::scope(|scope| {
        scope.spawn(|| app.profile("c-1"));
        let warning = "actor source crm: it has not answered for 5 s";
        eventually("it shows", || warnings().contains(warning));
        assert_eq!(app.admin_get("/readyz").status, 200);
        assert!(app.metric(series) > 0.5);
    });
    eventually("it answers again", || warnings() == "[]");
    assert!(app.metric(series) < 0.5);
}
