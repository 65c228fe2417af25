//! How long each source took of late, as its actors say it.

use std::time::Duration;

use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Reply};

use crate::harness::{TestApp, eventually};

fn latency(app: &TestApp, source: usize) -> Value {
    app.admin_get("/v1/sources").json()["sources"][source]["latency_ms"].clone()
}

#[test]
fn operators_see_how_long_the_calls_that_a_source_had_took() {
    let app = TestApp::start();
    assert_eq!(latency(&app, 1), json!({"count": 0, "p50": null, "p95": null, "p99": null}));
    app.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_millis(80)));
    for _ in 0..6 {
        app.profile("c-1");
    }
    eventually("all workers have said it", || latency(&app, 1)["count"] == 6);
    let crm = latency(&app, 1);
    let [p50, p99] = ["p50", "p99"].map(|part| crm[part].as_f64().expect("milliseconds"));
    assert!(p50 >= 80.0 && p50 <= p99, "{crm}");
}

#[test]
fn a_call_that_was_never_made_is_none_of_them() {
    let app = TestApp::start_with("[sources.crm]\nrate_limit = { requests = 1, per = '1h' }");
    app.sim.orders().script([Reply::status(500)]);
    for _ in 0..3 {
        app.profile("c-1");
    }
    eventually("a failed call counts", || latency(&app, 2)["count"] == 3);
    eventually("one that had no permit does not", || latency(&app, 1)["count"] == 1);
}
