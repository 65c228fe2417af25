//! From JSON with placeholders in its texts to the parts of a template.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Part;
use crate::model::id::shorten;
use crate::model::inputs::{push_json_escaped, push_json_string};
use crate::model::template::text_template::{Piece, constant, parse};
use crate::model::template::unescaped::risks;
use crate::model::template::{InjectionRisk, Placeholder, Reference, TemplateError, TextPlace};

/// How much of a key an error shows, in characters.
const SHOWN: usize = 40;

/// The text without the `|null` of a placeholder at its end. Two bars belong to the name.
fn without_null(text: &str) -> Cow<'_, str> {
    match text.strip_suffix("|null}") {
        Some(before) if !before.ends_with('|') => Cow::Owned(format!("{before}}}")),
        _ => Cow::Borrowed(text),
    }
}

/// What stands in an object or array before the next entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SoFar {
    Nothing,
    /// Only what may be left out.
    PerhapsNothing,
    Something,
}

/// The parts of a template, and where a value could be taken for syntax.
pub(super) fn compile(value: &Value) -> Result<(Vec<Part>, Vec<InjectionRisk>), TemplateError> {
    let mut compiler = Compiler::default();
    compiler.value(value)?;
    compiler.close_fixed();
    Ok((compiler.parts, compiler.risks))
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
        let mut so_far = SoFar::Nothing;
        for (index, item) in items.iter().enumerate() {
            so_far = self.entry(&index.to_string(), None, item, so_far)?;
        }
        self.fixed.push(']');
        Ok(())
    }

    fn object(&mut self, members: &Map<String, Value>) -> Result<(), TemplateError> {
        self.fixed.push('{');
        let mut so_far = SoFar::Nothing;
        for (name, value) in members {
            let key = self.key(name)?;
            so_far = self.entry(name, Some(key), value, so_far)?;
        }
        self.fixed.push('}');
        Ok(())
    }

    /// A member with its key, or an element without one.
    fn entry(
        &mut self,
        step: &str,
        key: Option<String>,
        value: &Value,
        so_far: SoFar,
    ) -> Result<SoFar, TemplateError> {
        let length = self.place.len();
        self.place.push('/');
        self.place.push_str(&step.replace('~', "~0").replace('/', "~1"));
        let optional = value.as_str().map(|text| self.optional(text)).transpose()?.flatten();
        let now = if let Some(value) = optional {
            self.close_fixed();
            self.parts.push(Part::Optional { key, value });
            so_far.max(SoFar::PerhapsNothing)
        } else {
            self.comma(so_far);
            self.fixed.push_str(&key.unwrap_or_default());
            self.value(value)?;
            SoFar::Something
        };
        self.place.truncate(length);
        Ok(now)
    }

    /// What stands between what is there so far and the next.
    fn comma(&mut self, so_far: SoFar) {
        match so_far {
            SoFar::Nothing => {}
            SoFar::Something => self.fixed.push(','),
            SoFar::PerhapsNothing => {
                self.close_fixed();
                self.parts.push(Part::Comma);
            }
        }
    }

    /// The input that is all of the text, unless it is to be `null` where it is missing.
    fn optional(&self, text: &str) -> Result<Option<Placeholder>, TemplateError> {
        let mut pieces = parse(&without_null(text)).map_err(|error| self.here(error))?;
        let is_whole = pieces.len() == 1 && without_null(text) == text;
        Ok(match pieces.pop() {
            Some(Piece::Hole(it)) if is_whole && matches!(it.reference, Reference::Input(_)) => {
                Some(it)
            }
            _ => None,
        })
    }

    /// The key as JSON, with its colon.
    fn key(&self, key: &str) -> Result<String, TemplateError> {
        let shown = shorten(key, SHOWN);
        let pieces = parse(key).map_err(|error| self.here(error.at(format!("key {shown:?}"))))?;
        let text = constant(&pieces)
            .ok_or_else(|| self.here(TemplateError::PlaceholderInKey { key: shown }))?;
        let mut json = String::with_capacity(text.len() + 3);
        push_json_string(&mut json, &text);
        json.push(':');
        Ok(json)
    }

    fn string(&mut self, text: &str) -> Result<(), TemplateError> {
        let mut pieces = parse(&without_null(text)).map_err(|error| self.here(error))?;
        if pieces.len() != 1 {
            pieces = parse(text).map_err(|error| self.here(error))?;
        }
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
