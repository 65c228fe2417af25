//! Where the values of placeholders come from, and how one is written as text or as JSON.

use std::borrow::Cow;

use super::{Placeholder, Reference, RenderError};
use crate::model::id::Id;
use crate::model::inputs::{InputValue, Inputs, push_json_string};
use crate::model::json::{Json, Pointer};
use crate::model::template::escape;

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

    /// The value as text, written as the placeholder's escapes say: a string without quotes, a
    /// number or boolean as it is written.
    ///
    /// # Errors
    /// [`RenderError::Missing`], also for null, an array and an object; [`RenderError::Refused`].
    pub(super) fn text(&self, placeholder: &Placeholder) -> Result<Cow<'a, str>, RenderError> {
        let Placeholder { reference, escapes } = placeholder;
        let text = self.plain_text(reference);
        let text = text.ok_or_else(|| RenderError::Missing(reference.clone()))?;
        escape::apply_all(escapes, text)
            .map_err(|escape| RenderError::Refused { escape, reference: reference.clone() })
    }

    /// The value as text, before any escape.
    fn plain_text(&self, reference: &Reference) -> Option<Cow<'a, str>> {
        match reference {
            Reference::Input(name) => self.inputs.get(name.as_str()).map(text_of_input),
            Reference::Source { source, pointer } => {
                let value = self.find(source, pointer);
                value.and_then(|value| value.scalar_text().map(|text| text.into_owned().into()))
            }
        }
    }

    /// Whether it names an input that is not set.
    pub(super) fn is_missing_input(&self, reference: &Reference) -> bool {
        match reference {
            Reference::Input(name) => self.inputs.get(name.as_str()).is_none(),
            Reference::Source { .. } => false,
        }
    }

    /// The same where a request is whole without the value: `None` for an input that is missing.
    ///
    /// # Errors
    /// [`RenderError::Missing`] for another source's value: a request that was to depend on it
    /// would ask for something else without it. [`RenderError::Refused`].
    pub(super) fn optional_text(
        &self,
        placeholder: &Placeholder,
    ) -> Result<Option<Cow<'a, str>>, RenderError> {
        if self.is_missing_input(&placeholder.reference) {
            return Ok(None);
        }
        self.text(placeholder).map(Some)
    }

    /// Appends the value as JSON: of its own type, or a string if it has escapes; an input that is
    /// missing is `null`.
    ///
    /// # Errors
    /// [`RenderError::Missing`] for another source's value that is not there;
    /// [`RenderError::Refused`].
    pub(super) fn push_json(
        &self,
        placeholder: &Placeholder,
        out: &mut String,
    ) -> Result<(), RenderError> {
        let reference = &placeholder.reference;
        if !placeholder.escapes.is_empty() && !self.is_missing_input(reference) {
            push_json_string(out, &self.text(placeholder)?);
            return Ok(());
        }
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
        let placeholder = Placeholder::parse("crm.x").unwrap();
        let mut out = String::new();
        let written = values.push_json(&placeholder, &mut out).is_ok();
        (values.text(&placeholder).ok().map(Cow::into_owned), written.then_some(out))
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
        let input = Placeholder::parse("x").unwrap();
        assert_eq!(values.optional_text(&input), Ok(None));
        assert_eq!(values.push_json(&input, &mut out), Ok(()));
        for name in ["crm.x", "crm:/y/0", "erp.x", "erp:"] {
            let placeholder = Placeholder::parse(name).unwrap();
            let missing = RenderError::Missing(placeholder.reference.clone());
            assert_eq!(values.optional_text(&placeholder), Err(missing.clone()), "{name}");
            assert_eq!(values.push_json(&placeholder, &mut out), Err(missing), "{name}");
        }
        assert_eq!(out, "null");
    }

    #[test]
    fn a_value_with_an_escape_is_text_of_whatever_type_it_is() {
        let inputs = inputs(&json!({"s": "a'b", "n": 5, "b": true}));
        let sources = [source("crm", r#"{"s":"a'b","n":1.00,"x":null,"y":[]}"#)];
        let values = Values { inputs: &inputs, sources: &sources };
        let written = |name: &str| {
            let mut out = String::new();
            let placeholder = Placeholder::parse(name).unwrap();
            values.push_json(&placeholder, &mut out).map(|()| out).map_err(|e| e.to_string())
        };
        for (name, json) in [
            ("s|odata", "\"a''b\""),
            ("s|soql", "\"a\\\\'b\""),
            ("n|soql", "\"5\""),
            ("b|raw", "\"true\""),
            ("crm.s|odata", "\"a''b\""),
            ("crm.n|soql", "\"1.00\""),
            ("none|soql", "null"),
        ] {
            assert_eq!(written(name).as_deref(), Ok(json), "{name}");
        }
        for name in ["crm.x|soql", "crm.y|soql", "crm.none|soql"] {
            assert!(written(name).unwrap_err().contains("has no value"), "{name}");
        }
    }

    #[test]
    fn a_value_that_an_escape_refuses_is_an_error_that_does_not_repeat_it() {
        let inputs = inputs(&json!({"s": "a^b"}));
        let sources = [source("crm", r#"{"s":"a^b"}"#)];
        let values = Values { inputs: &inputs, sources: &sources };
        for name in ["s", "crm.s"] {
            let placeholder = Placeholder::parse(&format!("{name}|sysparm")).unwrap();
            let expected = format!("{{{name}}} must not have `^`, control characters");
            let error = values.optional_text(&placeholder).unwrap_err().to_string();
            assert!(error.starts_with(&expected) && !error.contains("a^b"), "{error}");
            let error = values.push_json(&placeholder, &mut String::new()).unwrap_err().to_string();
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}
