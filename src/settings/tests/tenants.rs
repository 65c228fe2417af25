//! Credentials that a request chooses, and the host that a credential gives.

use super::{BASE, assert_refused, good};

/// A source whose path goes to the API of the tenant's region.
const TENANTS: &str = r#"
[credentials.eu]
kind = "client_credentials"
region = "euw2.pure.cloud"
client_id = "a"
client_secret = "b"
[credentials.us]
kind = "client_credentials"
region = "us-east-1"
client_id = "a"
client_secret = "b"
[credentials.elsewhere]
kind = "client_credentials"
token_url = "https://login.example.com/token"
client_id = "a"
client_secret = "b"
[sources.user]
url = "/api/v2/users/me"
credential = "{org}"
[actions.user]
sources = ["user"]
"#;

fn with(more: &str) -> String {
    format!("{TENANTS}{more}")
}

fn chosen(credentials: &str) -> String {
    with(&format!(
        "[actions.user.inputs]\norg = {{ type = \"string\", required = true, credentials = {credentials} }}\n"
    ))
}

#[test]
fn there_is_one_source_for_each_credential_at_the_host_of_its_region() {
    let settings = good(&format!("{BASE}{}", chosen("{ eu = 'eu', us = 'us', also = 'us' }")));
    let of_user = settings.sources.iter().filter(|source| source.id.as_str() == "user");
    let shown: Vec<_> =
        of_user.map(|source| (source.name(), source.request.url.endpoint().to_string())).collect();
    assert_eq!(
        shown,
        [
            ("user (eu)".to_owned(), "https://api.euw2.pure.cloud".to_owned()),
            ("user (us)".to_owned(), "https://api.mypurecloud.com".to_owned()),
        ]
    );
    let plan = settings.plan();
    for line in [
        "source user (eu)\n  request         GET https://api.euw2.pure.cloud/api/v2/users/me\n",
        "  credential      us, chosen by {org}\n",
        "  \"also\" chooses us\n",
    ] {
        assert!(plan.contains(line), "{line} in {plan}");
    }
    assert!(!plan.contains("invalid"), "{plan}");
}

#[test]
fn a_path_goes_to_the_api_of_the_sources_credential() {
    let settings = good(&format!("{BASE}{}", with("").replace("{org}", "eu")));
    let user = settings.sources.iter().find(|source| source.id.as_str() == "user").expect("it");
    assert_eq!(user.request.url.endpoint().to_string(), "https://api.euw2.pure.cloud");
    assert_eq!(user.request.shown_url, "https://api.euw2.pure.cloud/api/v2/users/me");
}

#[test]
fn rules_of_tenants() {
    let optional = "[actions.user.inputs]\norg = { type = 'string', credentials = { a = 'eu' } }\n";
    let number = "[actions.user.inputs]\n\
                  org = { type = 'integer', required = true, credentials = { 1 = 'eu' } }\n";
    let plain = "[actions.user.inputs]\norg = { type = 'string', required = true }\n";
    let other = "[actions.user.inputs]\n\
                 org = { type = 'string', default = 'x', credentials = { a = 'eu' } }\n";
    for (text, key, words) in [
        (with(""), "sources.user.credential", "does not have as an input"),
        (with("").replace("{org}", "{o r g}"), "sources.user.credential", "input in braces"),
        (with("").replace("{org}", "elsewhere"), "sources.user.url", "`region` or `api_url`"),
        (with(plain), "actions.user.inputs.org", "without `credentials`"),
        (with(optional), "actions.user.inputs.org", "required = true, or a default"),
        (with(number), "actions.user.inputs.org", "only an input of type string"),
        (with(other), "actions.user.inputs.org", "none of the values"),
        (chosen("{}"), "actions.user.inputs.org.credentials", "at least one value"),
        (chosen("{ a = 3 }"), "actions.user.inputs.org.credentials.a", "the id of a credential"),
        (chosen("{ a = 'no' }"), "actions.user.inputs.org.credentials.a", "which is no credential"),
        (chosen("{ a = 'elsewhere' }"), "sources.user.url", "where the API of elsewhere is"),
        (
            chosen("{ a = 'eu' }") + "[sources.user.headers]\nAuthorization = 'x'\n",
            "sources.user.headers.Authorization",
            "the credential eu sets as well",
        ),
        (
            with("").replace("{org}", "eu")
                + "[credentials.eu2]\nkind = 'client_credentials'\n\
             client_id = 'a'\nclient_secret = 'b'\nregion = 'mypurecloud.de'\n\
             api_url = 'https://h/path'\n",
            "credentials.eu2.api_url",
            "scheme, host and port only",
        ),
    ] {
        assert_refused(&text, key, words);
    }
}
