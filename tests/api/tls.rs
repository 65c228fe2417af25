//! Upstreams that speak TLS: whom the service trusts, and what it says about the others.

use serde_json::json;

use tributary::simulator::{Options, Simulator};

use crate::authority::{Authority, VALID};
use crate::checks::{Expected, assert_one, assert_others_whole};
use crate::harness::TestApp;

/// The service with its CRM there, trusting the certificates in that file.
fn app_with_crm(url: &str, ca_file: Option<&tempfile::NamedTempFile>) -> TestApp {
    let ca =
        ca_file.map(|file| format!("ca_file = '{}'", file.path().display())).unwrap_or_default();
    TestApp::start_with(&format!("[sources.crm]\nurl = \"{url}/v2/accounts\"\n{ca}"))
}

#[track_caller]
fn expect_refused(app: &TestApp, error: &str) {
    let (outcome, data) = ("connect_failed", json!(null));
    let expected = Expected { outcome, status: 502, error, attempts: 1, data };
    assert_one(&app.profile("c-1"), "crm", &expected);
}

#[test]
fn an_upstream_whose_authority_is_configured_is_trusted() {
    let authority = Authority::new("theirs");
    let upstreams = authority.upstreams("127.0.0.1", VALID);
    let app = app_with_crm(&upstreams.crm().base_url(), Some(&authority.file()));
    assert_others_whole(&app.profile("c-1"), "");
    assert_eq!(upstreams.crm().hits(), 1);
}

#[test]
fn an_expired_certificate_is_refused() {
    let authority = Authority::new("theirs");
    let upstreams = authority.upstreams("127.0.0.1", 2001..2002);
    let app = app_with_crm(&upstreams.crm().base_url(), Some(&authority.file()));
    expect_refused(&app, "TLS handshake failed: certificate expired");
    assert_eq!(upstreams.crm().hits(), 0);
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new("theirs");
    let upstreams = authority.upstreams("crm.example.com", VALID);
    let app = app_with_crm(&upstreams.crm().base_url(), Some(&authority.file()));
    expect_refused(&app, "certificate not valid for host name 127.0.0.1");
    assert_eq!(upstreams.crm().hits(), 0);
}

#[test]
fn an_unknown_authority_is_refused() {
    let upstreams = Authority::new("theirs").upstreams("127.0.0.1", VALID);
    let others = Authority::new("another").file();
    for trusted in [None, Some(&others)] {
        let app = app_with_crm(&upstreams.crm().base_url(), trusted);
        expect_refused(&app, "certificate from an unknown issuer");
    }
    assert_eq!(upstreams.crm().hits(), 0);
}

#[test]
fn an_upstream_that_does_not_speak_tls_is_told_apart() {
    let plain = Simulator::start(Options::default()).expect("loopback has ports");
    let app = app_with_crm(&plain.crm().base_url().replace("http:", "https:"), None);
    expect_refused(&app, "the server does not answer in TLS");
}

#[test]
fn tokens_come_over_tls_as_well() {
    let authority = Authority::new("theirs");
    let upstreams = authority.upstreams("127.0.0.1", VALID);
    let file = authority.file();
    let with = |ca: &str| {
        format!(
            "[credentials.genesys]\ntoken_url = \"{}/oauth/token\"\n{ca}\n\
                 [sources.genesys]\nurl = \"{}/api/v2/users/{{customerId}}\"\n{ca}",
            upstreams.oauth().base_url(),
            upstreams.users().base_url()
        )
    };
    let app = TestApp::start_with(&with(&format!("ca_file = '{}'", file.path().display())));
    assert_others_whole(&app.profile("c-1"), "");

    let app = TestApp::start_with(&with(""));
    let reply = app.profile("c-1");
    let error = "no token: the token endpoint cannot be reached: TLS handshake failed: \
                 certificate from an unknown issuer";
    let data = json!(null);
    let expected = Expected { outcome: "auth_failed", status: 401, error, attempts: 0, data };
    assert_one(&reply, "genesys", &expected);
}
