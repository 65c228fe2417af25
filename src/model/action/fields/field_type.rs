//! The types that a field may have, and what is a value of one.

use crate::model::inputs::{Conversion, InputKind, truth};
use crate::model::json::{Json, Kind};

/// The largest whole number that a double holds together with all below it: 2^53.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A field's type: a scalar, or an array of scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldType {
    /// The type of the value, or of an array's elements.
    pub scalar: InputKind,
    /// Whether it is an array.
    pub is_array: bool,
}

impl FieldType {
    /// Every type with its name.
    pub const WORDS: [(&'static str, Self); 8] = {
        let all = Self::all();
        let mut words = [("", all[0]); 8];
        let mut i = 0;
        while i < all.len() {
            words[i] = (all[i].as_str(), all[i]);
            i += 1;
        }
        words
    };

    /// The type's name in the configuration: `string`, `integer[]`, …
    pub const fn as_str(self) -> &'static str {
        match (self.scalar, self.is_array) {
            (InputKind::String, false) => "string",
            (InputKind::Integer, false) => "integer",
            (InputKind::Number, false) => "number",
            (InputKind::Boolean, false) => "boolean",
            (InputKind::String, true) => "string[]",
            (InputKind::Integer, true) => "integer[]",
            (InputKind::Number, true) => "number[]",
            (InputKind::Boolean, true) => "boolean[]",
        }
    }

    /// Every type there is.
    pub const fn all() -> [Self; 8] {
        [
            Self { scalar: InputKind::String, is_array: false },
            Self { scalar: InputKind::Integer, is_array: false },
            Self { scalar: InputKind::Number, is_array: false },
            Self { scalar: InputKind::Boolean, is_array: false },
            Self { scalar: InputKind::String, is_array: true },
            Self { scalar: InputKind::Integer, is_array: true },
            Self { scalar: InputKind::Number, is_array: true },
            Self { scalar: InputKind::Boolean, is_array: true },
        ]
    }

    /// The type of an array's elements; a scalar's own.
    #[must_use]
    pub fn element(self) -> Self {
        Self { is_array: false, ..self }
    }

    /// The default of a field that names none: `""`, 0, `false` or `[]`.
    pub fn natural_default(self) -> Json {
        let text = match (self.is_array, self.scalar) {
            (true, _) => "[]",
            (false, InputKind::String) => "\"\"",
            (false, InputKind::Integer | InputKind::Number) => "0",
            (false, InputKind::Boolean) => "false",
        };
        Json::from_parts(text.as_bytes().to_vec())
    }

    /// The value as one of this type; `None` if it is of another.
    pub fn read(self, value: &Json, conversion: Conversion) -> Option<Json> {
        if !self.is_array {
            return read_scalar(self.scalar, value, conversion);
        }
        self.read_elements(value.items()?, conversion)
    }

    /// An array of these values; `None` if one is of another type than the elements of this one.
    pub(super) fn read_elements(
        self,
        values: impl Iterator<Item = Json>,
        conversion: Conversion,
    ) -> Option<Json> {
        let mut array = ArrayWriter::default();
        for value in values {
            array.push(&read_scalar(self.scalar, &value, conversion)?);
        }
        Some(array.finish())
    }
}

/// Puts an array together, element by element.
pub(super) struct ArrayWriter(Vec<u8>);

impl Default for ArrayWriter {
    fn default() -> Self {
        Self(vec![b'['])
    }
}

impl ArrayWriter {
    pub(super) fn push(&mut self, element: &Json) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend_from_slice(element.as_bytes());
    }

    /// The size so far, bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn finish(mut self) -> Json {
        self.0.push(b']');
        Json::from_parts(self.0)
    }
}

fn read_scalar(kind: InputKind, value: &Json, conversion: Conversion) -> Option<Json> {
    let read = read_strict(kind, value);
    match conversion {
        Conversion::Strict => read,
        Conversion::Lenient => read.or_else(|| read_strict(kind, &converted(kind, value)?)),
    }
}

/// The value as it would be written for this kind, digits as they came.
fn converted(kind: InputKind, value: &Json) -> Option<Json> {
    match (kind, value.kind()) {
        (InputKind::String, Kind::Number | Kind::Bool) => {
            Some(Json::from_parts(format!("\"{}\"", value.as_str()).into_bytes()))
        }
        (InputKind::Boolean, Kind::String) => {
            truth(&value.text()?).map(|flag| Json::from_value(&flag.into()))
        }
        (InputKind::Integer | InputKind::Number, Kind::String) => {
            let text = value.text()?.trim().to_owned();
            Json::parse(text.into(), 1).ok()
        }
        _ => None,
    }
}

fn read_strict(kind: InputKind, value: &Json) -> Option<Json> {
    match (kind, value.kind()) {
        (InputKind::String, Kind::String) | (InputKind::Boolean, Kind::Bool) => Some(value.clone()),
        (InputKind::Number, Kind::Number) => is_double(value).then(|| value.clone()),
        (InputKind::Integer, Kind::Number) => read_integer(value),
        (_, Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Array | Kind::Object) => {
            None
        }
    }
}

/// Whether a double can hold the number, if not exactly: `1e400` is well-formed JSON, but nothing
/// that a flow could bind.
fn is_double(number: &Json) -> bool {
    number.as_str().parse::<f64>().is_ok_and(f64::is_finite)
}

/// A whole number that fits 64 bits; one written `5.0` or `5e0` is written as `5`, and `-0` as `0`,
/// which some readers take for a fraction.
fn read_integer(value: &Json) -> Option<Json> {
    let text = value.as_str();
    if text != "-0" && text.parse::<i64>().is_ok() {
        return Some(value.clone());
    }
    let number: f64 = text.parse().ok()?;
    // `1e-400` is not 0, only too small for a double.
    let is_tiny = number == 0.0 && mantissa(text).contains(|digit| matches!(digit, '1'..='9'));
    let is_whole = number.fract() == 0.0 && number.abs() <= MAX_EXACT && !is_tiny;
    // Adding zero takes the sign from a negative zero.
    is_whole.then(|| Json::from_parts(format!("{:.0}", number + 0.0).into_bytes()))
}

/// A number's text without its exponent.
fn mantissa(text: &str) -> &str {
    text.split(['e', 'E']).next().unwrap_or(text)
}
