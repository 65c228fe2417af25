//! Upstreams that speak TLS: whom the service trusts, and what it says about the others.

use serde_json::json;

use tributary::simulator::{Behaviour, Options, Simulator, Then};

use crate::authority::{Authority, Issued, VALID};
use crate::checks::{Expected, assert_one, assert_others_whole};
use crate::harness::TestApp;

/// The service with its CRM there, trusting the certificates in that file.
fn app_with_crm(url: &str, ca_file: Option<&tempfile::NamedTempFile>) -> TestApp {
    let ca = ca_line(ca_file);
    TestApp::start_with(&format!(
        "[sources.crm]\nurl = \"{url}/v2/accounts\"\nretry = {{ max_attempts = 1 }}\n{ca}"
    ))
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

/// Says that it is an authority's, as what `openssl req -x509` makes.
const AUTHORITY: rcgen::IsCa = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);

#[test]
fn a_servers_own_certificate_is_trusted_if_it_is_the_configured_one() {
    let host = "127.0.0.1";
    for certificate in [
        Issued::self_signed(host, VALID, AUTHORITY),
        Issued::self_signed(host, VALID, rcgen::IsCa::NoCa),
        Issued::self_signed(host, VALID, rcgen::IsCa::ExplicitNoCa),
        Authority::new("of nobody").issue(host, VALID),
    ] {
        let upstreams = certificate.upstreams();
        let app = app_with_crm(&upstreams.crm().base_url(), Some(&certificate.file()));
        assert_others_whole(&app.profile("c-1"), "");
    }
}

#[test]
fn the_name_and_the_dates_of_a_configured_certificate_count() {
    for is_ca in [AUTHORITY, rcgen::IsCa::NoCa] {
        for (host, years, error) in [
            ("crm.example.com", VALID, "certificate not valid for host name 127.0.0.1"),
            ("127.0.0.1", 2001..2002, "TLS handshake failed: certificate expired"),
            ("127.0.0.1", 2088..2089, "TLS handshake failed: certificate not yet valid"),
        ] {
            let certificate = Issued::self_signed(host, years, is_ca);
            let upstreams = certificate.upstreams();
            let app = app_with_crm(&upstreams.crm().base_url(), Some(&certificate.file()));
            expect_refused(&app, error);
            assert_eq!(upstreams.crm().hits(), 0);
        }
    }
}

#[test]
fn a_certificate_like_the_configured_one_is_refused() {
    let of = |is_ca| Issued::self_signed("127.0.0.1", VALID, is_ca);
    let configured = of(AUTHORITY).file();
    let upstreams = of(AUTHORITY).upstreams();
    let app = app_with_crm(&upstreams.crm().base_url(), Some(&configured));
    expect_refused(&app, "certificate of an authority (CA:TRUE) used as a server's");
    // It says that it was signed by one of the configured one's name, and was signed by itself.
    let upstreams = of(rcgen::IsCa::NoCa).upstreams();
    let app = app_with_crm(&upstreams.crm().base_url(), Some(&configured));
    expect_refused(&app, "TLS handshake failed: certificate from an unknown issuer");
}

#[test]
fn a_configured_certificate_without_its_key_is_refused() {
    let certificate = Issued::self_signed("127.0.0.1", VALID, AUTHORITY);
    let file = certificate.file();
    let stolen = certificate.without_its_key().upstreams();
    let app = app_with_crm(&stolen.crm().base_url(), Some(&file));
    expect_refused(
        &app,
        "TLS handshake failed: the server does not have the key of its certificate",
    );
    assert_eq!(stolen.crm().hits(), 0);
}

#[test]
fn an_upstream_that_does_not_speak_tls_is_told_apart() {
    let plain = Simulator::start(Options::default()).expect("loopback has ports");
    let app = app_with_crm(&plain.crm().base_url().replace("http:", "https:"), None);
    expect_refused(&app, "the server does not answer in TLS");
}

/// The service, and a CRM over TLS that says these bytes and then closes in that way.
fn crm_that_closes(then: Then) -> (TestApp, impl Fn(&str)) {
    let authority = Authority::new("theirs");
    let upstreams = authority.upstreams("127.0.0.1", VALID);
    let app = app_with_crm(&upstreams.crm().base_url(), Some(&authority.file()));
    let say = move |text: &str| {
        upstreams.crm().set_behaviour(Behaviour::Raw { bytes: text.as_bytes().to_vec(), then });
    };
    (app, say)
}

#[test]
fn a_reply_that_says_its_length_needs_no_close_notify() {
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(300_000));
    let length = large.len();
    for then in [Then::CloseWithoutNotify, Then::Close] {
        let (app, say) = crm_that_closes(then);
        for (head, body, data) in [
            ("200 OK\r\nContent-Length: 7", r#"{"a":1}"#, json!({"a": 1})),
            ("200 OK\r\nConnection: close\r\nContent-Length: 7", r#"{"a":1}"#, json!({"a": 1})),
            (
                &format!("200 OK\r\nContent-Length: {length}"),
                &large,
                json!({"a": large[6..length - 2]}),
            ),
            (
                "200 OK\r\nTransfer-Encoding: chunked",
                "7\r\n{\"a\":1}\r\n0\r\n\r\n",
                json!({"a": 1}),
            ),
            ("201 Created\r\nContent-Length: 0", "", json!(null)),
            ("202 Accepted\r\nTransfer-Encoding: chunked", "0\r\n\r\n", json!(null)),
            ("204 No Content\r\nConnection: close", "", json!(null)),
        ] {
            let status = head[..3].parse().expect("a status");
            for version in ["1.0", "1.1"] {
                if version == "1.0" && head.contains("chunked") {
                    continue;
                }
                say(&format!("HTTP/{version} {head}\r\n\r\n{body}"));
                let data = data.clone();
                let expected = Expected { outcome: "ok", status, error: "", attempts: 1, data };
                assert_one(&app.profile("c-1"), "crm", &expected);
            }
        }
    }
}

#[test]
fn a_reply_that_only_the_end_of_the_connection_ends_needs_close_notify() {
    let until_close = "HTTP/1.1 200 OK\r\n\r\n{\"a\":1}";
    let (app, say) = crm_that_closes(Then::Close);
    say(until_close);
    assert_eq!(app.profile("c-1").source("crm")["data"], json!({"a": 1}));
    let (app, say) = crm_that_closes(Then::CloseWithoutNotify);
    for (text, why) in [
        (until_close, "without TLS close_notify, so the body may be cut off"),
        ("HTTP/1.1 201 Created\r\n\r\n", "without TLS close_notify, so the body may be cut off"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\":1}", "after 7 of 8 body bytes"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n",
            "inside a chunked body",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Le", "inside the response head"),
    ] {
        say(text);
        let error = format!("the connection broke: connection closed {why}");
        let (outcome, data) = ("connect_failed", json!(null));
        let expected = Expected { outcome, status: 502, error: &error, attempts: 1, data };
        assert_one(&app.profile("c-1"), "crm", &expected);
    }
}

#[test]
fn tokens_come_over_tls_as_well() {
    let certificate = Issued::self_signed("127.0.0.1", VALID, AUTHORITY);
    tokens_come_from(&certificate.upstreams(), &certificate.file());
    let authority = Authority::new("theirs");
    let upstreams = authority.upstreams("127.0.0.1", VALID);
    tokens_come_from(&upstreams, &authority.file());
    let reply = with_users_and_tokens(&upstreams, None).profile("c-1");
    let error = "no token: the token endpoint cannot be reached: TLS handshake failed: \
                 certificate from an unknown issuer";
    let data = json!(null);
    let expected = Expected { outcome: "auth_failed", status: 401, error, attempts: 0, data };
    assert_one(&reply, "genesys", &expected);
}

#[track_caller]
fn tokens_come_from(upstreams: &Simulator, ca_file: &tempfile::NamedTempFile) {
    let app = with_users_and_tokens(upstreams, Some(ca_file));
    assert_others_whole(&app.profile("c-1"), "");
}

/// The service with its users and tokens there, trusting the certificates in that file.
fn with_users_and_tokens(
    upstreams: &Simulator,
    ca_file: Option<&tempfile::NamedTempFile>,
) -> TestApp {
    let ca = ca_line(ca_file);
    TestApp::start_with(&format!(
        "[actions.customer_profile]\ndeadline = \"1500ms\"\n\
         [credentials.genesys]\ntoken_url = \"{}/oauth/token\"\n{ca}\n\
         [sources.genesys]\nurl = \"{}/api/v2/users/{{customerId}}\"\n{ca}",
        upstreams.oauth().base_url(),
        upstreams.users().base_url()
    ))
}

fn ca_line(ca_file: Option<&tempfile::NamedTempFile>) -> String {
    ca_file.map(|file| format!("ca_file = '{}'", file.path().display())).unwrap_or_default()
}
