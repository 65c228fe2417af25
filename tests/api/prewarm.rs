//! Connections that are made before the first request.

use std::net::TcpListener;

use serde_json::Value;

use crate::harness::{TestApp, assert_problem, eventually};

const WARM: &str = "[server]\nworkers = 2\n[sources.crm]\nprewarm = true\n";

fn ready(app: &TestApp) {
    eventually("it is ready", || app.admin_get("/readyz").status == 200);
}

fn spans_of_crm(app: &TestApp, id: &str) -> Vec<Value> {
    let record = app.admin_get(&format!("/v1/requests/{id}")).json();
    record["sources"][1]["spans"].as_array().expect("a list").clone()
}

#[test]
fn each_worker_has_a_connection_that_its_first_request_takes() {
    let app = TestApp::start_with(WARM);
    ready(&app);
    assert_eq!(app.sim.crm().total_connections(), 2);
    assert_eq!(app.sim.orders().total_connections(), 0, "nobody said so");
    let reply = app.profile("c-1");
    assert_eq!(reply.outcome("crm"), "ok");
    assert_eq!(app.sim.crm().total_connections(), 2, "none is made for the request");
    let spans = spans_of_crm(&app, reply.header("x-request-id").expect("an id"));
    assert!(spans.iter().all(|span| span["kind"] != "connect"), "{spans:?}");
}

#[test]
fn one_that_was_closed_before_it_was_used_costs_no_attempt() {
    let app = TestApp::start_with(WARM);
    ready(&app);
    app.sim.crm().close_connections();
    eventually("they are closed", || app.sim.crm().open_connections() == 0);
    for customer in 0..8 {
        let reply = app.profile(&format!("c-{customer}"));
        assert_eq!(
            (reply.outcome("crm"), &reply.source("crm")["attempts"]),
            ("ok".into(), &1.into())
        );
    }
}

#[test]
fn the_service_is_ready_once_they_were_tried_and_not_before() {
    // Takes connections, and never speaks TLS with them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let port = silent.local_addr().expect("an address").port();
    let app = TestApp::start_with(&format!(
        "[sources.crm]\nurl = 'https://127.0.0.1:{port}/'\nprewarm = true\nconnect_timeout = '1500ms'\n"
    ));
    eventually("the token is there", || {
        app.admin_get("/v1/credentials").json()["credentials"][0]["has_token"] == true
    });
    let starting = app.admin_get("/readyz");
    assert_eq!(starting.status, 503, "{}", starting.text());
    let reasons = starting.json()["reasons"].clone();
    assert_eq!(reasons, serde_json::json!(["source crm: its first connections are being made"]));
    ready(&app);
}

#[test]
fn an_upstream_that_is_down_does_not_keep_the_service_from_being_ready() {
    let app = TestApp::start_with("[sources.crm]\nurl = 'http://127.0.0.1:9/'\nprewarm = true\n");
    ready(&app);
    assert_eq!(app.profile("c-1").outcome("crm"), "connect_failed");
}

#[test]
fn a_source_that_a_reload_brings_is_warmed_up_while_the_service_stays_ready() {
    let app = TestApp::start();
    ready(&app);
    assert_eq!(app.reload("[sources.orders]\nprewarm = true\n").status, 200);
    eventually("it is connected", || app.sim.orders().total_connections() > 0);
    assert_eq!(app.admin_get("/readyz").status, 200);
    assert_problem(&app.reload("[sources.orders]\nprewarm = 'yes'\n"), 422);
}
