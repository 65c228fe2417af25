//! Whether a text ends where a value with an escape has to stand: within its quotes, for example.
//!
//! This is for the check of a configuration. It reads the text of who wrote the template, so it
//! knows as much of a language as is needed to tell what is quoted.

/// What a backslash within quotes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backslash {
    /// It makes a character of the quote behind it.
    Escapes,
    /// A character like any other.
    IsText,
}

/// Whether the text ends within single quotes.
pub(super) fn are_single_quotes(text: &str, backslash: Backslash) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        if escaped {
            escaped = false;
        } else if c == '\'' {
            quoted = !quoted;
        } else {
            escaped = quoted && c == '\\' && backslash == Backslash::Escapes;
        }
    }
    quoted && !escaped
}

/// Operators of encoded queries whose value is a list or a range: the value of a caller could add
/// elements to it.
const OF_SEVERAL: [&str; 6] = ["IN", "NOT IN", "NOTIN", "BETWEEN", "ON", "NOTON"];

/// Whether the text ends behind a field and an operator that takes one value. Fields are of lower-case
/// letters, digits, `_` and `.`; what follows one is the operator.
pub(super) fn are_a_condition(text: &str) -> bool {
    let condition = text.rsplit('^').next().unwrap_or_default();
    let joined = ["OR", "NQ"].iter().find_map(|word| condition.strip_prefix(word));
    let condition = joined.unwrap_or(condition);
    let of_field = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
    let operator = condition.trim_start_matches(of_field);
    let takes_several = OF_SEVERAL.iter().any(|word| operator.starts_with(word))
        && !operator.starts_with("INSTANCEOF");
    !operator.is_empty() && operator.len() < condition.len() && !takes_several
}

/// Whether the text ends within a string in double quotes that is no block string.
pub(super) fn are_a_graphql_string(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['"', '#']) {
        let (_, from) = rest.split_at(at);
        let after = if let Some(block) = from.strip_prefix("\"\"\"") {
            behind_block(block)
        } else if let Some(string) = from.strip_prefix('"') {
            match behind_string(string) {
                Ok(after) => Some(after),
                Err(Open { escaped }) => return !escaped,
            }
        } else {
            from.split_once('\n').map(|(_, after)| after)
        };
        let Some(after) = after else { return false };
        rest = after;
    }
    false
}

/// A string that does not end, and whether a backslash is its last character.
struct Open {
    escaped: bool,
}

fn behind_string(string: &str) -> Result<&str, Open> {
    let mut escaped = false;
    for (at, c) in string.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '"' {
            let (_, quote) = string.split_at(at);
            return Ok(quote.strip_prefix('"').unwrap_or_default());
        } else {
            escaped = c == '\\';
        }
    }
    Err(Open { escaped })
}

/// Only `\"""` is an escape in a block string.
fn behind_block(block: &str) -> Option<&str> {
    let mut rest = block;
    loop {
        let (before, after) = rest.split_once("\"\"\"")?;
        if !before.ends_with('\\') {
            return Some(after);
        }
        rest = after;
    }
}

/// Whether the text ends outside of all markup, or within an attribute's quotes.
pub(super) fn are_xml_text_or_attribute(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (_, markup) = rest.split_at(at);
        let ends = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")];
        let after = match ends.iter().find(|(begin, _)| markup.starts_with(begin)) {
            Some((_, end)) => markup.split_once(end).map(|(_, after)| after),
            None => match behind_tag(markup) {
                Ok(after) => Some(after),
                Err(quoted) => return quoted,
            },
        };
        let Some(after) = after else { return false };
        rest = after;
    }
    true
}

/// What follows a tag, or else whether the text ends within quotes in the tag.
fn behind_tag(tag: &str) -> Result<&str, bool> {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => {
                let (_, end) = tag.split_at(at);
                return Ok(end.strip_prefix('>').unwrap_or_default());
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    Err(quote.is_some())
}
