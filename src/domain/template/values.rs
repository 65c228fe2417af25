//! Where the values of placeholders come from, and how one is written as text or as JSON.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Reference, RenderError};
use crate::domain::ids::Id;
use crate::domain::inputs::{InputValue, Inputs};

/// Finds the value at a JSON Pointer in a source's data. The answer is JSON as the source wrote it.
pub type SourceLookup<'a> = dyn Fn(&Id, &str) -> Option<&'a RawValue> + 'a;

/// The values for one rendering.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// The request's inputs.
    pub inputs: &'a Inputs,
    /// The data of the sources that have answered.
    pub lookup_source: &'a SourceLookup<'a>,
}

impl<'a> Values<'a> {
    /// Inputs and no other source's data.
    pub fn of_inputs(inputs: &'a Inputs) -> Self {
        Self { inputs, lookup_source: &|_, _| None }
    }

    /// The value as text: a string without quotes, a number or boolean as it is written.
    ///
    /// # Errors
    /// [`RenderError::Missing`], also for null, an array and an object.
    pub(super) fn text(&self, reference: &Reference) -> Result<Cow<'a, str>, RenderError> {
        let text = match reference {
            Reference::Input(name) => self.inputs.get(name.as_str()).map(text_of_input),
            Reference::Source { source, pointer } => {
                (self.lookup_source)(source, pointer).and_then(text_of_json)
            }
        };
        text.ok_or_else(|| RenderError::Missing(reference.clone()))
    }

    /// Appends the value as JSON of its own type; what is missing is `null`.
    pub(super) fn push_json(&self, reference: &Reference, out: &mut String) {
        match reference {
            Reference::Input(name) => match self.inputs.get(name.as_str()) {
                Some(value) => value.write_json(out),
                None => out.push_str("null"),
            },
            Reference::Source { source, pointer } => {
                let value = (self.lookup_source)(source, pointer);
                out.push_str(value.map_or("null", RawValue::get));
            }
        }
    }
}

fn text_of_input(value: &InputValue) -> Cow<'_, str> {
    match value {
        InputValue::Text(text) => Cow::Borrowed(text),
        InputValue::Integer(integer) => Cow::Owned(integer.to_string()),
        InputValue::Number(number) => Cow::Owned(number.to_string()),
        InputValue::Boolean(true) => Cow::Borrowed("true"),
        InputValue::Boolean(false) => Cow::Borrowed("false"),
    }
}

/// The first byte of well-formed JSON tells its type.
fn text_of_json(value: &RawValue) -> Option<Cow<'_, str>> {
    let json = value.get();
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).ok().map(Cow::Owned),
        Some(b'-' | b'0'..=b'9' | b't' | b'f') => Some(Cow::Borrowed(json)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::inputs;
    use super::*;
    use serde_json::json;

    fn text_and_json(json: &str) -> (Option<String>, String) {
        let data: &RawValue = serde_json::from_str(json).unwrap();
        let inputs = inputs(&json!({}));
        let values = Values {
            inputs: &inputs,
            lookup_source: &|source, pointer| {
                (source.as_str() == "crm" && pointer == "/x").then_some(data)
            },
        };
        let reference = Reference::parse("crm.x").unwrap();
        let mut out = String::new();
        values.push_json(&reference, &mut out);
        (values.text(&reference).ok().map(Cow::into_owned), out)
    }

    #[test]
    fn a_string_of_a_source_is_decoded_and_a_number_is_kept_as_written() {
        for (json, text) in [
            (r#""a\u00e9\n\"""#, "aé\n\""),
            ("1.00", "1.00"),
            ("-12345678901234567890123", "-12345678901234567890123"),
            ("true", "true"),
            ("false", "false"),
        ] {
            let expected = (Some(text.to_owned()), json.to_owned());
            assert_eq!(text_and_json(json), expected);
        }
    }

    #[test]
    fn null_an_array_and_an_object_are_no_text_but_are_json() {
        for json in ["null", "[1, 2]", r#"{"a": 1}"#] {
            assert_eq!(text_and_json(json), (None, json.to_owned()));
        }
    }
}
