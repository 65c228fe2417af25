//! `[credentials.NAME]` tables: what is refused, at which key and in which words, and what is read.

use super::{BASE, assert_refused, good};
use crate::model::secret::ExposeSecret;
use crate::policy::auth::credential_spec::CredentialKind;
use crate::policy::auth::credential_spec::client_credentials_spec::ClientAuth;

#[test]
fn rules_of_client_credentials() {
    let start = "[credentials.c]\nkind = 'client_credentials'\nclient_id = 'i'\n";
    let secret = "client_secret = 's'\n";
    let url = "token_url = 'https://h/token'\n";
    let all = format!("{start}{url}{secret}");
    let cases = [
        (format!("{start}{secret}"), "token_url", "or `region`"),
        (format!("{all}region = 'x'"), "token_url", "exactly one"),
        (format!("{start}{secret}region = 'mypurecloud.xx'"), "region", "mypurecloud.de"),
        (format!("{start}{secret}token_url = 'h/token'"), "token_url", "http:// or https://"),
        (format!("{start}{secret}token_url = 'https://h/{{id}}'"), "token_url", "placeholders"),
        (format!("{start}{url}"), "client_secret", "TRIBUTARY__CREDENTIALS__C__CLIENT_SECRET"),
        (format!("{all}client_auth = 'post'"), "client_auth", "\"basic\" or"),
        (format!("{all}scopes = ['a b']"), "scopes", "without spaces"),
        (format!("{all}timeout = '2m'"), "timeout", "from 1ms to 1m"),
        (format!("{all}refresh_before_expiry = '25h'"), "refresh_before_expiry", "to 24h"),
        (format!("{all}ca_file = '/no/such'"), "ca_file", "cannot be read"),
        (format!("{all}ca_file = '/dev/null'"), "ca_file", "a device, not a regular file"),
        (format!("{all}ca_file = 'Cargo.toml'"), "ca_file", "there is no certificate in PEM"),
        (format!("{all}header = 'X'"), "header", "unknown key"),
    ];
    for (text, key, words) in cases {
        assert_refused(&text, &format!("credentials.c.{key}"), words);
    }
    let text = "[credentials.c]\nkind = 'client_credentials'\nclient_secret = 's'\n\
                region = 'mypurecloud.com'";
    let words = "the environment variable TRIBUTARY__CREDENTIALS__C__CLIENT_ID";
    assert_refused(text, "credentials.c.client_id", words);
}

#[test]
fn rules_of_static_credentials_and_of_every_kind() {
    let cases = [
        ("kind = 'basic'\nx = 1", "kind", "found \"basic\""),
        ("x = 1", "kind", "found nothing"),
        ("kind = 'static'", "secret", "`secret_file`"),
        (
            "kind = 'static'\nsecret = 'é'",
            "secret",
            "(not shown) that has a character outside of ASCII",
        ),
        (
            "kind = 'static'\nsecret = 's '",
            "secret",
            "(not shown) that begins or ends with a space",
        ),
        ("kind = 'static'\nsecret = 's'\npassword = 'x'", "password", "prefix = \"Basic \""),
        (
            "kind = 'static'\nsecret = 's'\nheader = 'a b'",
            "header",
            "character 2 of the header's name",
        ),
        (
            "kind = 'static'\nsecret = 's'\nheader = 'X-API-Key: hunter2'",
            "header",
            "found a text (not shown); allowed: a header's name alone",
        ),
        ("kind = 'static'\nsecret_file = 'hunter2'", "secret_file", "not shown: the secret itself"),
        ("kind = 'static'\nsecret = 's'\nscopes = []", "scopes", "unknown key"),
    ];
    for (text, key, words) in cases {
        let text = format!("[credentials.c]\n{text}");
        assert_refused(&text, &format!("credentials.c.{key}"), words);
    }
    let text = "[credentials.Crm]\nkind = 'static'\nsecret = 's'";
    assert_refused(text, "credentials.Crm", "lower-case letter");
}

#[test]
fn a_client_credentials_table_becomes_a_spec() {
    let text = "[credentials.c]\nkind = 'client_credentials'\nregion = 'eu-central-1'\n\
                client_id = 'i'\nclient_secret = '1e5'\nclient_auth = 'form'\nscopes = ['a:b']";
    let settings = good(&format!("{BASE}{text}"));
    let kinds = settings.credentials.into_iter().map(|credential| credential.kind);
    let Some(CredentialKind::ClientCredentials(client)) = kinds.last() else { panic!("no client") };
    assert_eq!(client.endpoint.to_string(), "https://login.mypurecloud.de");
    assert_eq!(client.path_and_query, "/oauth/token");
    assert_eq!(client.client_secret.expose_secret(), "1e5");
    assert_eq!(client.client_auth, ClientAuth::Form);
    assert_eq!(client.scopes, ["a:b"]);
    assert_eq!((client.refresh_before_expiry.as_secs(), client.timeout.as_secs()), (60, 5));
}

#[test]
fn a_static_secret_goes_after_bearer_into_authorization_and_bare_into_other_headers() {
    let cases = [
        ("", "Authorization", "Bearer hunter2"),
        ("header = 'X-API-Key'", "X-API-Key", "hunter2"),
        ("header = 'X-API-Key'\nprefix = 'Key '", "X-API-Key", "Key hunter2"),
        ("prefix = ''", "Authorization", "hunter2"),
    ];
    for (keys, header, value) in cases {
        let text = BASE.replace("secret = \"hunter2\"", &format!("secret = \"hunter2\"\n{keys}"));
        let kinds = good(&text).credentials.into_iter().map(|credential| credential.kind);
        let Some(CredentialKind::Static(secret)) = kinds.last() else { panic!("no secret") };
        assert_eq!(
            (secret.header.name.as_str(), secret.header.value.expose_secret()),
            (header, value)
        );
    }
}
