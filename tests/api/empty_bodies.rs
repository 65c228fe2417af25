//! Successes with nothing in them, or with a part only: which of them are an answer.

use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Reply};

use crate::checks::{Expected, assert_one, assert_others_whole};
use crate::harness::TestApp;

const CRM: &str = "[sources.crm]\nfallback = { none = true }\nretry = { max_attempts = 1 }\n";

/// What becomes of the CRM's part if it says this.
#[track_caller]
fn expect(app: &TestApp, said: &Behaviour, outcome: &str, status: u16, error: &str, data: Value) {
    app.sim.crm().set_behaviour(said.clone());
    app.sim.crm().clear();
    let expected = Expected { outcome, status, error, attempts: 1, data };
    assert_one(&app.profile("c-1"), "crm", &expected);
    assert_eq!(app.sim.crm().hits(), 1, "{said:?}");
}

#[track_caller]
fn expect_null(app: &TestApp, said: &Behaviour, status: u16) {
    expect(app, said, "ok", status, "", json!(null));
}

#[track_caller]
fn expect_bad(app: &TestApp, said: &Behaviour, error: &str) {
    expect(app, said, "bad_payload", 502, error, json!({"none": true}));
}

/// The ways to say that a body is empty.
fn empty(status: u16) -> [Behaviour; 3] {
    let reply = || Reply::status(status).with_header("location", "/v2/accounts/7");
    // A proxy says so of every reply.
    let compressed = reply().with_header("content-encoding", "gzip");
    [reply().into(), Behaviour::Chunked.replying(reply()), compressed.into()]
}

/// The same, but for the end of the connection, which may come too early.
fn closed(status: u16) -> Behaviour {
    Behaviour::NoLength { complete: true }.replying(Reply::status(status))
}

#[test]
fn an_empty_201_202_204_or_205_is_ok_without_data() {
    for empty_body in ["", "empty_body = 'bad_payload'", "empty_body = 'null'"] {
        let app = TestApp::start_with(&format!("{CRM}{empty_body}"));
        for status in [201, 202, 204, 205] {
            for said in empty(status) {
                expect_null(&app, &said, status);
            }
        }
    }
}

#[test]
fn an_order_that_was_made_is_told_so() {
    let app = TestApp::start_with("[sources.orders]\nidempotent = false");
    let created = Reply::status(201).with_header("location", "/v1/orders/7");
    app.sim.orders().set_behaviour(created);
    let data = json!(null);
    let expected = Expected { outcome: "ok", status: 201, error: "", attempts: 1, data };
    assert_one(&app.profile("c-1"), "orders", &expected);
}

#[test]
fn a_204_that_announces_a_body_has_none() {
    let app = TestApp::start_with(CRM);
    for (name, value) in [("content-length", "5"), ("transfer-encoding", "chunked")] {
        expect_null(&app, &Reply::status(204).with_header(name, value).into(), 204);
    }
}

#[test]
fn other_empty_successes_are_what_the_configuration_says() {
    let strict = TestApp::start_with(CRM);
    let lenient = TestApp::start_with(&format!("{CRM}empty_body = 'null'"));
    for status in [200, 203, 207, 299] {
        for said in empty(status) {
            expect_bad(&strict, &said, "the body is empty (empty_body)");
            expect_null(&lenient, &said, status);
        }
    }
}

#[test]
fn an_empty_body_that_may_be_cut_is_no_answer() {
    for empty_body in ["", "empty_body = 'null'"] {
        let app = TestApp::start_with(&format!("{CRM}{empty_body}"));
        let cut = "the body is empty and has no length, so it may be cut off";
        for status in [201, 202, 205] {
            expect_bad(&app, &closed(status), cut);
            for cut in [Behaviour::ShortContentLength, Behaviour::CutChunked] {
                let said = cut.replying(Reply::status(status));
                let error = "the connection broke: connection closed";
                expect(&app, &said, "connect_failed", 502, error, json!({"none": true}));
            }
        }
        let cut = if empty_body.is_empty() { "the body is empty (empty_body)" } else { cut };
        expect_bad(&app, &closed(200), cut);
    }
}

#[test]
fn white_space_is_no_empty_body() {
    let app = TestApp::start_with(&format!("{CRM}empty_body = 'null'"));
    for status in [200, 201, 205] {
        for text in [" ", "\r\n", "\u{feff}"] {
            let said = Reply::status(status).with_body(text).into();
            expect_bad(&app, &said, "the body is empty or white space");
        }
    }
}

#[test]
fn what_a_201_202_or_205_brings_is_its_data() {
    let app = TestApp::start_with(CRM);
    for status in [201, 202, 205] {
        expect(
            &app,
            &Behaviour::json(status, &json!({"id": 7})),
            "ok",
            status,
            "",
            json!({"id": 7}),
        );
        expect_bad(&app, &Reply::status(status).with_body("created").into(), "expected a value");
    }
}

#[test]
fn an_empty_page_has_no_items_and_is_the_last() {
    let app = TestApp::start_with(&format!(
        "{CRM}paging = {{ kind = 'page_number', items = '/items', page_count = '/pages', \
         send_as = 'query:page' }}"
    ));
    let first = Behaviour::json(200, &json!({"items": [1, 2], "pages": 9}));
    for (pages, items) in [(vec![], json!([])), (vec![first], json!([1, 2]))] {
        let count = pages.len() + 1;
        app.sim.crm().clear();
        app.sim.crm().script(pages);
        app.sim.crm().set_behaviour(Behaviour::status(204));
        let reply = app.profile("c-1");
        assert_others_whole(&reply, "crm");
        let part = reply.source("crm");
        assert_eq!((&part["outcome"], &part["status"]), (&json!("ok"), &json!(204)), "{part}");
        let data = json!({"items": items, "pages": count, "next_cursor": null});
        assert_eq!((&part["data"], app.sim.crm().hits()), (&data, count), "{part}");
    }
}

#[test]
fn a_flat_reply_has_the_defaults_of_a_source_without_data_and_is_complete() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::status(201));
    let inputs = json!({"customerId": "c-1", "externalApiKey": "key-1"});
    let reply = app.post("/v1/actions/customer_card", &inputs).json();
    assert_eq!((&reply["crm_outcome"], &reply["crm_status"]), (&json!("ok"), &json!(201)));
    assert_eq!((&reply["tier"], &reply["complete"]), (&json!("standard"), &json!(true)), "{reply}");
}

#[test]
fn a_part_that_was_not_asked_for_is_a_bad_payload() {
    let app = TestApp::start_with(&format!("{CRM}empty_body = 'null'"));
    let part = || Reply::json(206, &json!({"account": {"id": "c-1"}}));
    for part in [
        part(),
        part().with_header("content-range", "bytes 0-27/90"),
        part().with_header("content-range", "items 0-9/*"),
        part().with_header("content-type", "multipart/byteranges; boundary=x"),
        Reply::status(206),
    ] {
        for said in [Behaviour::Reply(part.clone()), Behaviour::Chunked.replying(part)] {
            expect_bad(&app, &said, "the reply is only a part (206), which was not asked for");
        }
    }
}

#[test]
fn a_part_that_the_configuration_asks_for_is_ok() {
    let app = TestApp::start_with(&format!("{CRM}headers = {{ Range = 'items=0-9' }}"));
    let part = Reply::json(206, &json!([1])).with_header("content-range", "items 0-9/90");
    expect(&app, &part.into(), "ok", 206, "", json!([1]));
    let call = app.sim.crm().last_received().expect("a call");
    assert_eq!(call.header("range"), Some("items=0-9"));
}
