//! Where the values of placeholders come from, and how one is written as text or as JSON.

use std::borrow::Cow;

use super::{Reference, RenderError};
use crate::domain::ids::Id;
use crate::domain::inputs::{InputValue, Inputs};
use crate::domain::json::{Json, Pointer};

/// The values for one rendering.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// The request's inputs.
    pub inputs: &'a Inputs,
    /// The data of the sources that have answered.
    pub sources: &'a [(Id, Json)],
}

impl<'a> Values<'a> {
    /// Inputs and no other source's data.
    pub fn of_inputs(inputs: &'a Inputs) -> Self {
        Self { inputs, sources: &[] }
    }

    /// The value as text: a string without quotes, a number or boolean as it is written.
    ///
    /// # Errors
    /// [`RenderError::Missing`], also for null, an array and an object.
    pub(super) fn text(&self, reference: &Reference) -> Result<Cow<'a, str>, RenderError> {
        let text = match reference {
            Reference::Input(name) => self.inputs.get(name.as_str()).map(text_of_input),
            Reference::Source { source, pointer } => {
                let value = self.find(source, pointer);
                value.and_then(|value| value.scalar_text().map(|text| text.into_owned().into()))
            }
        };
        text.ok_or_else(|| RenderError::Missing(reference.clone()))
    }

    /// The same where a request is whole without the value: `None` for an input that is missing.
    ///
    /// # Errors
    /// [`RenderError::Missing`] for another source's value: a request that was to depend on it
    /// would ask for something else without it.
    pub(super) fn optional_text(
        &self,
        reference: &Reference,
    ) -> Result<Option<Cow<'a, str>>, RenderError> {
        match (self.text(reference), reference) {
            (Ok(text), _) => Ok(Some(text)),
            (Err(_), Reference::Input(_)) => Ok(None),
            (Err(error), Reference::Source { .. }) => Err(error),
        }
    }

    /// Appends the value as JSON of its own type; an input that is missing is `null`.
    ///
    /// # Errors
    /// [`RenderError::Missing`] for another source's value that is not there.
    pub(super) fn push_json(
        &self,
        reference: &Reference,
        out: &mut String,
    ) -> Result<(), RenderError> {
        match reference {
            Reference::Input(name) => match self.inputs.get(name.as_str()) {
                Some(value) => value.write_json(out),
                None => out.push_str("null"),
            },
            Reference::Source { source, pointer } => {
                let value = self.find(source, pointer);
                let value = value.ok_or_else(|| RenderError::Missing(reference.clone()))?;
                out.push_str(value.as_str());
            }
        }
        Ok(())
    }

    fn find(&self, source: &Id, pointer: &Pointer) -> Option<Json> {
        let (_, data) = self.sources.iter().find(|(id, _)| id == source)?;
        data.pointer(pointer)
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

#[cfg(test)]
mod tests {
    use super::super::support::{inputs, source};
    use super::*;
    use serde_json::json;

    /// The value `x` in the data `{"x": <value>}` of the source `crm`.
    fn text_and_json(value: &str) -> (Option<String>, Option<String>) {
        let inputs = inputs(&json!({}));
        let sources = [source("crm", &format!(r#"{{"x":{value}}}"#))];
        let values = Values { inputs: &inputs, sources: &sources };
        let reference = Reference::parse("crm.x").unwrap();
        let mut out = String::new();
        let written = values.push_json(&reference, &mut out).is_ok();
        (values.text(&reference).ok().map(Cow::into_owned), written.then_some(out))
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
            let expected = (Some(text.to_owned()), Some(json.to_owned()));
            assert_eq!(text_and_json(json), expected);
        }
    }

    #[test]
    fn null_an_array_and_an_object_are_no_text_but_are_json() {
        for json in ["null", "[1, 2]", r#"{"a": 1}"#] {
            assert_eq!(text_and_json(json), (None, Some(json.to_owned())));
        }
    }

    #[test]
    fn an_input_may_be_missing_where_a_sources_value_may_not() {
        let inputs = inputs(&json!({}));
        let sources = [source("crm", r#"{"y":[]}"#)];
        let values = Values { inputs: &inputs, sources: &sources };
        let mut out = String::new();
        let input = Reference::parse("x").unwrap();
        assert_eq!(values.optional_text(&input), Ok(None));
        assert_eq!(values.push_json(&input, &mut out), Ok(()));
        for name in ["crm.x", "crm:/y/0", "erp.x", "erp:"] {
            let reference = Reference::parse(name).unwrap();
            let missing = RenderError::Missing(reference.clone());
            assert_eq!(values.optional_text(&reference), Err(missing.clone()), "{name}");
            assert_eq!(values.push_json(&reference, &mut out), Err(missing), "{name}");
        }
        assert_eq!(out, "null");
    }
}
