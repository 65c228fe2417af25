//! A JSON body with placeholders in its strings.
//!
//! It is compiled to JSON text with holes in it, so that a rendering is one pass of copying.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::model::inputs::push_json_escaped;
use crate::model::template::text_template::ROOM_PER_HOLE;
use crate::model::template::{InjectionRisk, Placeholder, RenderError, TemplateError, Values};

mod compile;

#[derive(Clone, PartialEq, Eq)]
enum Part {
    /// JSON text.
    Fixed(String),
    /// A whole JSON value: the string was nothing but one placeholder.
    Value(Placeholder),
    /// A member of an object with its key, or an element of an array without one, whose value is an
    /// input: left out where the input is missing.
    Optional { key: Option<String>, value: Placeholder },
    /// A comma, unless what could stand before it in its object or array was left out.
    Comma,
    /// A text inside of a JSON string.
    Inside(Placeholder),
}

/// A JSON body with placeholders in its strings.
///
/// `"{limit}"` alone takes the value with its own type. If the input is missing, the member or element
/// is left out; it is `null` with `"{limit|null}"`, and where it is the whole body. In `"id-{n}"` the
/// value is text, and with an escape (`"{n|xml}"`) anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonTemplate {
    parts: Vec<Part>,
    room: usize,
    risks: Vec<InjectionRisk>,
}

impl JsonTemplate {
    /// Compiles `value`. In every string, keys included, `{{` and `}}` are braces.
    ///
    /// # Errors
    /// [`TemplateError::At`] with the JSON Pointer of a bad placeholder, or of one in a key.
    pub fn try_new(value: &Value) -> Result<Self, TemplateError> {
        let (parts, risks) = compile::compile(value)?;
        let room_of = |part: &Part| match part {
            Part::Fixed(text) => text.len(),
            Part::Value(_) | Part::Inside(_) => ROOM_PER_HOLE,
            Part::Optional { key, .. } => ROOM_PER_HOLE + key.as_ref().map_or(1, String::len),
            Part::Comma => 1,
        };
        let room = parts.iter().map(room_of).sum();
        Ok(Self { parts, room, risks })
    }

    /// The body, if it names nothing.
    pub fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Fixed(text)] => Some(text),
            _ => None,
        }
    }

    /// Its placeholders, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Fixed(_) | Part::Comma => None,
            Part::Value(placeholder)
            | Part::Inside(placeholder)
            | Part::Optional { value: placeholder, .. } => Some(placeholder),
        })
    }

    /// Its placeholders whose values could be taken for syntax within their strings, in order.
    pub fn injection_risks(&self) -> &[InjectionRisk] {
        &self.risks
    }

    /// The body as JSON text.
    ///
    /// # Errors
    /// [`RenderError::Missing`] for a placeholder inside of a longer string, and anywhere for another
    /// source's value; [`RenderError::Refused`].
    pub fn render(&self, values: &Values<'_>) -> Result<Cow<'_, str>, RenderError> {
        if let Some(constant) = self.constant() {
            return Ok(Cow::Borrowed(constant));
        }
        let mut out = String::with_capacity(self.room);
        for part in &self.parts {
            match part {
                Part::Fixed(text) => out.push_str(text),
                Part::Value(placeholder) => values.push_json(placeholder, &mut out)?,
                Part::Inside(placeholder) => {
                    push_json_escaped(&mut out, &values.text(placeholder)?);
                }
                Part::Comma => push_comma(&mut out),
                Part::Optional { key, value } if !values.is_missing_input(&value.reference) => {
                    push_comma(&mut out);
                    out.push_str(key.as_deref().unwrap_or_default());
                    values.push_json(value, &mut out)?;
                }
                Part::Optional { .. } => {}
            }
        }
        Ok(Cow::Owned(out))
    }
}

/// A comma behind what stands in the object or array already.
fn push_comma(out: &mut String) {
    // A text that ends like that ends in a quotation mark.
    if !out.ends_with(['{', '[']) {
        out.push(',');
    }
}

/// The placeholders only: fixed text may hold a secret.
impl fmt::Debug for JsonTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonTemplate")?;
        f.debug_list().entries(self.placeholders()).finish()
    }
}

#[cfg(test)]
mod tests;
