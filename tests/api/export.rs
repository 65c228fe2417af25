//! `tributary export data-action`: the file, and a live reply bound through it.

use jsonschema::validator_for;
use serde_json::{Map, Value, json};
use serde_json_path::JsonPath;
use tributary::export::data_action;
use tributary::simulator::{Behaviour, Options, Simulator};

use crate::harness::{TestApp, settings};

const FILE_SCHEMA: &str = include_str!("../fixtures/data-action.schema.json");

fn export(name: &str) -> Value {
    let sim = Simulator::start(Options::default()).expect("loopback has ports");
    let more = "[actions.customer_profile.inputs]\nlimit = { type = 'integer' }\n\
                note-1 = { description = 'anything' }";
    let settings = settings(&sim, more);
    let action = settings.actions.iter().find(|action| action.id.as_str() == name);
    data_action::file(action.expect("there is such an action"), "https://tributary.example.com")
}

/// What Genesys Cloud binds of a reply: the map's values, its defaults for those that are not
/// there, all as JSON within the template.
fn bind(file: &Value, reply: &Value) -> Value {
    let response = &file["config"]["response"];
    let mut text = response["successTemplate"].as_str().expect("a template").to_owned();
    for (name, path) in response["translationMap"].as_object().expect("a map") {
        let path = JsonPath::parse(path.as_str().expect("a path")).expect("a JSONPath");
        let default = response["translationMapDefaults"][name].as_str().expect("a default");
        let value = path.query(reply).first().map_or(default.to_owned(), Value::to_string);
        text = text.replace(&format!("${{{name}}}"), &value);
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_file_has_the_form_that_public_exports_have() {
    let schema: Value = serde_json::from_str(FILE_SCHEMA).expect("JSON");
    let schema = validator_for(&schema).expect("a schema");
    for name in ["customer_card", "customer_profile"] {
        let file = export(name);
        let errors: Vec<String> = schema.iter_errors(&file).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

#[test]
fn text_is_escaped_and_numbers_stand_as_they_are() {
    let file = export("customer_profile");
    let request = &file["config"]["request"];
    let template = request["requestTemplate"].as_str().expect("a template");
    for part in [
        r#""customerId": "$!esc.jsonString(${input.customerId})""#,
        r#""limit": #if("$!{input.limit}" != "")${input.limit}#{else}null#end"#,
        r#""note-1": "$!esc.jsonString(${input.note-1})""#,
    ] {
        assert!(template.contains(part), "{part} is not in {template}");
    }
    assert_eq!(request["headers"]["Authorization"], "Bearer ${credentials.apiKey}");
    let input = &file["contract"]["input"]["inputSchema"];
    assert_eq!(input["required"], json!(["customerId", "externalApiKey"]));
    assert_eq!(input["properties"]["note-1"]["description"], "anything");
}

#[test]
fn whatever_a_reply_is_like_it_binds_to_the_output_schema() {
    let app = TestApp::start();
    let card = export("customer_card");
    let profile = export("customer_profile");
    let nothing: Value = Map::new().into();
    for step in 0..3 {
        match step {
            0 => {}
            1 => app.sim.crm().set_behaviour(Behaviour::status(500)),
            _ => app.sim.users().set_behaviour(Behaviour::json(200, &json!({"name": [null]}))),
        }
        for (file, action) in [(&card, "customer_card"), (&profile, "customer_profile")] {
            let schema = &file["contract"]["output"]["successSchema"];
            let schema = validator_for(schema).expect("a schema");
            let input = json!({"customerId": "c-1", "externalApiKey": "k"});
            let reply = app.post(&format!("/v1/actions/{action}"), &input).json();
            for reply in [&reply, &nothing] {
                let bound = bind(file, reply);
                let errors: Vec<String> =
                    schema.iter_errors(&bound).map(|e| e.to_string()).collect();
                assert!(errors.is_empty(), "{errors:?} in {bound}");
            }
            let bound = bind(file, &reply);
            assert_eq!(bound["orders_outcome"], "ok");
            assert_eq!(bound["crm_outcome"], if step == 0 { "ok" } else { "upstream_error" });
        }
    }
}
