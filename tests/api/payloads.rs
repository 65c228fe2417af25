//! What an upstream's body may be, and that it comes through as it was sent.

use std::time::Duration;

use serde_json::json;
use tributary::simulator::{Behaviour, Reply, Then};

use crate::checks::{Expected, assert_one, assert_others_whole};
use crate::harness::TestApp;

const CRM: &str = "[sources.crm]\nfallback = { none = true }\nmax_response = \"1KiB\"\n\
                   max_depth = 5\n";

fn body(bytes: impl Into<Vec<u8>>) -> Reply {
    Reply::status(200).with_header("content-type", "application/json").with_body(bytes.into())
}

/// Asserts that each of these replies of the CRM is `bad_payload`, with these words in the error.
#[track_caller]
fn expect_bad(cases: &[(&str, Behaviour)]) {
    let app = TestApp::start_with(CRM);
    for (error, behaviour) in cases {
        app.sim.crm().clear();
        app.sim.crm().set_behaviour(behaviour.clone());
        let data = json!({"none": true});
        let expected = Expected { outcome: "bad_payload", status: 502, error, attempts: 1, data };
        assert_one(&app.profile("c-1"), "crm", &expected);
        assert_eq!(app.sim.crm().hits(), 1, "it is not tried again: {error}");
    }
}

#[test]
fn what_is_not_json_is_a_bad_payload() {
    let html = "<html><body>Maintenance until 6 am</body></html>";
    expect_bad(&[
        ("this looks like HTML or XML, not JSON", body(html).into()),
        ("the body is empty", body("").into()),
        ("at byte 10", body(r#"{"a":[1,2,"#).into()),
        ("not UTF-8", body(b"{\"name\":\"M\xfcller\"}".to_vec()).into()),
        ("half of a surrogate pair", body(r#"{"a":"\ud800"}"#).into()),
        ("at byte 5", body(r#"{"a":NaN}"#).into()),
        ("at byte 5", body(r#"{"a":Infinity}"#).into()),
        ("at byte 6", body(r#"{"a":-Infinity}"#).into()),
        ("half of a surrogate pair", body(r#"{"a":"\udc00\ud800"}"#).into()),
        ("not UTF-8", body(b"{\"a\":\"\xed\xa0\x80\"}".to_vec()).into()),
        ("not UTF-8", body(b"{\"a\":\"\xc0\xaf\"}".to_vec()).into()),
        ("expected a value at byte 3", body("\u{feff}\u{feff}{}").into()),
        ("expected a digit at byte 7", body(r#"{"a":1e}"#).into()),
        ("nothing but white space after the value", body(r#"{"a":1}{"a":2}"#).into()),
        ("at byte 7", body(r#"{"a":1,}"#).into()),
    ]);
}

#[test]
fn what_is_larger_or_deeper_than_allowed_is_a_bad_payload() {
    let large = || body(format!("\"{}\"", "x".repeat(1024)));
    let deep = format!("{}{}", "[".repeat(6), "]".repeat(6));
    let fits = format!("{}{}", "[".repeat(5), "]".repeat(5));
    expect_bad(&[
        ("the reply is larger than 1024 bytes", large().into()),
        ("the reply is larger than 1024 bytes", Behaviour::Chunked.replying(large())),
        (
            "the reply is larger than 1024 bytes",
            Behaviour::NoLength { complete: true }.replying(large()),
        ),
        ("nested more than 5 deep", body(deep).into()),
    ]);
    let app = TestApp::start_with(CRM);
    app.sim.crm().set_behaviour(body(fits));
    assert_eq!(app.profile("c-1").outcome("crm"), "ok");
    app.sim.crm().set_behaviour(body(format!("\"{}\"", "x".repeat(1022))));
    assert_eq!(app.profile("c-1").outcome("crm"), "ok");
}

#[test]
fn an_encoding_that_was_not_asked_for_is_a_bad_payload() {
    let gzip =
        body(b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec()).with_header("content-encoding", "gzip");
    expect_bad(&[("the reply is encoded as gzip, which was not asked for", gzip.into())]);
}

#[test]
fn an_encoding_that_says_that_there_is_none_is_none() {
    let app = TestApp::start_with(CRM);
    for none in ["", "identity", "Identity", "none", "utf-8", "UTF-8", "identity, identity", " "] {
        app.sim.crm().set_behaviour(body(r#"{"a":1}"#).with_header("content-encoding", none));
        let reply = app.profile("c-1");
        assert_eq!(reply.source("crm")["data"], json!({"a": 1}), "{none:?}");
    }
    let twice = body("{}").with_header("content-encoding", "identity");
    expect_bad(&[(
        "the reply is encoded as br, which was not asked for",
        twice.with_header("content-encoding", "br").into(),
    )]);
}

#[test]
fn fifty_megabytes_behind_a_little_gzip_are_a_bad_payload() {
    let bomb = include_bytes!("fifty_megabytes.json.gz").to_vec();
    let gzip = body(bomb.clone()).with_header("content-encoding", "gzip");
    let app = TestApp::start_with("[sources.crm]\nfallback = { none = true }\n");
    let ways = [
        (Behaviour::Reply(gzip.clone()), "encoded as gzip, which was not asked for"),
        (Behaviour::Chunked.replying(gzip), "encoded as gzip, which was not asked for"),
        (Behaviour::Reply(body(bomb)), "not UTF-8"),
    ];
    for (behaviour, error) in ways {
        app.sim.crm().set_behaviour(behaviour);
        let data = json!({"none": true});
        let expected = Expected { outcome: "bad_payload", status: 502, error, attempts: 1, data };
        let reply = app.profile("c-1");
        assert_one(&reply, "crm", &expected);
        assert!(reply.took < Duration::from_secs(2), "{:?}", reply.took);
    }
}

fn with_headers(count: usize) -> Reply {
    // Two more are there already: the type and the length.
    (2..count).fold(body(r#"{"a":1}"#), |reply, number| {
        reply.with_header(format!("x-filler-{number}"), "x")
    })
}

#[test]
fn as_many_headers_as_are_taken_are_no_matter_and_more_are_a_bad_payload() {
    expect_bad(&[
        (
            "the reply is not usable: more than 96 headers in the response head",
            with_headers(97).into(),
        ),
        (
            "the reply is not usable: more than 96 headers in the response head",
            with_headers(100).into(),
        ),
        (
            "the reply is not usable: response head larger than",
            body("{}").with_header("x-filler", "x".repeat(200_000)).into(),
        ),
    ]);
    let app = TestApp::start_with(CRM);
    app.sim.crm().set_behaviour(with_headers(96));
    assert_eq!(app.profile("c-1").source("crm")["data"], json!({"a": 1}));
}

#[test]
fn a_body_that_is_cut_short_never_counts_as_whole() {
    let app = TestApp::start_with(&format!("{CRM}retry = {{ max_attempts = 2, base = \"1ms\" }}"));
    let json = body(r#"{"a":1}"#);
    for behaviour in [Behaviour::ShortContentLength, Behaviour::CutChunked] {
        app.sim.crm().set_behaviour(behaviour.replying(json.clone()));
        let data = json!({"none": true});
        let error = "the connection broke: connection closed";
        let expected =
            Expected { outcome: "connect_failed", status: 502, error, attempts: 2, data };
        assert_one(&app.profile("c-1"), "crm", &expected);
    }
    // Without any length only the JSON can tell.
    app.sim.crm().set_behaviour(Behaviour::NoLength { complete: false }.replying(json));
    assert_eq!(app.profile("c-1").outcome("crm"), "bad_payload");
}

#[test]
fn data_comes_through_byte_for_byte() {
    let text = "{ \"id\" :12345678901234567890123,\r\n\t\"price\": 1.00, \"same\":1, \"same\" : 2 , \
                \"e\": [ 1E+2,-0.0 ], \"text\": \"\\u00fc \\/ ü \u{2028} 株\" }";
    let app = TestApp::start_with("");
    let ways = [
        Behaviour::Reply(body(text)),
        Behaviour::Reply(body(format!("\u{feff}{text}"))),
        Behaviour::Chunked.replying(body(text)),
        Behaviour::NoLength { complete: true }.replying(body(text)),
        Behaviour::Drip { bytes_per_write: 7, every: Duration::from_millis(1) }
            .replying(body(text)),
    ];
    for way in ways {
        app.sim.crm().set_behaviour(way.clone());
        let reply = app.profile("c-1");
        assert_others_whole(&reply, "crm");
        assert!(reply.text().contains(&format!("\"data\":{text}}}")), "{way:?}: {}", reply.text());
    }
}

#[test]
fn numbers_of_any_size_come_through_byte_for_byte() {
    let app = TestApp::start_with("");
    let digits = "9".repeat(400);
    for number in ["1e400", "-1E+999", "1e-400", &digits] {
        let text = format!("{{\"a\": [ {number} ], \"b\":{number}}}");
        app.sim.crm().set_behaviour(body(text.as_str()));
        // A reader that has no such numbers, as that of the tests, cannot read the whole.
        let reply = app.profile("c-1").text();
        let whole = [&format!("\"data\":{text}}}"), "\"complete\":true"];
        assert!(whole.iter().all(|part| reply.contains(part)), "{reply}");
    }
}

#[test]
fn interim_replies_under_load_never_swap_two_customers_answers() {
    let app = TestApp::start();
    let interim = || b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_vec();
    for upstream in [app.sim.users(), app.sim.crm(), app.sim.orders()] {
        upstream.set_behaviour(Behaviour::Interim(vec![interim(), interim()]));
    }
    std::thread::scope(|scope| {
        // Fewer than the users API allows in a minute.
        for caller in 0..8 {
            let (app, customer) = (&app, if caller % 2 == 0 { "c-even" } else { "c-odd" });
            scope.spawn(move || {
                for _ in 0..20 {
                    let reply = app.profile(customer);
                    assert_others_whole(&reply, "");
                    assert_eq!(reply.source("genesys")["data"]["id"], customer);
                    assert_eq!(reply.source("crm")["data"]["account"]["id"], customer);
                    let orders = reply.source("orders");
                    let orders = orders["data"]["results"].as_array().expect("a list");
                    assert!(!orders.is_empty());
                    assert!(orders.iter().all(|order| order["customerId"] == customer));
                }
            });
        }
    });
}

#[test]
fn an_interim_reply_is_never_taken_for_the_answer() {
    let app = TestApp::start();
    let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_vec();
    let processing = b"HTTP/1.1 102 Processing\r\n\r\n".to_vec();
    app.sim.crm().set_behaviour(Behaviour::Interim(vec![processing, hints]));
    for customer in ["c-1", "c-2", "c-3", "c-4", "c-5", "c-6"] {
        assert_others_whole(&app.profile(customer), "");
    }
}

#[test]
fn what_does_not_speak_http_is_connect_failed() {
    // Tried once: it would be the same another time.
    let app = TestApp::start_with(&format!("{CRM}retry = {{ max_attempts = 3, base = \"1ms\" }}"));
    let bytes = b"SSH-2.0-OpenSSH_9.6\r\n".to_vec();
    app.sim.crm().set_behaviour(Behaviour::Raw { bytes, then: Then::Close });
    let (error, data) = ("the connection broke: malformed response head", json!({"none": true}));
    let expected = Expected { outcome: "connect_failed", status: 502, error, attempts: 1, data };
    assert_one(&app.profile("c-1"), "crm", &expected);
}

#[test]
fn a_reply_that_breaks_http_is_asked_for_once() {
    let app = TestApp::start_with(&format!("{CRM}retry = {{ max_attempts = 3, base = \"1ms\" }}"));
    for raw in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
        "HTTP/1.1 200 OK\r\nbad header: 1\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
    ] {
        let bytes = raw.as_bytes().to_vec();
        app.sim.crm().set_behaviour(Behaviour::Raw { bytes, then: Then::Close });
        let before = app.sim.crm().hits();
        let reply = app.profile("c-1");
        assert_eq!(reply.outcome("crm"), "connect_failed", "{raw:?}");
        assert_eq!(app.sim.crm().hits() - before, 1, "{raw:?}");
        assert_eq!(reply.source("crm")["attempts"], 1, "{raw:?}");
    }
}
