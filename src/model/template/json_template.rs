//! A JSON body with placeholders in its strings.
//!
//! It is compiled to JSON text with holes in it, so that a rendering is one pass of copying.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use crate::model::id::shorten;
use crate::model::inputs::{push_json_escaped, push_json_string};
use crate::model::template::text_template::{Piece, ROOM_PER_HOLE, constant, parse};
use crate::model::template::unescaped::risks;
use crate::model::template::{
    InjectionRisk, Placeholder, RenderError, TemplateError, TextPlace, Values,
};

/// How much of a key an error shows, in characters.
const SHOWN: usize = 40;

#[derive(Clone, PartialEq, Eq)]
enum Part {
    /// JSON text.
    Fixed(String),
    /// A whole JSON value: the string was nothing but one placeholder.
    Value(Placeholder),
    /// A text inside of a JSON string.
    Inside(Placeholder),
}

/// A JSON body with placeholders in its strings.
///
/// `"{limit}"` alone takes the value with its own type, and `null` if the input is missing; in
/// `"id-{n}"` the value is text, and with an escape (`"{n|xml}"`) anywhere.
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
        let mut compiler = Compiler::default();
        compiler.value(value)?;
        compiler.close_fixed();
        let Compiler { parts, risks, .. } = compiler;
        let room_of = |part: &Part| match part {
            Part::Fixed(text) => text.len(),
            Part::Value(_) | Part::Inside(_) => ROOM_PER_HOLE,
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
            Part::Fixed(_) => None,
            Part::Value(placeholder) | Part::Inside(placeholder) => Some(placeholder),
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
            }
        }
        Ok(Cow::Owned(out))
    }
}

/// The placeholders only: fixed text may hold a secret.
impl fmt::Debug for JsonTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonTemplate")?;
        f.debug_list().entries(self.placeholders()).finish()
    }
}

#[derive(Default)]
struct Compiler {
    parts: Vec<Part>,
    /// JSON text since the last hole.
    fixed: String,
    /// JSON Pointer to where the compiler is.
    place: String,
    risks: Vec<InjectionRisk>,
}

impl Compiler {
    fn value(&mut self, value: &Value) -> Result<(), TemplateError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                self.fixed.push_str(&value.to_string());
                Ok(())
            }
            Value::String(text) => self.string(text),
            Value::Array(items) => self.array(items),
            Value::Object(members) => self.object(members),
        }
    }

    fn array(&mut self, items: &[Value]) -> Result<(), TemplateError> {
        self.fixed.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.fixed.push(',');
            }
            self.inside(&index.to_string(), item)?;
        }
        self.fixed.push(']');
        Ok(())
    }

    fn object(&mut self, members: &Map<String, Value>) -> Result<(), TemplateError> {
        self.fixed.push('{');
        for (index, (key, value)) in members.iter().enumerate() {
            if index > 0 {
                self.fixed.push(',');
            }
            self.key(key)?;
            self.fixed.push(':');
            self.inside(key, value)?;
        }
        self.fixed.push('}');
        Ok(())
    }

    fn inside(&mut self, step: &str, value: &Value) -> Result<(), TemplateError> {
        let length = self.place.len();
        self.place.push('/');
        self.place.push_str(&step.replace('~', "~0").replace('/', "~1"));
        self.value(value)?;
        self.place.truncate(length);
        Ok(())
    }

    fn key(&mut self, key: &str) -> Result<(), TemplateError> {
        let shown = shorten(key, SHOWN);
        let pieces = parse(key).map_err(|error| self.here(error.at(format!("key {shown:?}"))))?;
        let text = constant(&pieces)
            .ok_or_else(|| self.here(TemplateError::PlaceholderInKey { key: shown }))?;
        push_json_string(&mut self.fixed, &text);
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), TemplateError> {
        let pieces = parse(text).map_err(|error| self.here(error))?;
        for (placeholder, reason) in risks(&pieces) {
            let (place, placeholder) = (TextPlace::Json(self.place.clone()), placeholder.clone());
            self.risks.push(InjectionRisk { place, placeholder, reason });
        }
        if let [Piece::Hole(placeholder)] = pieces.as_slice() {
            self.close_fixed();
            self.parts.push(Part::Value(placeholder.clone()));
            return Ok(());
        }
        self.fixed.push('"');
        for piece in pieces {
            match piece {
                Piece::Fixed(text) => push_json_escaped(&mut self.fixed, &text),
                Piece::Hole(placeholder) => {
                    self.close_fixed();
                    self.parts.push(Part::Inside(placeholder));
                }
            }
        }
        self.fixed.push('"');
        Ok(())
    }

    fn close_fixed(&mut self) {
        if !self.fixed.is_empty() {
            self.parts.push(Part::Fixed(std::mem::take(&mut self.fixed)));
        }
    }

    fn here(&self, error: TemplateError) -> TemplateError {
        if self.place.is_empty() { error } else { error.at(self.place.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::support::{input_v, inputs, source};
    use serde_json::json;

    fn rendered(template: &Value) -> Result<Value, RenderError> {
        let inputs = inputs(&json!({"s": "a\"b\\\n{n}", "n": 5, "f": 1.5, "b": true}));
        let template = JsonTemplate::try_new(template).unwrap();
        let text = template.render(&Values::of_inputs(&inputs))?.into_owned();
        Ok(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn a_placeholder_alone_takes_the_value_with_its_type() {
        let body = json!({"s": "{s}", "n": "{n}", "f": ["{f}"], "b": {"b": "{b}"}, "x": "{none}"});
        let expected = json!({
            "s": "a\"b\\\n{n}", "n": 5, "f": [1.5], "b": {"b": true}, "x": null
        });
        assert_eq!(rendered(&body), Ok(expected));
        assert_eq!(rendered(&json!("{n}")), Ok(json!(5)));
    }

    #[test]
    fn a_placeholder_in_a_longer_string_is_text() {
        let body = json!(["<{s}>", "{n}{f}", " {b}", "{{{n}}}"]);
        let expected = json!(["<a\"b\\\n{n}>", "51.5", " true", "{5}"]);
        assert_eq!(rendered(&body), Ok(expected));
        let error = rendered(&json!("x{none}")).unwrap_err();
        assert!(matches!(error, RenderError::Missing(_)), "{error}");
    }

    #[test]
    fn what_is_fixed_is_kept() {
        let body = json!({"a": [1, -2.5, true, null, {}, [], "é\"\\\u{1}"], "": {"/~": ""}});
        assert_eq!(rendered(&body), Ok(body.clone()));
        let template = JsonTemplate::try_new(&body).unwrap();
        assert_eq!(template.constant(), Some(body.to_string().as_str()));
    }

    #[test]
    fn doubled_braces_are_braces_in_values_and_keys() {
        let body = json!({"{{k}}": "{{n}}"});
        assert_eq!(rendered(&body), Ok(json!({"{k}": "{n}"})));
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        for (body, start) in [
            (json!({"a/b": [0, {"c": "x{"}]}), "/a~1b/1/c: character 2"),
            (json!({"a": {"{n}": 1}}), "/a: the key \"{n}\" has a placeholder"),
            (json!({"a}": 1}), "key \"a}\": character 2"),
            (json!("{}"), "character 1"),
            // The place is taken back behind each member.
            (json!([{"a": 1}, "{}"]), "/1: character 1"),
        ] {
            let error = JsonTemplate::try_new(&body).unwrap_err().to_string();
            assert!(error.starts_with(start), "{body}: {error}");
        }
    }

    #[test]
    fn any_json_of_a_source_may_stand_as_a_whole_value() {
        let sources = [source("crm", r#"{"id":12345678901234567890123,"x":[1.00]}"#)];
        let inputs = input_v("");
        let values = Values { inputs: &inputs, sources: &sources };
        let template = JsonTemplate::try_new(&json!({"a": "{crm:}", "b": "{crm.x}"})).unwrap();
        assert_eq!(
            template.render(&values).unwrap(),
            r#"{"a":{"id":12345678901234567890123,"x":[1.00]},"b":[1.00]}"#
        );
        let missing = JsonTemplate::try_new(&json!({"a": "{crm.y}"})).unwrap();
        assert!(missing.render(&values).is_err());
        let inside = JsonTemplate::try_new(&json!("x{crm:}")).unwrap();
        assert!(inside.render(&values).is_err());
    }

    #[test]
    fn references_are_listed_and_debug_shows_no_fixed_text() {
        let template = JsonTemplate::try_new(&json!(["hunter2", "{a}", "x{crm.b}"])).unwrap();
        assert_eq!(format!("{template:?}"), "JsonTemplate[{a}, {crm.b}]");
        assert_eq!(template.constant(), None);
    }
}
