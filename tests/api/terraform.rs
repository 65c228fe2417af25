//! `tributary export terraform`: it is HCL that the provider takes, laid out as `terraform fmt` does
//! it, and says what the Data Action's own file says.
//!
//! Terraform comes in no package of Debian's, so the provider's resources are described in
//! `tests/fixtures/terraform.schema.json`; Terraform itself is asked where it is installed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use hcl::eval::{Context, Evaluate as _};
use hcl::{Body, Expression};
use serde_json::{Value, json};
use tributary::export::{data_action, terraform};
use tributary::settings::Settings;
use tributary::simulator::{Options, Simulator};

use crate::harness::settings;

const URL: &str = "https://tributary.example.com";
/// What could break out of a text.
const HOSTILE: &str = r#"
[actions.customer_profile.inputs]
customerId = { title = 'a "b" \ ${var.x} %{ if true } EOT', description = """
EOT
}
resource "x" "y" {}""" }
"#;

fn with(overrides: &str) -> Settings {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    settings(&sim, overrides)
}

fn export(settings: &Settings, name: &str) -> (String, Value) {
    let action = settings.actions.iter().find(|action| action.id.as_str() == name);
    let action = action.expect("there is such an action");
    (terraform::configuration(action, URL), data_action::file(action, URL))
}

/// The value of an attribute, templates and escapes resolved.
fn value(body: &Body, name: &str) -> Value {
    let attribute = body.attributes().find(|attribute| attribute.key() == name);
    let expression = attribute.unwrap_or_else(|| panic!("no {name}")).expr();
    let value = expression.evaluate(&Context::new()).expect("a constant");
    serde_json::to_value(value).expect("JSON")
}

fn block<'a>(body: &'a Body, kind: &str, labels: &[&str]) -> &'a Body {
    let mut blocks = body.blocks().filter(|block| {
        block.identifier() == kind
            && block.labels().iter().map(hcl::BlockLabel::as_str).eq(labels.iter().copied())
    });
    let found = blocks.next().unwrap_or_else(|| panic!("no {kind} {labels:?}"));
    assert!(blocks.next().is_none(), "{kind} {labels:?} twice");
    found.body()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[test]
fn it_says_what_the_file_for_import_says_whatever_texts_are_in_it() {
    for overrides in ["", HOSTILE] {
        let settings = with(overrides);
        for name in ["customer_card", "customer_profile"] {
            let (exported, file) = export(&settings, name);
            let body = hcl::parse(&exported).unwrap_or_else(|error| panic!("{error}: {exported}"));
            assert_eq!(body.blocks().count(), 5, "nothing breaks out: {exported}");
            let action = block(&body, "resource", &["genesyscloud_integration_action", name]);
            assert_eq!(value(action, "name"), file["name"]);
            assert_eq!(value(action, "secure"), json!(false));
            assert_eq!(value(action, "config_timeout_seconds"), json!(4));
            for (key, of_file) in [
                ("contract_input", &file["contract"]["input"]["inputSchema"]),
                ("contract_output", &file["contract"]["output"]["successSchema"]),
            ] {
                let contract: Value =
                    serde_json::from_str(&text(&value(action, key))).expect("JSON");
                assert_eq!(contract, *of_file);
            }
            let request = block(action, "config_request", &[]);
            let of_file = &file["config"]["request"];
            assert_eq!(value(request, "request_type"), of_file["requestType"]);
            assert_eq!(value(request, "request_url_template"), of_file["requestUrlTemplate"]);
            assert_eq!(value(request, "headers"), of_file["headers"]);
            let template = text(&value(request, "request_template"));
            assert_eq!(template.trim_end(), text(&of_file["requestTemplate"]));
            let response = block(action, "config_response", &[]);
            let of_file = &file["config"]["response"];
            assert_eq!(value(response, "success_template"), of_file["successTemplate"]);
            assert_eq!(value(response, "translation_map"), of_file["translationMap"]);
            let defaults = &of_file["translationMapDefaults"];
            assert_eq!(value(response, "translation_map_defaults"), *defaults);
        }
    }
}

#[test]
fn the_api_key_is_a_variable_that_terraform_hides() {
    let (exported, _) = export(&with(""), "customer_card");
    let body = hcl::parse(&exported).expect("HCL");
    let variable = block(&body, "variable", &["tributary_api_key"]);
    assert_eq!(value(variable, "sensitive"), json!(true));
    assert!(variable.attributes().all(|attribute| attribute.key() != "default"));
    let credential = ["genesyscloud_integration_credential", "tributary"];
    let fields = block(&body, "resource", &credential);
    let fields = fields.attributes().find(|attribute| attribute.key() == "fields");
    let Expression::Object(fields) = fields.expect("fields").expr() else { panic!("a table") };
    let shown: Vec<String> = fields.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    assert_eq!(shown, ["apiKey = var.tributary_api_key"]);
}

/// The whole file as JSON: blocks by their labels, expressions as texts `${…}`.
fn as_json(exported: &str) -> Value {
    hcl::from_str(exported).unwrap_or_else(|error| panic!("{error}: {exported}"))
}

/// Every expression that names another part of the file: `type.name.attribute` or `var.name`.
fn references(value: &Value) -> Vec<Vec<String>> {
    match value {
        Value::String(text) => {
            let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            let parts = inner.filter(|inner| inner.contains('.') && !inner.contains('('));
            let parts = parts.map(|inner| inner.split('.').map(str::to_owned).collect());
            parts.into_iter().collect()
        }
        Value::Array(values) => values.iter().flat_map(references).collect(),
        Value::Object(members) => members.values().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[test]
fn every_attribute_is_one_that_the_provider_takes() {
    let schema = include_str!("../fixtures/terraform.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for overrides in ["", HOSTILE] {
        let settings = with(overrides);
        for name in ["customer_card", "customer_profile"] {
            let file = as_json(&export(&settings, name).0);
            let errors: Vec<String> = schema
                .iter_errors(&file)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{errors:#?}");
        }
    }
    // A schema that takes anything would show nothing.
    let mut wrong = as_json(&export(&with(""), "customer_card").0);
    let action = "/resource/genesyscloud_integration_action/customer_card";
    let action = wrong.pointer_mut(action).expect("it is there");
    action["timeout_seconds"] = json!(4);
    assert!(!schema.is_valid(&wrong));
}

#[test]
fn every_expression_names_a_part_that_is_there() {
    let file = as_json(&export(&with(""), "customer_card").0);
    let found = references(&file);
    assert_eq!(found.len(), 4, "{found:?}");
    for reference in found {
        let (at, attribute) = match reference.as_slice() {
            [var, name] if var == "var" => (format!("/variable/{name}"), None),
            [kind, name, path @ ..] => (format!("/resource/{kind}/{name}"), path.last()),
            other => panic!("{other:?}"),
        };
        let part = file.pointer(&at).unwrap_or_else(|| panic!("{reference:?} names nothing"));
        // `id` is what the provider gives.
        let read = attribute.is_none_or(|name| {
            name == "id" || part.get(name).or_else(|| part["config"].get(name)).is_some()
        });
        assert!(read, "{reference:?}");
    }
}

#[test]
#[ignore = "needs terraform; scripts/test runs it where that is installed"]
fn terraform_itself_would_format_it_no_other_way() {
    for overrides in ["", HOSTILE] {
        let settings = with(overrides);
        for name in ["customer_card", "customer_profile"] {
            let (exported, _) = export(&settings, name);
            let mut terraform = Command::new("terraform")
                .args(["fmt", "-check", "-diff", "-"])
                .env("CHECKPOINT_DISABLE", "1")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("terraform is installed");
            let mut input = terraform.stdin.take().expect("it is piped");
            input.write_all(exported.as_bytes()).expect("it reads");
            drop(input);
            let output = terraform.wait_with_output().expect("it ends");
            assert!(output.status.success(), "{output:?}");
        }
    }
}
