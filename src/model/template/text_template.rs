//! Parsing: a text becomes pieces of fixed text and holes. The other templates build upon this one.

use std::borrow::Cow;
use std::fmt;

use crate::model::template::{Placeholder, Reference, RenderError, TemplateError, Values};

/// How much room one value is expected to need, in bytes.
pub(super) const ROOM_PER_HOLE: usize = 48;

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text as it is sent.
    Fixed(String),
    /// Where a value comes.
    Hole(Placeholder),
}

/// Splits a text at its placeholders. Two pieces of fixed text never follow each other.
pub(super) fn parse(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut fixed = String::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(brace);
        fixed.push_str(before);
        let at = text.chars().count() - from.chars().count() + 1;
        if let Some(after) = from.strip_prefix("{{") {
            fixed.push('{');
            rest = after;
        } else if let Some(after) = from.strip_prefix("}}") {
            fixed.push('}');
            rest = after;
        } else if let Some(inside) = from.strip_prefix('{') {
            let (name, after) = inside.split_once('}').ok_or(TemplateError::Unclosed { at })?;
            push_fixed(&mut pieces, &mut fixed);
            pieces.push(Piece::Hole(placeholder(name, at)?));
            rest = after;
        } else {
            return Err(TemplateError::StrayClose { at });
        }
    }
    fixed.push_str(rest);
    push_fixed(&mut pieces, &mut fixed);
    Ok(pieces)
}

fn push_fixed(pieces: &mut Vec<Piece>, fixed: &mut String) {
    if !fixed.is_empty() {
        pieces.push(Piece::Fixed(std::mem::take(fixed)));
    }
}

fn placeholder(text: &str, at: usize) -> Result<Placeholder, TemplateError> {
    if text.is_empty() {
        return Err(TemplateError::EmptyName { at });
    }
    Placeholder::parse(text).map_err(|problem| TemplateError::BadName { at, problem })
}

/// The placeholders among the pieces, in their order.
pub(super) fn holes(pieces: &[Piece]) -> impl Iterator<Item = &Placeholder> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Fixed(_) => None,
        Piece::Hole(placeholder) => Some(placeholder),
    })
}

/// The text that the pieces were parsed from.
pub(super) fn written(pieces: &[Piece]) -> String {
    let doubled = |text: &str| text.replace('{', "{{").replace('}', "}}");
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Fixed(text) => doubled(text),
            Piece::Hole(placeholder) => format!("{{{placeholder}}}"),
        })
        .collect()
}

/// The whole text, if there is no hole in it.
pub(super) fn constant(pieces: &[Piece]) -> Option<String> {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Fixed(text) => Some(text.as_str()),
            Piece::Hole(_) => None,
        })
        .collect()
}

/// How many bytes to set aside, so that rendering allocates once in most cases.
pub(super) fn room(pieces: &[Piece]) -> usize {
    let of = |piece: &Piece| match piece {
        Piece::Fixed(text) => text.len(),
        Piece::Hole(_) => ROOM_PER_HOLE,
    };
    pieces.iter().map(of).sum()
}

/// A template for text that needs no escaping, such as the key of a rate limit.
#[derive(Clone, PartialEq, Eq)]
pub struct TextTemplate {
    pub(super) pieces: Vec<Piece>,
    constant: Option<String>,
}

impl TextTemplate {
    /// Parses `template`.
    ///
    /// # Errors
    /// [`TemplateError`] with the place of a bad placeholder.
    pub fn try_new(template: &str) -> Result<Self, TemplateError> {
        let pieces = parse(template)?;
        let constant = constant(&pieces);
        Ok(Self { pieces, constant })
    }

    /// The text, if it names nothing.
    pub fn constant(&self) -> Option<&str> {
        self.constant.as_deref()
    }

    /// Its placeholders, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        holes(&self.pieces)
    }

    /// What it names, in order; a name may come more than once.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.placeholders().map(|placeholder| &placeholder.reference)
    }

    /// The text with its values, as their escapes write them.
    ///
    /// # Errors
    /// [`RenderError::Missing`] and [`RenderError::Refused`].
    pub fn render(&self, values: &Values<'_>) -> Result<Cow<'_, str>, RenderError> {
        if let Some(constant) = &self.constant {
            return Ok(Cow::Borrowed(constant));
        }
        let mut out = String::with_capacity(room(&self.pieces));
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(text) => out.push_str(text),
                Piece::Hole(placeholder) => out.push_str(&values.text(placeholder)?),
            }
        }
        Ok(Cow::Owned(out))
    }
}

/// The placeholders only: fixed text may hold a secret.
impl fmt::Debug for TextTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextTemplate")?;
        f.debug_list().entries(self.placeholders()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::support::inputs;
    use serde_json::json;

    fn rendered(template: &str) -> String {
        let inputs = inputs(&json!({"a": "x{b}", "n": -5}));
        let template = TextTemplate::try_new(template).unwrap();
        template
            .render(&Values::of_inputs(&inputs))
            .map_or_else(|error| error.to_string(), Cow::into_owned)
    }

    #[test]
    fn values_come_where_their_names_are_and_are_not_expanded_again() {
        assert_eq!(rendered("<{a}{n}>"), "<x{b}-5>");
        assert_eq!(rendered(""), "");
        assert_eq!(rendered("plain"), "plain");
    }

    #[test]
    fn doubled_braces_are_braces() {
        assert_eq!(rendered("{{a}}"), "{a}");
        assert_eq!(rendered("{{{a}}}"), "{x{b}}");
        assert_eq!(rendered("}}{{"), "}{");
    }

    #[test]
    fn a_missing_value_is_an_error_that_names_it() {
        assert_eq!(rendered("{none}"), "{none} has no value that could stand here");
        assert_eq!(rendered("{crm.id}"), "{crm.id} has no value that could stand here");
    }

    #[test]
    fn a_text_without_placeholders_is_constant() {
        let constant = |text| {
            let template = TextTemplate::try_new(text).unwrap();
            template.constant().map(str::to_owned)
        };
        assert_eq!(constant("a{{b"), Some("a{b".to_owned()));
        assert_eq!(constant(""), Some(String::new()));
        assert_eq!(constant("{a}"), None);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        for (template, start) in [
            ("äb{c", "character 3: this `{` opens"),
            ("ab}", "character 3: this `}` closes nothing; a brace itself is written `}}`"),
            ("{a}}", "character 4: this `}`"),
            ("x{}", "character 2: `{}` names nothing"),
            ("x{a{b}", "character 2: what stands in the braces is not a name"),
            ("{ a}", "character 1: what stands in the braces is not a name"),
            ("ä{a|sql}", "character 2: \"sql\" is not an escape: allowed are soql, odata, sysp"),
            ("{|soql}", "character 1: \"\" is not an input name"),
        ] {
            let error = TextTemplate::try_new(template).unwrap_err().to_string();
            assert!(error.starts_with(start), "{template}: {error}");
        }
    }

    #[test]
    fn debug_shows_the_placeholders_and_not_the_text() {
        let template = TextTemplate::try_new("hunter2{a}").unwrap();
        assert_eq!(format!("{template:?}"), "TextTemplate[{a}]");
    }
}
