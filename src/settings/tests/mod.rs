//! Whole configurations: one table of rules for each kind of table, and the text of all problems.

mod action;
mod config_hash;
mod credential;
mod dependencies;
mod documents;
mod environment;
mod injection;
mod keys;
mod likely_mistakes;
mod output;
mod paging;
mod schema;
mod secret_url;
mod server;
mod source;
mod tenants;
mod traces;
mod versions;
mod whole;

use super::{Problem, Problems, Settings};

/// A configuration without a mistake, to which the tests add.
const BASE: &str = r#"
[credentials.fixed]
kind = "static"
secret = "hunter2"

[sources.crm]
url = "https://crm.example/v2/accounts/{id}"
credential = "fixed"

[actions.profile]
sources = ["crm"]
inputs.id = { type = "string", required = true }
"#;

/// Reads the text with environment variables on top.
fn load(text: &str, environment: &[(&str, &str)]) -> Result<Settings, Problems> {
    let report = super::Report::default();
    let layer = super::Layer { name: "t.toml".to_owned(), text: text.to_owned() };
    let environment =
        environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Settings::build(&[layer], environment, report)
}

/// The settings of a text that must be right.
fn good(text: &str) -> Settings {
    match Settings::from_toml(text, "t.toml") {
        Ok(settings) => settings,
        Err(problems) => panic!("{text}\n{problems}"),
    }
}

/// The problems of a text that must be wrong.
fn problems(text: &str) -> Vec<Problem> {
    match Settings::from_toml(text, "t.toml") {
        Ok(_) => panic!("no problem in\n{text}"),
        Err(problems) => problems.as_slice().to_vec(),
    }
}

/// Checks that `layer` on top of [`BASE`] is exactly one problem, at this key and with these words.
fn assert_refused(layer: &str, key: &str, words: &str) {
    let layers = [BASE, layer].map(|text| super::Layer {
        name: if text == BASE { "base.toml" } else { "t.toml" }.to_owned(),
        text: text.to_owned(),
    });
    let problems = match Settings::from_layers(&layers) {
        Ok(_) => panic!("no problem in\n{layer}"),
        Err(problems) => problems.as_slice().to_vec(),
    };
    let [problem] = problems.as_slice() else { panic!("{layer}\n{problems:#?}") };
    assert_eq!(problem.key, key, "{layer}");
    let text = problem.to_string();
    assert!(text.contains(words), "{layer}\n{text}");
}

/// Checks that `layer` on top of [`BASE`] is right, but warned of at this key and with these words.
fn assert_warned(layer: &str, key: &str, words: &str) {
    let layers = [BASE, layer].map(|text| super::Layer {
        name: if text == BASE { "base.toml" } else { "t.toml" }.to_owned(),
        text: text.to_owned(),
    });
    let settings = Settings::from_layers(&layers).unwrap_or_else(|all| panic!("{layer}\n{all}"));
    let [warning] = settings.warnings.as_slice() else {
        panic!("{layer}\n{:#?}", settings.warnings)
    };
    assert_eq!((warning.file.as_str(), warning.key.as_str()), ("t.toml", key), "{layer}");
    assert!(warning.text.contains(words), "{layer}\n{warning}");
}

#[test]
fn the_base_of_these_tests_is_right() {
    let base = good(BASE);
    assert_eq!((base.sources.len(), base.warnings), (1, vec![]));
}
