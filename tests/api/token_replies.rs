//! What a token endpoint may say, and what becomes of it.

use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Options, Reply, Simulator};

use crate::checks::{assert_others_whole, assert_whole};
use crate::harness::{TestApp, assert_between};

/// The service with a token endpoint that says this; any token is good.
fn app_with(reply: impl Into<Behaviour>) -> TestApp {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    sim.oauth_settings().accept_anyone();
    sim.oauth().set_behaviour(reply);
    TestApp::start_on(sim, "")
}

fn token(expires_in: &Value) -> Behaviour {
    let body = json!({"access_token": "t-1", "token_type": "Bearer", "expires_in": expires_in});
    Behaviour::json(200, &body)
}

/// How long the service believes its token to live, in seconds.
#[track_caller]
fn believed_lifetime(app: &TestApp) -> u64 {
    let reply = app.profile("c-1");
    assert_others_whole(&reply, "");
    let call = app.sim.users().last_received().expect("a call");
    assert_eq!(call.header("authorization"), Some("Bearer t-1"));
    let seen = app.admin_get("/v1/credentials").json();
    seen["credentials"][0]["expires_in_s"].as_u64().expect("a number")
}

#[test]
fn a_lifetime_may_be_a_number_or_a_text() {
    for expires_in in [json!(3600), json!("3600"), json!(3600.9), json!(" 3600 ")] {
        let lifetime = believed_lifetime(&app_with(token(&expires_in)));
        assert!((3500..=3600).contains(&lifetime), "{expires_in}: {lifetime}");
    }
}

#[test]
fn a_lifetime_that_is_not_told_is_five_minutes() {
    let untold = json!({"access_token": "t-1", "token_type": "bearer"});
    for reply in [Behaviour::json(200, &untold), token(&Value::Null)] {
        let lifetime = believed_lifetime(&app_with(reply));
        assert!((200..=300).contains(&lifetime), "{lifetime}");
    }
}

#[test]
fn a_member_that_decides_nothing_may_be_of_any_type() {
    for odd in [json!(["a", "b"]), json!({}), json!(7), json!(null), json!("a b")] {
        let mut body = json!({"access_token": "t-1", "token_type": "Bearer", "expires_in": 3600});
        for member in ["scope", "refresh_token", "error", "id_token", "ext_expires_in"] {
            body[member] = odd.clone();
        }
        let lifetime = believed_lifetime(&app_with(Behaviour::json(200, &body)));
        assert!((3500..=3600).contains(&lifetime), "{odd}: {lifetime}");
    }
    expect_unusable(Behaviour::json(400, &json!({"error": ["x"]})), "refused the client (400)");
}

#[test]
fn a_byte_order_mark_before_the_token_reply_is_no_matter() {
    let body = r#"{"access_token": "t-1", "token_type": "Bearer", "expires_in": 3600}"#;
    let marked = |status, body: &str| Reply::status(status).with_body(format!("\u{feff}{body}"));
    let lifetime = believed_lifetime(&app_with(marked(200, body)));
    assert!((3500..=3600).contains(&lifetime), "{lifetime}");
    let refusal = marked(400, r#"{"error": "invalid_scope"}"#);
    expect_unusable(refusal, "refused the client (400, invalid_scope)");
}

#[test]
fn a_huge_lifetime_is_believed_for_two_days_at_most() {
    for expires_in in [json!(1e300), json!(u64::MAX), json!("99999999999999999999")] {
        let lifetime = believed_lifetime(&app_with(token(&expires_in)));
        assert!((172_700..=172_800).contains(&lifetime), "{expires_in}: {lifetime}");
    }
}

/// Asserts that this reply of the token endpoint costs only the source that needs the token, that
/// the error says why in these words and in nothing of the reply's own, and that nobody waits.
#[track_caller]
fn expect_unusable(reply: impl Into<Behaviour>, why: &str) {
    let app = app_with(reply);
    let aggregate = app.profile("c-1");
    let part = aggregate.source("genesys");
    assert_eq!((&part["outcome"], &part["status"]), (&json!("auth_failed"), &json!(401)));
    assert_eq!(part["attempts"], 0);
    let error = part["error"].as_str().expect("a sentence");
    assert!(error.starts_with("no token: the token endpoint") && error.contains(why), "{error}");
    assert!(!error.contains("secret-7"), "{error}");
    assert_others_whole(&aggregate, "genesys");
    assert_between(aggregate.took, 0, 1_500);
    assert_eq!(app.sim.users().hits(), 0);
}

#[test]
fn a_lifetime_that_is_none_is_refused() {
    for expires_in in [json!(-1), json!(0), json!("-3600")] {
        expect_unusable(token(&expires_in), "its expires_in is not positive");
    }
    for expires_in in [json!("soon"), json!([3600]), json!(true), json!("NaN"), json!("inf")] {
        expect_unusable(token(&expires_in), "its expires_in is not a number");
    }
}

#[test]
fn a_token_of_another_type_is_refused() {
    let body = json!({"access_token": "secret-7", "token_type": "MAC", "expires_in": 3600});
    expect_unusable(Behaviour::json(200, &body), "its token_type is not bearer");
}

#[test]
fn a_reply_without_a_token_is_refused() {
    for body in [json!({}), json!({"access_token": ""}), json!({"access_token": null})] {
        expect_unusable(Behaviour::json(200, &body), "it has no access_token");
    }
    for body in [json!({"access_token": 7}), json!([]), json!("secret-7")] {
        expect_unusable(Behaviour::json(200, &body), "it is not a JSON token reply");
    }
    let html = Reply::status(200).with_body("<html>secret-7</html>");
    expect_unusable(html, "it is not a JSON token reply");
    expect_unusable(Behaviour::status(200), "it is not a JSON token reply");
    expect_unusable(Behaviour::status(204), "it is not a JSON token reply");
}

#[test]
fn a_token_that_no_header_may_carry_is_refused() {
    for token in ["secret-7\r\nx-evil: 1", "secret-7 and more", "secret-7ü", "\u{0}"] {
        let body = json!({"access_token": token, "token_type": "bearer"});
        expect_unusable(Behaviour::json(200, &body), "characters that no token may have");
    }
}

#[test]
fn a_reply_of_five_megabytes_is_refused() {
    let body = json!({"access_token": "x".repeat(5_000_000), "token_type": "bearer"});
    expect_unusable(Behaviour::json(200, &body), "it is larger than 64 KiB");
}

#[test]
fn a_refusal_shows_its_standard_code_and_nothing_else() {
    let body = json!({"error": "invalid_scope", "error_description": "secret-7"});
    expect_unusable(Behaviour::json(400, &body), "refused the client (400, invalid_scope)");
    let odd = json!({"error": "secret-7"});
    expect_unusable(Behaviour::json(403, &odd), "refused the client (403)");
    let moved = Reply::status(302).with_header("location", "https://secret-7.example/");
    expect_unusable(moved, "refused the client (302)");
}

#[test]
fn a_source_without_the_credential_does_not_wait_for_the_token() {
    let app = app_with(Behaviour::Hang);
    let reply = app.post_with(
        crate::harness::PROFILE,
        &[("x-request-timeout-ms", "600")],
        br#"{"customerId": "c-1", "externalApiKey": "k"}"#,
    );
    for source in ["crm", "orders"] {
        assert_whole(&reply, source);
        let latency = reply.source(source)["latency_ms"].as_u64().expect("a number");
        assert!(latency < 500, "{source}: {latency}");
    }
}
