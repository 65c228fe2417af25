//! A Data Action of Genesys Cloud as a file that its import takes.
//!
//! The request's template is Apache Velocity: `${x}` of something that is not set prints itself,
//! `$!{x}` prints nothing. A reply's template binds what the translation map finds, as JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::contract::{Output, outputs};
use crate::model::action::action_spec::ActionSpec;
use crate::model::inputs::{InputKind, InputSpec};

/// The name under which the credential of the integration holds the service's API key.
pub const CREDENTIAL_FIELD: &str = "apiKey";
/// The longest timeout that a Data Action may have, seconds.
pub const LONGEST_TIMEOUT: u64 = 60;
/// What the way to the service and back may take.
const ON_THE_WAY: Duration = Duration::from_secs(1);
const DRAFT_04: &str = "http://json-schema.org/draft-04/schema#";

/// The file's JSON. `url` is the service's public address, without a path.
pub fn file(action: &ActionSpec, url: &str) -> Value {
    let outputs = outputs(action);
    json!({
        "name": title(action),
        "integrationType": "custom-rest-actions",
        "actionType": "custom",
        "config": {
            "request": {
                "requestUrlTemplate": format!("{url}/v1/actions/{}", action.id),
                "requestType": "POST",
                "headers": {
                    "Authorization": format!("Bearer ${{credentials.{CREDENTIAL_FIELD}}}"),
                    "Content-Type": "application/json",
                    "Accept": "application/json",
                },
                "requestTemplate": request_template(&action.inputs),
            },
            "response": {
                "translationMap": map(&outputs, |output| json!(json_path(&output.place))),
                "translationMapDefaults": map(&outputs, |output| json!(output.default)),
                "successTemplate": success_template(&outputs),
            },
        },
        "contract": {
            "input": { "inputSchema": input_schema(action) },
            "output": { "successSchema": output_schema(action, &outputs) },
        },
        // Only secure flows could use a secure action.
        "secure": false,
    })
}

/// The timeout to set for the Data Action, seconds: the action's deadline and the way, in whole
/// seconds, at most [`LONGEST_TIMEOUT`].
pub fn timeout(action: &ActionSpec) -> u64 {
    let whole = action.deadline + ON_THE_WAY;
    (whole.as_secs() + u64::from(whole.subsec_nanos() > 0)).clamp(1, LONGEST_TIMEOUT)
}

/// Whether the action's deadline and the way fit into the longest timeout of a Data Action.
pub fn is_in_time(action: &ActionSpec) -> bool {
    action.deadline + ON_THE_WAY <= Duration::from_secs(LONGEST_TIMEOUT)
}

fn title(action: &ActionSpec) -> String {
    format!("Tributary: {}", action.id)
}

/// The body of the request: one line for each input.
fn request_template(inputs: &[InputSpec]) -> String {
    let lines: Vec<String> = inputs
        .iter()
        .map(|input| format!("  \"{}\": {}", input.name, template_of(input)))
        .collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

/// Text is escaped and quoted, numbers and booleans stand as they are. An input that a flow did not
/// set is `""` or `null` then, which the service takes for missing.
fn template_of(input: &InputSpec) -> String {
    let name = &input.name;
    match input.kind {
        // Without the `!`, the whole call would be printed for an input that is not set.
        InputKind::String => format!("\"$!esc.jsonString(${{input.{name}}})\""),
        InputKind::Integer | InputKind::Number | InputKind::Boolean => {
            format!("#if(\"$!{{input.{name}}}\" != \"\")${{input.{name}}}#{{else}}null#end")
        }
    }
}

/// The `JSONPath` of a place; names that are no plain words stand in brackets.
fn json_path(place: &[String]) -> String {
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let steps = place
        .iter()
        .map(|name| if plain(name) { format!(".{name}") } else { format!("['{name}']") });
    format!("${}", steps.collect::<String>())
}

fn success_template(outputs: &[Output]) -> String {
    let members: Vec<String> =
        outputs.iter().map(|output| format!("\"{0}\": ${{{0}}}", output.name)).collect();
    format!("{{{}}}", members.join(", "))
}

fn map(outputs: &[Output], value: impl Fn(&Output) -> Value) -> Value {
    let entries = outputs.iter().map(|output| (output.name.clone(), value(output)));
    Value::Object(entries.collect())
}

fn input_schema(action: &ActionSpec) -> Value {
    let property = |input: &InputSpec| {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!(input.kind.as_str()));
        let title = input.title.clone().unwrap_or_else(|| input.name.to_string());
        schema.insert("title".to_owned(), json!(title));
        if let Some(description) = &input.description {
            schema.insert("description".to_owned(), json!(description));
        }
        (input.name.to_string(), Value::Object(schema))
    };
    let required = action.inputs.iter().filter(|input| input.required);
    let required: Vec<&str> = required.map(|input| input.name.as_str()).collect();
    let mut schema = json!({
        "$schema": DRAFT_04,
        "title": format!("{} request", title(action)),
        "type": "object",
        "properties": action.inputs.iter().map(property).collect::<Map<_, _>>(),
        "additionalProperties": true,
    });
    // Draft 04 wants at least one name in this list.
    if let (Some(schema), false) = (schema.as_object_mut(), required.is_empty()) {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn output_schema(action: &ActionSpec, outputs: &[Output]) -> Value {
    let properties = map(outputs, |output| {
        let scalar = json!({ "type": output.kind.scalar.as_str() });
        let mut schema =
            if output.kind.is_array { json!({ "type": "array", "items": scalar }) } else { scalar };
        if let (Some(schema), Some(text)) = (schema.as_object_mut(), &output.description) {
            schema.insert("description".to_owned(), json!(text));
        }
        schema
    });
    json!({
        "$schema": DRAFT_04,
        "title": format!("{} reply", title(action)),
        "type": "object",
        "properties": properties,
        "additionalProperties": true,
    })
}
