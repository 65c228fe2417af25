//! The demo's switches are not there outside of the demo.

use crate::harness::{TestApp, assert_problem};

#[test]
fn a_service_outside_of_the_demo_has_no_switches_for_faults() {
    let app = TestApp::start();
    let path = "/v1/demo/faults";
    assert_problem(&app.admin_get(path), 404);
    let json = [("content-type", "application/json")];
    let problem = assert_problem(&app.admin_post(path, &json), 404);
    let routes = problem["routes"].as_array().expect("a list");
    assert!(!routes.iter().any(|route| route.as_str().is_some_and(|route| route.contains("demo"))));
}
