//! What the values of a key look like: one [`Form`] for each kind of value. Numbers, times and sizes
//! are in `number_form.rs`, whatever has parts in `list_form.rs`.

use std::borrow::Cow;
use std::fmt;

use config::{Value, ValueKind};
use serde_json::{Value as Json, json};

use crate::config::toml_value::{as_text, environment_text, kind};

/// A kind of value: how it is read, written and described.
pub trait Form: Copy + Sync + fmt::Debug + 'static {
    /// What it is read as.
    type Value;
    /// How a default is written in the program.
    type Const: Copy + Sync + fmt::Debug + 'static;
    /// Whether a text of nothing but blanks counts as none where there must be one.
    const BLANK_IS_NONE: bool = false;

    /// What may stand there, as the end of "allowed: …".
    fn allowed(&self) -> Cow<'static, str>;

    /// The value, or why it is none.
    fn read(&self, value: &Value) -> Result<Self::Value, Refusal>;

    /// The value of a default.
    fn own(&self, constant: Self::Const) -> Self::Value;

    /// The value as TOML, which [`Form::read`] reads back.
    fn show(&self, value: &Self::Value) -> String;

    /// The JSON Schema (draft 7) of the values in a file.
    fn schema(&self) -> Json;
}

/// Why a value will not do.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was found, where the value itself is not to be repeated.
    pub found: Option<&'static str>,
    /// What may stand there.
    pub allowed: Cow<'static, str>,
}

impl Refusal {
    /// The value is repeated in the message, as far as its key lets it be shown.
    pub fn of_value(allowed: impl Into<Cow<'static, str>>) -> Self {
        Self { found: None, allowed: allowed.into() }
    }

    /// Only what kind of thing was found is said.
    pub fn of_kind(found: &'static str, allowed: impl Into<Cow<'static, str>>) -> Self {
        Self { found: Some(found), allowed: allowed.into() }
    }
}

/// Any text. The reader may refuse it still.
#[derive(Debug, Clone, Copy)]
pub struct Text;

const TEXT: &str = "a text in quotes";

impl Form for Text {
    type Value = String;
    type Const = &'static str;
    const BLANK_IS_NONE: bool = true;

    fn allowed(&self) -> Cow<'static, str> {
        TEXT.into()
    }

    fn read(&self, value: &Value) -> Result<String, Refusal> {
        as_text(value).map(str::to_owned).ok_or_else(|| Refusal::of_kind(kind(value), TEXT))
    }

    fn own(&self, constant: &'static str) -> String {
        constant.to_owned()
    }

    fn show(&self, value: &String) -> String {
        quoted(value)
    }

    fn schema(&self) -> Json {
        json!({"type": "string"})
    }
}

/// The name of a file.
#[derive(Debug, Clone, Copy)]
pub struct FileName;

impl Form for FileName {
    type Value = String;
    type Const = &'static str;
    const BLANK_IS_NONE: bool = true;

    fn allowed(&self) -> Cow<'static, str> {
        "the name of a file, in quotes".into()
    }

    fn read(&self, value: &Value) -> Result<String, Refusal> {
        Text.read(value)
    }

    fn own(&self, constant: &'static str) -> String {
        constant.to_owned()
    }

    fn show(&self, value: &String) -> String {
        quoted(value)
    }

    fn schema(&self) -> Json {
        Text.schema()
    }
}

/// Yes or no; in the environment as text.
#[derive(Debug, Clone, Copy)]
pub struct Flag;

impl Form for Flag {
    type Value = bool;
    type Const = bool;

    fn allowed(&self) -> Cow<'static, str> {
        "true or false".into()
    }

    fn read(&self, value: &Value) -> Result<bool, Refusal> {
        let flag = match &value.kind {
            ValueKind::Boolean(flag) => Some(*flag),
            _ => environment_text(value).and_then(|text| text.to_lowercase().parse().ok()),
        };
        flag.ok_or_else(|| Refusal::of_value(self.allowed()))
    }

    fn own(&self, constant: bool) -> bool {
        constant
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }

    fn schema(&self) -> Json {
        json!({"type": "boolean"})
    }
}

/// One of some words, each of which stands for a value.
#[derive(Debug, Clone, Copy)]
pub struct Word<T: 'static>(pub &'static [(&'static str, T)]);

impl<T: Copy + PartialEq + Sync + fmt::Debug + 'static> Form for Word<T> {
    type Value = T;
    type Const = T;

    fn allowed(&self) -> Cow<'static, str> {
        let words: Vec<String> = self.0.iter().map(|(word, _)| quoted(word)).collect();
        words.join(" or ").into()
    }

    fn read(&self, value: &Value) -> Result<T, Refusal> {
        let found = as_text(value).and_then(|text| self.0.iter().find(|(word, _)| *word == text));
        found.map(|(_, value)| *value).ok_or_else(|| Refusal::of_value(self.allowed()))
    }

    fn own(&self, constant: T) -> T {
        constant
    }

    fn show(&self, value: &T) -> String {
        let found = self.0.iter().find(|(_, known)| known == value);
        quoted(found.map_or("", |(word, _)| word))
    }

    fn schema(&self) -> Json {
        let words: Vec<&str> = self.0.iter().map(|(word, _)| *word).collect();
        json!({"enum": words})
    }
}

/// A text as TOML writes it (toml.io, "basic strings").
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
#[path = "tests/form_tests.rs"]
mod tests;
