//! Keys that come from the environment.

use std::io::Write as _;

use super::{BASE, load};
use crate::model::secret::ExposeSecret;
use crate::policy::auth::credential_spec::{CredentialKind, Proof};
use crate::settings::{Layer, Report, Settings};

#[test]
fn the_environment_sets_numbers_durations_and_secrets() {
    let variables = [
        ("TRIBUTARY__SERVER__WORKERS", "3"),
        ("TRIBUTARY__SOURCES__CRM__TIMEOUT", "7s"),
        ("TRIBUTARY__SOURCES__CRM__BREAKER__FAILURE_RATIO", "0.25"),
        ("TRIBUTARY__CREDENTIALS__FIXED__SECRET", "00123"),
        ("TRIBUTARY__ACTIONS__PROFILE__INPUTS__ID__MAX_LENGTH", "9"),
    ];
    let settings = load(BASE, &variables).expect("no problem");
    assert_eq!(settings.server.workers, 3);
    let source = settings.sources.first().expect("a source");
    assert_eq!(source.policies.exchange.timeout.as_secs(), 7);
    assert_eq!(source.policies.breaker.failure_ratio.to_string(), "0.25");
    let credential = settings.credentials.first().expect("a credential");
    let CredentialKind::Static(secret) = &credential.kind else { panic!("{credential:?}") };
    assert_eq!(secret.header.value.expose_secret(), "Bearer 00123");
    let inputs: Vec<_> = settings.actions.iter().flat_map(|action| &action.inputs).collect();
    assert!(inputs.len() == 1 && inputs.iter().all(|input| input.max_length == 9));
}

#[test]
fn a_mistake_in_the_environment_is_reported_there() {
    let problems = load(BASE, &[("TRIBUTARY__SERVER__WORKERS", "many")]).expect_err("a problem");
    let expected = "environment:\n  server.workers: found \"many\"; allowed: a whole number \
                    from 1 to 512\n1 problem in the configuration";
    assert_eq!(problems.to_string(), expected);
}

#[test]
fn an_unknown_variable_is_an_unknown_key() {
    let variable = ("TRIBUTARY__SERVER__LISTN", "127.0.0.1:80");
    let problems = load(BASE, &[variable]).expect_err("a problem").to_string();
    let expected = "environment:\n  server.listn: found an unknown key; \
                    allowed: did you mean `listen`?\n1 problem";
    assert!(problems.starts_with(expected), "{problems}");
}

/// The settings of files on top of [`BASE`], the later ones on top of the earlier ones, and of
/// environment variables.
fn layered(files: &[String], environment: &[(&str, &str)]) -> Result<Settings, String> {
    let texts = std::iter::once(BASE).chain(files.iter().map(String::as_str));
    let layers: Vec<_> = texts
        .zip(["base.toml", "a.toml", "b.toml"])
        .map(|(text, name)| Layer { name: name.to_owned(), text: text.to_owned() })
        .collect();
    let environment =
        environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let settings = Settings::build(&layers, environment, Report::default());
    settings.map_err(|problems| problems.to_string())
}

/// The secret of the credential that the test has added to the one of [`BASE`].
#[track_caller]
fn secret_of(settings: Result<Settings, String>) -> String {
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    match settings.credentials[1].proof() {
        Proof::Header(header) => header.value.expose_secret().to_owned(),
        Proof::Token(client) => client.client_secret.expose_secret().to_owned(),
    }
}

#[test]
fn of_a_secret_and_its_file_that_of_the_later_layer_wins() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(b"from-a-file\n").expect("written");
    let path = file.path().to_str().expect("UTF-8");
    let kinds = [
        ("kind = 'static'\nheader = 'X-Key'", "secret"),
        (
            "kind = 'client_credentials'\nclient_id = 'i'\ntoken_url = 'https://h/t'",
            "client_secret",
        ),
    ];
    for (kind, key) in kinds {
        let first = |line: &str| format!("[credentials.c]\n{kind}\n{line}");
        let later = |line: &str| format!("[credentials.c]\n{line}");
        let text = format!("{key} = 'from-a-text'");
        let named = format!("{key}_file = '{path}'");
        let gone = format!("{key}_file = '/no/such/file'");
        let name = format!("TRIBUTARY__CREDENTIALS__C__{}", key.to_uppercase());
        let name_of_file = format!("{name}_FILE");
        let (variable, file) = ((name.as_str(), "from-a-variable"), (name_of_file.as_str(), path));

        let cases = [
            (vec![first(&gone)], vec![variable], "from-a-variable"),
            (vec![first(&text)], vec![file], "from-a-file"),
            (vec![first(&text), later(&named)], vec![], "from-a-file"),
            (vec![first(&format!("{key} = 4711")), later(&named)], vec![], "from-a-file"),
            (vec![first(&gone), later(&text)], vec![], "from-a-text"),
            (vec![first(&text), later(&gone)], vec![variable], "from-a-variable"),
        ];
        for (files, environment, expected) in cases {
            assert_eq!(secret_of(layered(&files, &environment)), expected, "{files:?}");
        }
        let words = format!("credentials.c.{key}: found both `{key}` and `{key}_file`");
        let both = later(&format!("{text}\n{named}"));
        let problems = layered(&[first(""), both], &[]).expect_err("two in one file");
        assert!(problems.starts_with(&format!("b.toml:\n  {words}")), "{problems}");
        let problems = layered(&[first(&text)], &[variable, file]).expect_err("two variables");
        assert!(problems.starts_with(&format!("environment:\n  {words}")), "{problems}");
    }
}

#[test]
fn a_later_list_of_keys_is_the_whole_list() {
    let lower = "[[server.api_keys]]\nname = 'a'\nkey_file = '/no/such/file'";
    let upper = "[[server.api_keys]]\nname = 'b'\nkey = 'k'";
    let settings = layered(&[lower, upper].map(str::to_owned), &[]).expect("no problem");
    let names: Vec<_> = settings.server.api_keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn of_a_token_url_and_a_region_that_of_the_later_layer_wins() {
    let lower = |where_from: &str| {
        format!(
            "[sources.crm]\nurl = '/v2/{{id}}'\ncredential = 'c'\n[credentials.c]\n\
             kind = 'client_credentials'\nclient_id = 'i'\nclient_secret = 's'\n{where_from}"
        )
    };
    let region = [("TRIBUTARY__CREDENTIALS__C__REGION", "eu-central-1")];
    let settings = layered(&[lower("token_url = 'http://h/t'")], &region).expect("no problem");
    assert_eq!(
        settings.sources[0].request.url.endpoint().to_string(),
        "https://api.mypurecloud.de"
    );

    // The region's API is gone as well: no token of another server is sent there.
    let token_url = [("TRIBUTARY__CREDENTIALS__C__TOKEN_URL", "http://h/t")];
    let problems = layered(&[lower("region = 'eu-central-1'")], &token_url).expect_err("no host");
    assert!(problems.contains("sources.crm.url: "), "{problems}");
    let api = lower("region = 'eu-central-1'\napi_url = 'http://api.test'");
    let settings = layered(&[api], &token_url).expect("no problem");
    assert_eq!(settings.sources[0].request.url.endpoint().to_string(), "http://api.test");
}
