//! The JSON Schemas (draft 2020-12) of what an action takes and gives.

use serde_json::{Map, Value, json};

use crate::model::action::action_spec::ActionSpec;
use crate::model::action::fields::{FieldType, OutputSpec};
use crate::model::inputs::{InputKind, InputSpec, InputValue};
use crate::model::reply::members::{
    self, COMPLETE, COMPLETE_FLAT, FLOW_LATENCY, FLOW_TIMESTAMP, LATENCY, Member, MemberType,
    OUTCOME, SOURCE, SOURCES,
};
use crate::model::reply::outcome::Outcome;

/// What a caller sends.
pub(super) fn inputs(action: &ActionSpec) -> Value {
    let properties = action.inputs.iter().map(|input| (input.name.to_string(), of_input(input)));
    let required = action.inputs.iter().filter(|input| input.required);
    json!({
        "type": "object",
        "properties": properties.collect::<Map<_, _>>(),
        "required": required.map(|input| input.name.as_str()).collect::<Vec<_>>(),
        "description": "Other members are ignored. `{\"input\": {…}}` around the object is taken as well.",
    })
}

fn of_input(input: &InputSpec) -> Value {
    let kind = input.kind.as_str();
    // What is optional may also come as null, which counts as missing.
    let kind = if input.required { json!(kind) } else { json!([kind, "null"]) };
    let mut schema = Map::from_iter([("type".to_owned(), kind)]);
    let mut set = |name: &str, value: Value| schema.insert(name.to_owned(), value);
    if input.kind == InputKind::String {
        if input.required {
            set("minLength", json!(1));
        }
        set("maxLength", json!(input.max_length));
        if let Some(pattern) = input.pattern.as_ref().and_then(|pattern| portable(pattern.as_str()))
        {
            set("pattern", json!(pattern));
        }
    }
    if input.secret {
        set("writeOnly", json!(true));
        set("format", json!("password"));
    }
    if let Some(default) = input.default.as_ref().and_then(value_of) {
        set("default", default);
    }
    if let Some(title) = &input.title {
        set("title", json!(title));
    }
    if let Some(description) = &input.description {
        set("description", json!(description));
    }
    Value::Object(schema)
}

fn value_of(value: &InputValue) -> Option<Value> {
    serde_json::from_str(&value.to_json()).ok()
}

/// The pattern for the whole text as JSON Schema has it (ECMA-262), unless it uses what only the
/// service's own dialect knows.
fn portable(pattern: &str) -> Option<String> {
    let extended = pattern.replace("(?:", "").contains("(?");
    let classes = ["\\A", "\\z", "\\x", "\\p", "\\P", "\\u", "\\U", "[[:", "&&", "--", "~~"];
    let is_portable = !extended && !classes.iter().any(|class| pattern.contains(class));
    is_portable.then(|| format!("^(?:{pattern})$"))
}

/// What an action answers with status 200.
pub(super) fn reply(action: &ActionSpec) -> Value {
    match &action.output {
        None => aggregate(action),
        Some(output) => flat(action, output),
    }
}

/// The aggregate, which failures carry as well.
pub(super) fn aggregate(action: &ActionSpec) -> Value {
    let sources = action.sources.iter().map(|id| (id.to_string(), source(id.as_str())));
    let sources = closed(sources.collect(), &[]);
    let own = [named(&COMPLETE), (SOURCES.name.to_owned(), sources), named(&LATENCY)];
    with_echoed(action, own.into_iter())
}

/// What became of one source.
fn source(id: &str) -> Value {
    let members = members::OF_SOURCE.map(|member| {
        let schema = if member == &SOURCE { json!({ "const": id }) } else { schema_of(member) };
        (member.name.to_owned(), schema)
    });
    closed(members.into_iter().collect(), &[])
}

fn named(member: &Member) -> (String, Value) {
    (member.name.to_owned(), schema_of(member))
}

fn schema_of(member: &Member) -> Value {
    if member == &OUTCOME {
        return json!({ "enum": Outcome::ALL.map(Outcome::as_str), "description": member.means });
    }
    let kind = match member.kind {
        MemberType::Boolean => json!("boolean"),
        MemberType::Integer => json!("integer"),
        MemberType::String => json!("string"),
        MemberType::StringOrNull => json!(["string", "null"]),
        MemberType::Object => json!("object"),
        MemberType::Any => return json!({ "description": member.means }),
    };
    json!({ "type": kind, "description": member.means })
}

fn flat(action: &ActionSpec, output: &OutputSpec) -> Value {
    let fields = output.fields.iter().map(|field| {
        let mut schema = of_type(field.kind);
        let texts = [("title", &field.title), ("description", &field.description)];
        for (name, text) in texts {
            if let (Some(schema), Some(text)) = (schema.as_object_mut(), text) {
                schema.insert(name.to_owned(), json!(text));
            }
        }
        (field.name.to_string(), schema)
    });
    let own = [&COMPLETE_FLAT, &LATENCY].map(named);
    let of_sources = action.sources.iter().flat_map(|id| {
        let of_source = |member: &Member| (member.name_of(id.as_str()), schema_of(member));
        members::OF_SOURCE_IN_FLAT_REPLY.map(of_source)
    });
    with_echoed(action, fields.chain(own).chain(of_sources))
}

fn of_type(kind: FieldType) -> Value {
    let scalar = json!({ "type": kind.scalar.as_str() });
    if kind.is_array { json!({ "type": "array", "items": scalar }) } else { scalar }
}

/// The members, all of which are always there, and those inputs that come back.
fn with_echoed(action: &ActionSpec, members: impl Iterator<Item = (String, Value)>) -> Value {
    let mut properties = Map::new();
    let mut optional = Vec::new();
    for input in action.inputs.iter().filter(|input| input.echo) {
        properties.insert(input.name.to_string(), json!({ "type": input.kind.as_str() }));
        if !input.required && input.default.is_none() {
            optional.push(input.name.as_str());
        }
    }
    properties.extend(members);
    let by_timestamp = |input: &InputSpec| {
        input.name.as_str() == FLOW_TIMESTAMP && input.kind == InputKind::Integer
    };
    if action.inputs.iter().any(by_timestamp) {
        properties.extend([named(&FLOW_LATENCY)]);
        optional.push(FLOW_LATENCY.name);
    }
    closed(properties, &optional)
}

/// An object with these members and no others, all of them required but for the optional ones.
fn closed(properties: Map<String, Value>, optional: &[&str]) -> Value {
    let required = properties.keys().filter(|name| !optional.contains(&name.as_str()));
    let required: Vec<Value> = required.map(|name| json!(name)).collect();
    let mut schema = json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
    });
    schema["properties"] = Value::Object(properties);
    schema
}

/// A problem (RFC 9457); of one that carries the aggregate of an action, with that member.
pub(super) fn problem(aggregate: Option<Value>) -> Value {
    let mut properties = json!({
        "type": { "const": "about:blank" },
        "title": { "type": "string" },
        "status": { "type": "integer" },
        "detail": { "type": "string" },
        "errors": {
            "type": "array",
            "description": "What is wrong with which input.",
            "items": closed(
                Map::from_iter([
                    ("input".to_owned(), json!({ "type": "string" })),
                    ("problem".to_owned(), json!({ "type": "string" })),
                ]),
                &[],
            ),
        },
        "known_actions": { "type": "array", "items": { "type": "string" } },
        "routes": { "type": "array", "items": { "type": "string" } },
    });
    let optional = ["errors", "known_actions", "routes"];
    if let (Some(properties), Some(aggregate)) = (properties.as_object_mut(), aggregate) {
        properties.insert("aggregate".to_owned(), aggregate);
    }
    let properties = properties.as_object().cloned().unwrap_or_default();
    closed(properties, &optional)
}

#[cfg(test)]
mod tests {
    use super::portable;

    #[test]
    fn a_pattern_of_the_services_own_dialect_is_left_out() {
        assert_eq!(portable("[a-z]+(?:-[0-9]+)?").as_deref(), Some("^(?:[a-z]+(?:-[0-9]+)?)$"));
        for pattern in ["(?i)abc", r"\p{L}+", r"\Aabc\z", "[[:alpha:]]", "(?P<x>a)"] {
            assert_eq!(portable(pattern), None, "{pattern}");
        }
    }
}
