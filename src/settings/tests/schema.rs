//! The JSON Schema takes what the service takes, and refuses what an editor should mark.

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value as Json, json};

use super::super::schema;
use super::super::sections::ROOT;
use crate::config::layers::{Layer, merge};
use crate::config::report::Report;
use crate::config::toml_value::as_json;

fn validator() -> Validator {
    jsonschema::draft7::meta::validate(&schema()).expect("a schema of draft 7");
    jsonschema::draft7::new(&schema()).expect("a schema")
}

/// A text of TOML as JSON.
fn json_of(text: &str) -> Json {
    let report = Report::default();
    let layer = Layer { name: "a.toml".to_owned(), text: text.to_owned() };
    let merged = merge(&[layer], std::iter::empty(), &report);
    report.into_result(()).expect("TOML");
    as_json(&merged).expect("JSON")
}

/// What the validator says is wrong.
fn problems(validator: &Validator, json: &Json) -> Vec<String> {
    validator.iter_errors(json).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Every configuration that is shipped, of this version and of the one before.
fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in
        ["config", "config/examples", "docs/example", "benches", "tests/fixtures/config-0.1"]
    {
        for entry in std::fs::read_dir(root.join(folder)).expect(folder) {
            files.push(entry.expect("an entry").path());
        }
    }
    files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
    assert!(files.len() >= 9, "{files:?}");
    files
}

#[test]
fn the_schema_takes_every_configuration_that_is_shipped() {
    let validator = validator();
    for file in shipped() {
        let text = std::fs::read_to_string(&file).expect("text");
        let problems = problems(&validator, &json_of(&text));
        assert!(problems.is_empty(), "{}: {problems:#?}", file.display());
    }
}

#[test]
fn the_schema_refuses_what_the_service_refuses() {
    let validator = validator();
    for text in [
        "server.lisen = 'x'",
        "server.workers = 0",
        "server.max_body = '64 kilobytes'",
        "server.api_keys = 'x'",
        "server.api_keys = [{ nam = 'x' }]",
        "server.default_action = 'No'",
        "traces.sample_ratio = 2",
        "credentials.a = { kind = 'basic' }",
        "credentials.a = { kind = 'static', scopes = [] }",
        "sources.a.timeout = 3",
        "sources.a.timeout = '3 days'",
        "sources.a.method = 'HEAD'",
        "sources.a.retry.attempts = 2",
        "sources.a.empty_statuses = [200]",
        "sources.a.paging = { kind = 'link', items = '', next = '/n' }",
        "sources.a.paging = { kind = 'link', items = 'x' }",
        "sources.a.headers = { a = ['b'] }",
        "actions.a.deadline = true",
        "actions.a.inputs.b.type = 'text'",
        "actions.a.output.b = { pat = '/x' }",
        "action.a.deadline = '1s'",
    ] {
        assert!(!validator.is_valid(&json_of(text)), "{text}");
        assert!(super::super::Settings::from_toml(text, "a.toml").is_err(), "{text}");
    }
}

#[test]
fn every_key_has_its_help_and_its_default_in_the_schema() {
    let schema = schema();
    let timeout = &schema["properties"]["sources"]["additionalProperties"]["properties"]["timeout"];
    assert_eq!(timeout["default"], "10s");
    assert_eq!(timeout["description"], "One attempt, from connecting to the end of the reply.");
    let text = schema.to_string();
    for section in ROOT.sections {
        section.visit("", &mut |path, section| {
            for key in section.all_keys() {
                let (name, help) =
                    (json!(key.name()).to_string(), json!(key.about().help).to_string());
                assert!(text.contains(&format!("{name}:")), "{path}.{name}");
                assert!(
                    text.contains(help.trim_matches('"')) || name == "\"kind\"",
                    "{path}.{name}"
                );
            }
        });
    }
}
