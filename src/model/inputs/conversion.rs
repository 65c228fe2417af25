//! Whether a value that is written as another type is taken for what it says.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::InputKind;

/// Whether a value of another type is converted where it can only mean one thing: `"42"` is the number
/// 42, 42 the text `"42"`, `"true"` the boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conversion {
    /// A value of another type is none.
    #[default]
    Strict,
    /// One that can only mean one thing is converted.
    Lenient,
}

/// What the switch `convert` of the configuration means.
impl From<bool> for Conversion {
    fn from(is_on: bool) -> Self {
        if is_on { Self::Lenient } else { Self::Strict }
    }
}

impl Conversion {
    /// The value as one of `kind` if it can be converted, else as it is.
    pub(super) fn convert(self, kind: InputKind, value: &Value) -> Cow<'_, Value> {
        match self {
            Self::Strict => Cow::Borrowed(value),
            Self::Lenient => converted(kind, value).map_or(Cow::Borrowed(value), Cow::Owned),
        }
    }
}

fn converted(kind: InputKind, value: &Value) -> Option<Value> {
    match (kind, value) {
        (InputKind::String, Value::Number(number)) => exact_text(number).map(Value::String),
        (InputKind::String, Value::Bool(flag)) => Some(Value::String(flag.to_string())),
        (InputKind::Boolean, Value::String(text)) => truth(text).map(Value::Bool),
        (InputKind::Integer | InputKind::Number, Value::String(text)) => {
            let number: Value = serde_json::from_str(text.trim()).ok()?;
            number.is_number().then_some(number)
        }
        _ => None,
    }
}

/// The digits that came. Of a fraction, or of more than 64 bits, they are not known any more.
fn exact_text(number: &Number) -> Option<String> {
    (number.is_i64() || number.is_u64()).then(|| number.to_string())
}

/// The truth value that a text is, in whatever case.
pub(crate) fn truth(text: &str) -> Option<bool> {
    let text = text.trim();
    [("true", true), ("false", false)]
        .into_iter()
        .find_map(|(word, value)| text.eq_ignore_ascii_case(word).then_some(value))
}
