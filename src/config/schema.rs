//! The JSON Schema (draft 7, which the editors for TOML know) of a configuration file.
//!
//! A file may be one of several layers, so nothing is required in it.

use config::Value;
use serde_json::{Map, Value as Json, json};

use super::key::{Absent, AnyKey};
use super::section::{Kind, Section, Shape};
use crate::config::toml_value::{as_json, parse_toml};

/// The schema of a file whose top is this section.
pub fn document(title: &str, root: &Section) -> Json {
    let mut schema = json!({"$schema": "http://json-schema.org/draft-07/schema#", "title": title});
    if let (Some(whole), Json::Object(root)) = (schema.as_object_mut(), object(root, None)) {
        whole.extend(root);
    }
    schema
}

/// Whatever stands under the name of a section.
fn section(section: &Section) -> Json {
    let mut schema = match section.shape {
        Shape::Table => table(section),
        Shape::Named(_) => json!({"type": "object", "additionalProperties": table(section)}),
        Shape::List => json!({"type": "array", "items": table(section)}),
    };
    schema["description"] = section.help.into();
    schema
}

fn table(section: &Section) -> Json {
    if section.kinds.is_empty() {
        return object(section, None);
    }
    let kinds: Vec<Json> = section.kinds.iter().map(|kind| object(section, Some(kind))).collect();
    json!({"anyOf": kinds})
}

/// A table of this kind, with the keys that it may have.
fn object(of: &Section, kind: Option<&Kind>) -> Json {
    let mut properties = Map::new();
    for known in of.keys_of(kind) {
        properties.insert(known.name().to_owned(), key(known));
        if let Some(old) = known.about().old() {
            properties.insert(old.to_owned(), deprecated(key(known)));
        }
    }
    for retired in of.retired {
        properties.insert(retired.name.to_owned(), deprecated(json!({})));
    }
    for within in of.sections {
        properties.insert(within.name.to_owned(), section(within));
    }
    if let Some(kind) = kind
        && let Some(key) = of.kind_key(kind)
    {
        properties
            .insert(key.name().to_owned(), json!({"const": kind.word, "description": kind.help}));
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn key(key: &dyn AnyKey) -> Json {
    let mut schema = key.schema();
    let default = match key.absent() {
        Absent::Is(text) => {
            schema["default"] = json_of(&text);
            String::new()
        }
        Absent::Derived(words) => format!(" Default: {words}."),
        Absent::Nothing => String::new(),
        Absent::Required(_) => " It must be there.".to_owned(),
        Absent::Unless(others) => format!(" This or {others} must be there."),
    };
    schema["description"] = format!("{}{default}", key.about().help).into();
    schema
}

fn deprecated(mut schema: Json) -> Json {
    schema["deprecated"] = true.into();
    schema
}

fn json_of(toml: &str) -> Json {
    parse_toml(toml).as_ref().and_then(|value: &Value| as_json(value)).unwrap_or_default()
}
