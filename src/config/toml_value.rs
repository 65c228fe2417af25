//! What a value of the configuration can be read as.
//!
//! Nothing is converted, with one exception: the environment knows text only, so its numbers and
//! booleans are read from text.

use config::{File, FileFormat, Source as _, Value, ValueKind};

/// The name that stands for the environment where a file's name would stand.
pub const ENVIRONMENT: &str = "environment";

/// What a text of TOML on one line is, as the value of a key.
pub(crate) fn parse_toml(text: &str) -> Option<Value> {
    let file = File::from_str(&format!("x = {text}"), FileFormat::Toml);
    file.collect().ok()?.swap_remove("x")
}

pub(crate) fn as_text(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::String(text) => Some(text),
        _ => None,
    }
}

/// The text of a value out of the environment, where everything is text.
pub(crate) fn environment_text(value: &Value) -> Option<&str> {
    as_text(value).filter(|_| value.origin() == Some(ENVIRONMENT))
}

pub(crate) fn as_list(value: &Value) -> Option<&[Value]> {
    match &value.kind {
        ValueKind::Array(list) => Some(list),
        _ => None,
    }
}

pub(crate) fn as_integer(value: &Value) -> Option<i64> {
    match value.kind {
        ValueKind::I64(number) => Some(number),
        _ => environment_text(value)?.trim().parse().ok(),
    }
}

/// A number, whole or not.
pub(crate) fn as_number(value: &Value) -> Option<f64> {
    match value.kind {
        ValueKind::Float(number) => Some(number),
        ValueKind::I64(number) => i32::try_from(number).ok().map(f64::from),
        _ => environment_text(value)?.trim().parse().ok(),
    }
}

/// A scalar as text: what a query parameter or a template may be written as.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::String(text) => Some(text.clone()),
        ValueKind::I64(_) | ValueKind::Boolean(_) => Some(value.kind.to_string()),
        _ => None,
    }
}

/// A value as JSON; `nan` and `inf` have none.
pub(crate) fn as_json(value: &Value) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match &value.kind {
        ValueKind::Nil => Json::Null,
        ValueKind::Boolean(boolean) => Json::Bool(*boolean),
        ValueKind::I64(number) => Json::from(*number),
        ValueKind::U64(number) => Json::from(*number),
        ValueKind::I128(number) => Json::from(i64::try_from(*number).ok()?),
        ValueKind::U128(number) => Json::from(u64::try_from(*number).ok()?),
        ValueKind::Float(number) => Json::Number(serde_json::Number::from_f64(*number)?),
        ValueKind::String(text) => Json::String(text.clone()),
        ValueKind::Array(list) => Json::Array(list.iter().map(as_json).collect::<Option<_>>()?),
        ValueKind::Table(table) => Json::Object(
            table
                .iter()
                .map(|(key, value)| Some((key.clone(), as_json(value)?)))
                .collect::<Option<_>>()?,
        ),
    })
}

/// What stands where a list of a certain kind should.
pub(crate) fn list_kind(value: &Value) -> &'static str {
    if as_list(value).is_some() { "a list with other things in it" } else { kind(value) }
}

/// What a value is, for a message that must not repeat it.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value.kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "a boolean",
        ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => "a number",
        ValueKind::String(_) => "a text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
    }
}
