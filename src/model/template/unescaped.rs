//! Where a value could be taken for syntax: placeholders that share a text with fixed text and have
//! no escape, or one that does nothing where it stands.
//!
//! A template keeps the structure of its own place. Whether the fixed text around a placeholder is a
//! query or a sentence it cannot know, so this is for warnings.

use percent_encoding::percent_decode_str;

use crate::model::template::Placeholder;
use crate::model::template::escape::Escape;
use crate::model::template::text_template::Piece;

/// A placeholder whose value could be taken for syntax (CWE-943).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectionRisk {
    /// The text that has it.
    pub place: TextPlace,
    /// The placeholder.
    pub placeholder: Placeholder,
    /// Why that could be.
    pub reason: RiskReason,
}

/// A text with placeholders within a source's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPlace {
    /// A segment of the path, or a parameter that the URL has itself.
    Url,
    /// The parameter of this name in the query table.
    Query(String),
    /// A string of the JSON body, at this JSON Pointer.
    Json(String),
}

/// Why a value could be taken for syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RiskReason {
    /// There is fixed text around it, and no escape.
    NoEscape,
    /// The escape only protects elsewhere.
    Misplaced(Escape),
}

/// The placeholders of one text that are at risk. In a URL, `pieces` are percent-encoded.
pub(super) fn risks(pieces: &[Piece]) -> Vec<(&Placeholder, RiskReason)> {
    let is_fixed = |piece: &Piece| match piece {
        Piece::Fixed(text) => !text.is_empty(),
        Piece::Hole(_) => false,
    };
    let is_shared = pieces.iter().any(is_fixed);
    let mut before = String::new();
    let mut found = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Fixed(text) => before.push_str(text),
            Piece::Hole(placeholder) => {
                let reason = if placeholder.escapes.is_empty() {
                    is_shared.then_some(RiskReason::NoEscape)
                } else {
                    misplaced(placeholder, &before).map(RiskReason::Misplaced)
                };
                found.extend(reason.map(|reason| (placeholder, reason)));
                // Whatever the value is: a text that is no syntax anywhere.
                before.push('x');
            }
        }
    }
    found
}

/// The escape that does nothing where it stands. The last one is for the language of the text around the placeholder; those before it are for
/// languages within that one. What is percent-encoded has another language within.
fn misplaced(placeholder: &Placeholder, before: &str) -> Option<Escape> {
    let mut escapes = placeholder.escapes.as_slice();
    let mut before = before.to_owned();
    while let [within @ .., Escape::Url] = escapes
        && !within.is_empty()
    {
        escapes = within;
        before = decoded(&before);
    }
    escapes.last().copied().filter(|escape| !escape.fits_behind(&before))
}

/// The pieces of a URL as who wrote it meant them.
pub(super) fn decoded_pieces(pieces: &[Piece]) -> Vec<Piece> {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Fixed(text) => Piece::Fixed(decoded(text)),
            Piece::Hole(_) => piece.clone(),
        })
        .collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Whether a path's segment has what quotes or lists values in a language of paths: the keys of
/// `OData` (`/accounts('4711')`). An ending such as `.json` is no such thing.
pub(super) fn is_syntax_of_paths(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| match piece {
        Piece::Fixed(text) => text.contains(['\'', '"', '(', ')']),
        Piece::Hole(_) => false,
    })
}

/// What stands before and behind the first `=` of a query's parameter.
pub(super) fn name_and_value(parameter: &[Piece]) -> [Vec<Piece>; 2] {
    let (mut name, mut value) = (Vec::new(), Vec::new());
    let mut in_value = false;
    for piece in parameter {
        match piece {
            Piece::Fixed(text) if !in_value => match text.split_once('=') {
                Some((before, after)) => {
                    in_value = true;
                    name.push(Piece::Fixed(before.to_owned()));
                    value.push(Piece::Fixed(after.to_owned()));
                }
                None => name.push(piece.clone()),
            },
            piece if in_value => value.push(piece.clone()),
            piece => name.push(piece.clone()),
        }
    }
    [name, value]
}
