//! `tributary demo`, the real program: the faults that can be switched on.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

#[allow(dead_code, reason = "a part of it is for other tests")]
#[path = "api/client.rs"]
mod client;
mod program;

use serde_json::{Value, json};

use client::{Reply, send};
use program::demo::Demo;
use program::{program, text};

impl Demo {
    fn outcomes(&self) -> Value {
        let body = json!({"customerId": "c-1", "externalApiKey": "k"}).to_string();
        let path = "/v1/actions/customer_profile";
        let headers = [("content-type", "application/json"), ("x-request-timeout-ms", "1000")];
        let reply = send(self.public(), "POST", path, &headers, body.as_bytes()).expect("a reply");
        let sources = reply.json()["sources"].clone();
        json!(["genesys", "crm", "orders"].map(|name| sources[name]["outcome"].clone()))
    }

    fn faults(&self, method: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let path = "/v1/demo/faults";
        send(self.admin(), method, path, headers, body.as_bytes()).expect("a reply")
    }

    fn switch(&self, faults: &Value) -> Reply {
        let json = [("content-type", "application/json")];
        self.faults("POST", &json, &json!({"faults": faults}))
    }
}

#[test]
fn a_fault_of_the_command_line_shows_in_the_waterfall_and_in_words() {
    let output = program(&["demo", "--once", "--fail", "orders", "--slow", "crm"]).output();
    let output = output.expect("the program was built");
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "a part is missing: {told}");
    assert!(told.contains("Faults: crm (slow), orders (fail)"), "{told}");
    assert!(told.contains("\ncrm took longest: 2"), "{told}");
    let orders = told.lines().find(|line| line.starts_with("orders: ")).expect("a line");
    assert!(orders.starts_with("orders: attempt 1 failed (503), sent again after "), "{told}");
    assert!(orders.ends_with("the reply has null instead."), "{told}");
    // The deadline is near enough to be drawn.
    assert!(told.lines().any(|line| line.starts_with("crm ") && line.contains('┃')), "{told}");
}

#[test]
fn faults_that_are_not_known_are_all_told_with_those_that_are() {
    let arguments = ["demo", "--once", "--fail", "billing", "--slow", "crm", "--hang", "crm"];
    let output = program(&arguments).output().expect("the program was built");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "`billing` is no source of the demo; there are genesys, crm, orders\n\
         `crm` is named twice: one fault each\n"
    );
}

#[test]
fn faults_are_switched_at_the_admin_address_while_the_demo_runs() {
    let demo = Demo::start(&["--garbage", "genesys"]);
    let state = demo.faults("GET", &[], &Value::Null);
    assert_eq!(state.status, 200);
    let known = json!({
        "sources": ["genesys", "crm", "orders"],
        "faults": ["slow", "fail", "hang", "garbage", "limit"],
    });
    let garbage = json!([{"source": "genesys", "fault": "garbage"}]);
    assert_eq!(state.json(), json!({"faults": garbage, "known": known}));
    assert_eq!(demo.outcomes(), json!(["bad_payload", "ok", "ok"]));

    let wanted =
        json!([{"source": "crm", "fault": "hang"}, {"source": "orders", "fault": "limit"}]);
    let state = demo.switch(&wanted);
    assert_eq!((state.status, &state.json()["faults"]), (200, &wanted));
    assert_eq!(demo.outcomes(), json!(["ok", "timeout", "rate_limited"]));

    // One wrong entry: nothing changes.
    let wrong = demo.switch(&json!([{"source": "x", "fault": "y"}]));
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    let problems = json!([
        "`x` is no source of the demo; there are genesys, crm, orders",
        "`y` is no fault of the demo; there are slow, fail, hang, garbage, limit",
    ]);
    assert_eq!(wrong.json()["problems"], problems);
    assert_eq!(demo.faults("GET", &[], &Value::Null).json()["faults"], wanted);

    assert_eq!(demo.switch(&json!([])).status, 200);
    // Its rate limit was learnt from the upstream's word and holds for a second.
    let outcomes = demo.outcomes();
    assert_eq!(outcomes[0], "ok");
    assert_eq!(outcomes[1], "ok");
}

#[test]
fn a_web_page_of_another_site_switches_nothing() {
    let demo = Demo::start(&[]);
    let body = json!({"faults": [{"source": "crm", "fault": "fail"}]});
    let json = ("content-type", "application/json");
    let refused: [(&[(&str, &str)], u16); 5] = [
        (&[json, ("origin", "https://evil.example")], 403),
        (&[json, ("sec-fetch-site", "cross-site")], 403),
        (&[json, ("sec-fetch-site", "same-site")], 403),
        (&[("content-type", "text/plain")], 415),
        (&[], 415),
    ];
    for (headers, status) in refused {
        let reply = demo.faults("POST", headers, &body);
        assert_eq!(reply.status, status, "{headers:?}: {}", reply.text());
    }
    assert_eq!(demo.faults("DELETE", &[json], &body).status, 405);
    let malformed = demo.faults("POST", &[json], &json!({"source": "crm"}));
    assert_eq!(malformed.status, 400);
    assert!(malformed.text().contains("the body must be like"), "{}", malformed.text());
    assert_eq!(demo.faults("GET", &[], &Value::Null).json()["faults"], json!([]));

    let own = format!("http://{}", demo.admin());
    let reply = demo.faults("POST", &[json, ("origin", &own)], &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
}
