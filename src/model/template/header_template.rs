//! A header with placeholders in its value.

use std::borrow::Cow;
use std::fmt;

use crate::model::template::text_template::{Piece, TextTemplate, room};
use crate::model::template::{Placeholder, Reference, RenderError, TemplateError, Values};

/// Headers that frame a message or belong to one connection (RFC 9110 section 7.6.1), and those
/// that the service must choose itself: `accept-encoding` says what it can decode.
const RESERVED: [&str; 11] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A header with placeholders in its value.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderTemplate {
    name: String,
    text: TextTemplate,
}

impl HeaderTemplate {
    /// Checks the name and reads the value.
    ///
    /// # Errors
    /// [`TemplateError`]: the name is not a token (RFC 9110 section 5.6.2) or is one that the
    /// service sets itself; a bad placeholder; fixed text that is not visible ASCII and spaces.
    pub fn try_new(name: &str, template: &str) -> Result<Self, TemplateError> {
        let name = checked_name(name)?;
        let place = |error: TemplateError| error.at(format!("header `{name}`"));
        let text = TextTemplate::try_new(template).map_err(place)?;
        let good = |piece: &Piece| match piece {
            Piece::Fixed(text) => text.bytes().all(is_visible_or_space),
            Piece::Hole(_) => true,
        };
        if !text.pieces.iter().all(good) || template.trim() != template {
            return Err(TemplateError::HeaderText { name });
        }
        Ok(Self { name, text })
    }

    /// The name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, if it names nothing.
    pub fn constant(&self) -> Option<&str> {
        self.text.constant()
    }

    /// Its placeholders, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.text.placeholders()
    }

    /// The value: visible ASCII and spaces, no space at its ends. `None`, and the header is not
    /// sent, when it names a missing input or something empty.
    ///
    /// # Errors
    /// [`RenderError::Missing`] for another source's value; [`RenderError::Refused`],
    /// [`RenderError::ControlCharacter`], [`RenderError::NotAscii`] and
    /// [`RenderError::SurroundingSpace`]: such a value is refused, because sending it in another
    /// form would send another value.
    pub fn render(&self, values: &Values<'_>) -> Result<Option<Cow<'_, str>>, RenderError> {
        if let Some(constant) = self.constant() {
            return Ok(Some(Cow::Borrowed(constant)));
        }
        let mut out = String::with_capacity(room(&self.text.pieces));
        let mut complete = true;
        for piece in &self.text.pieces {
            match piece {
                Piece::Fixed(text) => out.push_str(text),
                Piece::Hole(placeholder) => match values.optional_text(placeholder)? {
                    Some(text) if !text.is_empty() => {
                        self.check(&text, &placeholder.reference)?;
                        out.push_str(&text);
                    }
                    Some(_) | None => complete = false,
                },
            }
        }
        Ok(complete.then_some(Cow::Owned(out)))
    }

    fn check(&self, text: &str, reference: &Reference) -> Result<(), RenderError> {
        let (header, reference) = (|| self.name.clone(), || reference.clone());
        if text.chars().any(char::is_control) {
            return Err(RenderError::ControlCharacter { header: header(), reference: reference() });
        }
        if !text.is_ascii() {
            return Err(RenderError::NotAscii { header: header(), reference: reference() });
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(RenderError::SurroundingSpace { header: header(), reference: reference() });
        }
        Ok(())
    }
}

/// Name and placeholders only: fixed text may hold a secret.
impl fmt::Debug for HeaderTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderTemplate({}) ", self.name)?;
        f.debug_list().entries(self.placeholders()).finish()
    }
}

fn checked_name(name: &str) -> Result<String, TemplateError> {
    let of_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let bad = name.chars().position(|c| !of_token(c));
    if let Some(at) = bad.or(name.is_empty().then_some(0)) {
        return Err(TemplateError::HeaderName { at: at + 1 });
    }
    let name = name.to_ascii_lowercase();
    if RESERVED.contains(&name.as_str()) {
        return Err(TemplateError::HeaderReserved { name });
    }
    Ok(name)
}

fn is_visible_or_space(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_graphic()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::support::{input_v, inputs, source};
    use serde_json::json;

    fn rendered_with(template: &str, value: &str) -> Result<Option<String>, RenderError> {
        let inputs = input_v(value);
        let header = HeaderTemplate::try_new("X-Key", template).unwrap();
        let text = header.render(&Values::of_inputs(&inputs))?;
        Ok(text.map(Cow::into_owned))
    }

    #[test]
    fn a_value_is_sent_as_it_is() {
        let sent = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(rendered_with("Bearer {v}", "a b\"~!"), sent("Bearer a b\"~!"));
        assert_eq!(rendered_with("{v}/{v}", "{v}"), sent("{v}/{v}"));
        assert_eq!(rendered_with("fixed", "x"), sent("fixed"));
    }

    #[test]
    fn a_header_that_names_something_missing_or_empty_is_not_sent() {
        assert_eq!(rendered_with("Bearer {none}", "x"), Ok(None));
        assert_eq!(rendered_with("{v} {none}", "x"), Ok(None));
        assert_eq!(rendered_with("Bearer {v}", ""), Ok(None));
    }

    #[test]
    fn a_value_of_a_source_that_is_missing_is_not_left_out_but_refused() {
        let (inputs, sources) = (input_v(""), [source("crm", r#"{"id":"a\r\nb","n":null}"#)]);
        let values = Values { inputs: &inputs, sources: &sources };
        for (template, word) in
            [("{crm.x}", "no value"), ("{crm.n}", "no value"), ("{crm.id}", "control")]
        {
            let header = HeaderTemplate::try_new("x", template).unwrap();
            let error = header.render(&values).unwrap_err().to_string();
            assert!(error.starts_with(template) && error.contains(word), "{error}");
        }
    }

    #[test]
    fn numbers_and_booleans_are_written_out() {
        let inputs = inputs(&json!({"n": -7, "f": 1.5, "b": true}));
        let header = HeaderTemplate::try_new("x", "{n},{f},{b}").unwrap();
        let text = header.render(&Values::of_inputs(&inputs)).unwrap();
        assert_eq!(text.as_deref(), Some("-7,1.5,true"));
    }

    #[test]
    fn a_value_that_a_header_cannot_carry_is_refused_without_repeating_it() {
        for control in ["\r\nX: y", "a\nb", "a\0b", "a\tb", "a\x7f", "a\u{85}"] {
            let error = rendered_with("{v}", control).unwrap_err();
            assert!(matches!(error, RenderError::ControlCharacter { .. }), "{control:?}");
            assert_eq!(
                error.to_string(),
                "{v} has a control character, which the header `x-key` cannot carry"
            );
        }
        let error = rendered_with("{v}", "né").unwrap_err();
        assert!(matches!(error, RenderError::NotAscii { .. }), "{error}");
    }

    #[test]
    fn a_value_that_would_lose_its_spaces_is_refused() {
        for value in [" a", "a ", " "] {
            for template in ["{v}", "Bearer {v}", "{v} x"] {
                let error = rendered_with(template, value).unwrap_err();
                assert!(matches!(error, RenderError::SurroundingSpace { .. }), "{error}");
            }
        }
    }

    #[test]
    fn a_bad_value_is_refused_even_if_another_is_missing() {
        assert!(rendered_with("{none}{v}", "a\r\n").is_err());
    }

    #[test]
    fn a_name_must_be_a_token_and_not_one_of_ours() {
        let new = |name| HeaderTemplate::try_new(name, "x");
        assert_eq!(new("X-API-Key").unwrap().name(), "x-api-key");
        for (name, place) in
            [("", 1), ("a b", 2), ("äö: x", 1), ("a\n", 2), ("(a)", 1), ("{v}", 1), ("X-Key: x", 6)]
        {
            assert_eq!(new(name), Err(TemplateError::HeaderName { at: place }), "{name}");
        }
        for name in ["Host", "CONTENT-LENGTH", "te", "Accept-Encoding"] {
            let error = new(name).unwrap_err();
            assert!(matches!(error, TemplateError::HeaderReserved { .. }), "{name}");
        }
    }

    #[test]
    fn fixed_text_must_be_something_a_header_can_carry() {
        for template in ["a\r\nb", "\t", "é", " a", "a ", "{v} ", "\u{7f}{v}"] {
            let error = HeaderTemplate::try_new("x", template).unwrap_err();
            assert!(matches!(error, TemplateError::HeaderText { .. }), "{template:?}");
        }
        let error = HeaderTemplate::try_new("x", "{").unwrap_err().to_string();
        assert!(error.starts_with("header `x`: character 1"), "{error}");
    }

    #[test]
    fn debug_shows_no_fixed_text() {
        let header = HeaderTemplate::try_new("X-Key", "hunter2 {v}").unwrap();
        assert_eq!(format!("{header:?}"), "HeaderTemplate(x-key) [{v}]");
    }
}
