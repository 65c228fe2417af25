//! Forms of what has parts: lists, any JSON, and tables whose names are the user's own.

use std::borrow::Cow;
use std::convert::Infallible;

use config::{Value, ValueKind};
use serde_json::{Value as Json, json};

use super::form::{Form, Refusal, quoted};
use crate::config::toml_value::{as_integer, as_json, as_list, as_text, kind, list_kind};

/// A list of texts.
#[derive(Debug, Clone, Copy)]
pub struct Texts;

impl Form for Texts {
    type Value = Vec<String>;
    type Const = &'static [&'static str];

    fn allowed(&self) -> Cow<'static, str> {
        "a list of texts, in a file".into()
    }

    fn read(&self, value: &Value) -> Result<Vec<String>, Refusal> {
        let own = |value| as_text(value).map(str::to_owned);
        let texts = as_list(value).and_then(|list| list.iter().map(own).collect());
        texts.ok_or_else(|| Refusal::of_kind(list_kind(value), self.allowed()))
    }

    fn own(&self, constant: &'static [&'static str]) -> Vec<String> {
        constant.iter().map(|text| (*text).to_owned()).collect()
    }

    fn show(&self, value: &Vec<String>) -> String {
        list(value.iter().map(|text| quoted(text)))
    }

    fn schema(&self) -> Json {
        json!({"type": "array", "items": {"type": "string"}})
    }
}

/// A list of whole numbers from the first to the second, both included.
#[derive(Debug, Clone, Copy)]
pub struct Numbers(pub u16, pub u16);

impl Form for Numbers {
    type Value = Vec<u16>;
    type Const = &'static [u16];

    fn allowed(&self) -> Cow<'static, str> {
        format!("a list of whole numbers from {} to {}, in a file", self.0, self.1).into()
    }

    fn read(&self, value: &Value) -> Result<Vec<u16>, Refusal> {
        let within = |number: &u16| (self.0..=self.1).contains(number);
        let read = |value| u16::try_from(as_integer(value)?).ok().filter(within);
        let numbers = as_list(value).and_then(|list| list.iter().map(read).collect());
        numbers.ok_or_else(|| Refusal::of_kind(list_kind(value), self.allowed()))
    }

    fn own(&self, constant: &'static [u16]) -> Vec<u16> {
        constant.to_vec()
    }

    fn show(&self, value: &Vec<u16>) -> String {
        list(value.iter().map(u16::to_string))
    }

    fn schema(&self) -> Json {
        let items = json!({"type": "integer", "minimum": self.0, "maximum": self.1});
        json!({"type": "array", "items": items})
    }
}

/// Any value that JSON has.
#[derive(Debug, Clone, Copy)]
pub struct AnyValue;

impl Form for AnyValue {
    type Value = Json;
    /// There is no default: an absent one is something else than `null`.
    type Const = Infallible;

    fn allowed(&self) -> Cow<'static, str> {
        "any value without nan, inf".into()
    }

    fn read(&self, value: &Value) -> Result<Json, Refusal> {
        let found = "a number that JSON does not have";
        as_json(value).ok_or_else(|| Refusal::of_kind(found, self.allowed()))
    }

    fn own(&self, constant: Infallible) -> Json {
        match constant {}
    }

    fn show(&self, value: &Json) -> String {
        toml(value)
    }

    fn schema(&self) -> Json {
        json!({})
    }
}

/// A table whose names are the user's own, each with a text or another scalar. Whoever reads it goes
/// through its entries.
#[derive(Debug, Clone, Copy)]
pub struct Entries;

impl Form for Entries {
    type Value = ();
    type Const = ();

    fn allowed(&self) -> Cow<'static, str> {
        "a table of texts".into()
    }

    fn read(&self, value: &Value) -> Result<(), Refusal> {
        match value.kind {
            ValueKind::Table(_) => Ok(()),
            _ => Err(Refusal::of_kind(kind(value), "a table")),
        }
    }

    fn own(&self, (): ()) {}

    fn show(&self, (): &()) -> String {
        "{}".to_owned()
    }

    fn schema(&self) -> Json {
        let scalar = json!({"type": ["string", "integer", "boolean"]});
        json!({"type": "object", "additionalProperties": scalar})
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A JSON value as TOML on one line; `null`, which TOML does not have, as an empty text.
fn toml(value: &Json) -> String {
    match value {
        Json::Null => quoted(""),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => quoted(text),
        Json::Array(items) => list(items.iter().map(toml)),
        Json::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Json::Object(entries) => {
            let entry =
                |(key, value): (&String, &Json)| format!("{} = {}", toml_key(key), toml(value));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A key as TOML writes it: bare, if it may be.
fn toml_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { quoted(key) }
}
