//! Keys that come from the environment.

use super::{BASE, load};
use crate::domain::credential::CredentialKind;
use crate::domain::secret::ExposeSecret;

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
    assert_eq!(source.timeout.as_secs(), 7);
    assert_eq!(source.breaker.failure_ratio.to_string(), "0.25");
    let credential = settings.credentials.first().expect("a credential");
    let CredentialKind::Static(secret) = &credential.kind else { panic!("{credential:?}") };
    assert_eq!(secret.value.expose_secret(), "Bearer 00123");
    let inputs: Vec<_> = settings.actions.iter().flat_map(|action| &action.inputs).collect();
    assert!(inputs.len() == 1 && inputs.iter().all(|input| input.max_length == 9));
}

#[test]
fn a_mistake_in_the_environment_is_reported_there() {
    let problems = load(BASE, &[("TRIBUTARY__SERVER__WORKERS", "many")]).expect_err("a problem");
    let expected = "environment:\n  server.workers: found \"many\"; allowed: a whole number \
                    from 1 to 1024\n1 problem in the configuration";
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
