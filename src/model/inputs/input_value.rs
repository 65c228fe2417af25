//! One input's value, and how it is read from JSON and written as JSON.

use std::fmt::{self, Write};

use serde_json::{Number, Value};

/// Beyond this an `f64` no longer tells neighbouring integers apart: 2^53.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// What type an input has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// Text.
    String,
    /// A signed 64-bit integer.
    Integer,
    /// Any finite JSON number.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl InputKind {
    /// The word of the configuration and of JSON Schema.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    fn with_article(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
        }
    }
}

/// The value of an input.
#[derive(Clone, PartialEq)]
pub enum InputValue {
    /// Of kind [`InputKind::String`].
    Text(String),
    /// Of kind [`InputKind::Integer`].
    Integer(i64),
    /// Of kind [`InputKind::Number`].
    Number(Number),
    /// Of kind [`InputKind::Boolean`].
    Boolean(bool),
}

impl InputValue {
    /// Reads a JSON value as `kind`. Nothing is converted, except that `5.0` is the integer 5, as
    /// in JSON Schema.
    ///
    /// # Errors
    /// What is allowed and what came, as the end of a sentence (`must be …`), without the value.
    pub fn from_json(kind: InputKind, value: &Value) -> Result<Self, String> {
        let read = match kind {
            InputKind::String => value.as_str().map(|text| Self::Text(text.to_owned())),
            InputKind::Integer => match value.as_number() {
                Some(number) => Some(Self::Integer(integer(number)?)),
                None => None,
            },
            InputKind::Number => value.as_number().cloned().map(Self::Number),
            InputKind::Boolean => value.as_bool().map(Self::Boolean),
        };
        let allowed = kind.with_article();
        read.ok_or_else(|| format!("must be {allowed}, got {}", describe(value)))
    }

    /// Its kind.
    pub fn kind(&self) -> InputKind {
        match self {
            Self::Text(_) => InputKind::String,
            Self::Integer(_) => InputKind::Integer,
            Self::Number(_) => InputKind::Number,
            Self::Boolean(_) => InputKind::Boolean,
        }
    }

    /// The value as JSON text.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Appends the value as JSON text.
    pub fn write_json(&self, out: &mut String) {
        // Writing to a `String` cannot fail.
        let _ = match self {
            Self::Text(text) => {
                push_json_string(out, text);
                Ok(())
            }
            Self::Integer(integer) => write!(out, "{integer}"),
            Self::Number(number) => write!(out, "{number}"),
            Self::Boolean(flag) => write!(out, "{flag}"),
        };
    }
}

/// The kind only: the value may be a secret.
impl fmt::Debug for InputValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InputValue({})", self.kind().as_str())
    }
}

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    push_json_escaped(out, text);
    out.push('"');
}

/// Appends `text` as the inside of a JSON string (RFC 8259 section 7).
pub(crate) fn push_json_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = from.chars();
        if let Some(special) = chars.next() {
            push_escape(out, special);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

fn push_escape(out: &mut String, special: char) {
    match special {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other => {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(other));
        }
    }
}

/// What a JSON value is, for an error: `a string`, `an array`.
pub(super) fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn integer(number: &Number) -> Result<i64, String> {
    if let Some(integer) = number.as_i64() {
        return Ok(integer);
    }
    match number.as_f64() {
        Some(float) if float.fract() != 0.0 => {
            Err("must be an integer, got a number with a fraction".to_owned())
        }
        // A larger one may have lost its last digits on the way into an `f64`.
        Some(float) if number.is_f64() && float.abs() <= MAX_EXACT => Ok(whole(float)),
        _ => Err(format!(
            "must be a 64-bit integer ({} to {}, beyond 2^53 without point and exponent)",
            i64::MIN,
            i64::MAX
        )),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the caller has checked that it is whole and within 2^53"
)]
fn whole(float: f64) -> i64 {
    float as i64
}
