//! Escapes: how a value is written so that it stays a value in another language's text.
//!
//! The place of a template (URL, header, JSON) keeps its own structure whatever a value is. It knows
//! nothing of a query that is written inside of it: there the value `x' OR Name != 'y` would be
//! syntax. `{id|soql}` makes it a value again, before the place's own encoding.

mod surroundings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt::{self, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What percent-encoding encodes: everything but `unreserved` (RFC 3986 section 2.3).
pub const ALL_BUT_UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What `ServiceNow` evaluates as a script where a value begins with it, also within a list.
const SCRIPT: &str = "JAVASCRIPT:";
/// Values that begin so make another operator of the one before them: `<=` of `<`, `INSTANCEOF` of
/// `IN`.
const RESTS_OF_OPERATORS: [&str; 2] = ["=", "STANCEOF"];

/// How a value is written within a text of another language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Escape {
    /// In a string in single quotes of SOQL (Salesforce's SOQL reference, "Quoted String Escape
    /// Sequences"). In a `LIKE`, `%` and `_` stay wildcards.
    Soql,
    /// In a string in single quotes of `OData` (OASIS `OData` ABNF 4.01, rule `string`): a quote is
    /// doubled; a backslash is a character like any other.
    Odata,
    /// As the value of a condition of `ServiceNow`'s encoded queries, which have no quotes: a value
    /// that would be syntax is refused.
    Sysparm,
    /// In a string in double quotes of `GraphQL` (October 2021 specification, section 2.9.4), not in a
    /// block string.
    Graphql,
    /// In the text of an element or in an attribute's quotes (XML 1.0 sections 2.2 to 2.4 and 3.3.3).
    Xml,
    /// In a URL that is a part of another text: percent-encoded (RFC 3986 section 2.1).
    Url,
    /// As it is: for text that nothing reads as a language.
    Raw,
}

struct Facts {
    name: &'static str,
    /// What a refused value must not have or be; empty if no value is refused.
    must_not: &'static str,
    /// Where a value so written stands.
    sent_in: &'static str,
    /// Where a placeholder with it has to stand.
    stands: &'static str,
    /// An example of that: what comes before and behind the placeholder.
    example: (&'static str, &'static str),
}

impl Escape {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Soql, Self::Odata, Self::Sysparm, Self::Graphql, Self::Xml, Self::Url, Self::Raw];

    fn facts(self) -> Facts {
        match self {
            Self::Soql => Facts {
                name: "soql",
                must_not: "",
                sent_in: "a string of SOQL",
                stands: "in single quotes",
                example: ("'", "'"),
            },
            Self::Odata => Facts {
                name: "odata",
                must_not: "",
                sent_in: "a string of OData",
                stands: "in single quotes",
                example: ("'", "'"),
            },
            Self::Sysparm => Facts {
                name: "sysparm",
                must_not: "have `^`, control characters or `javascript:`, or begin with `=` or \
                           `STANCEOF`",
                sent_in: "an encoded query of ServiceNow",
                stands: "behind a field and an operator that takes one value",
                example: ("field=", ""),
            },
            Self::Graphql => Facts {
                name: "graphql",
                must_not: "",
                sent_in: "a string of GraphQL",
                stands: "in double quotes, not in a block string",
                example: ("\"", "\""),
            },
            Self::Xml => Facts {
                name: "xml",
                must_not: "have characters that XML 1.0 does not allow, such as NUL",
                sent_in: "XML",
                stands: "in the text of an element or in an attribute's quotes",
                example: ("<a>", "</a>"),
            },
            Self::Url => Facts {
                name: "url",
                must_not: "be `.` or `..`",
                sent_in: "a URL",
                stands: "anywhere",
                example: ("", ""),
            },
            Self::Raw => Facts {
                name: "raw",
                must_not: "",
                sent_in: "text",
                stands: "anywhere",
                example: ("", ""),
            },
        }
    }

    /// The escape of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|escape| escape.name() == name)
    }

    /// The name behind the bar: `soql` in `{id|soql}`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The names of all escapes, for messages.
    pub fn known() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Why a value is refused, as the end of a sentence that begins with the value's name.
    pub fn refusal(self) -> String {
        let Facts { must_not, sent_in, .. } = self.facts();
        format!("must not {must_not}: it is sent in {sent_in}")
    }

    /// Where a placeholder with it has to stand, for messages: `in single quotes`.
    pub fn stands(self) -> &'static str {
        self.facts().stands
    }

    /// A placeholder where it has to stand, for messages.
    pub fn example(self, placeholder: &str) -> String {
        let (before, behind) = self.facts().example;
        format!("{before}{placeholder}{behind}")
    }

    /// Whether a placeholder with it stands where it has to, behind this text.
    pub fn fits_behind(self, text: &str) -> bool {
        match self {
            Self::Soql => surroundings::are_single_quotes(text, surroundings::Backslash::Escapes),
            Self::Odata => surroundings::are_single_quotes(text, surroundings::Backslash::IsText),
            Self::Sysparm => surroundings::are_a_condition(text),
            Self::Graphql => surroundings::are_a_graphql_string(text),
            Self::Xml => surroundings::are_xml_text_or_attribute(text),
            Self::Url | Self::Raw => true,
        }
    }

    /// The value as it is written; `None` if it is refused.
    pub fn apply(self, value: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Soql => Some(rewrite(value, is_special_in_soql, push_soql)),
            Self::Odata => Some(rewrite(value, |c| c == '\'', |out, _| out.push_str("''"))),
            Self::Sysparm => is_condition_value(value).then_some(Cow::Borrowed(value)),
            Self::Graphql => Some(rewrite(value, is_special_in_graphql, push_graphql)),
            Self::Xml => value
                .chars()
                .all(is_xml_char)
                .then(|| rewrite(value, |c| xml_reference(c).is_some(), push_xml)),
            Self::Url => (!matches!(value, "." | ".."))
                .then(|| utf8_percent_encode(value, ALL_BUT_UNRESERVED).into()),
            Self::Raw => Some(Cow::Borrowed(value)),
        }
    }
}

impl fmt::Display for Escape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Applies several escapes, the first one first.
///
/// # Errors
/// The escape that refuses the value.
pub fn apply_all<'a>(escapes: &[Escape], value: Cow<'a, str>) -> Result<Cow<'a, str>, Escape> {
    let mut value = value;
    for escape in escapes {
        value = Cow::Owned(escape.apply(&value).ok_or(*escape)?.into_owned());
    }
    Ok(value)
}

/// The text with each special character written in another way.
fn rewrite(value: &str, is_special: fn(char) -> bool, push: fn(&mut String, char)) -> Cow<'_, str> {
    if !value.contains(is_special) {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len() + 16);
    for c in value.chars() {
        if is_special(c) {
            push(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn is_special_in_soql(c: char) -> bool {
    matches!(c, '\'' | '"' | '\\') || c.is_control()
}

fn push_soql(out: &mut String, c: char) {
    match c {
        '\'' | '"' | '\\' => out.extend(['\\', c]),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{c}' => out.push_str("\\f"),
        // `\b` too: the reference calls it a bell, which elsewhere it is not.
        other => push_four_digits(out, other),
    }
}

fn is_special_in_graphql(c: char) -> bool {
    matches!(c, '"' | '\\') || c.is_control()
}

fn push_graphql(out: &mut String, c: char) {
    match c {
        '"' | '\\' => out.extend(['\\', c]),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other => push_four_digits(out, other),
    }
}

/// A control character as `\u000b`.
fn push_four_digits(out: &mut String, c: char) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "\\u{:04x}", u32::from(c));
}

/// Whether a value is no syntax behind an operator of an encoded query.
fn is_condition_value(value: &str) -> bool {
    let separates = |c: char| c == '^' || c.is_control();
    let begins = |rest: &&str| value.starts_with(rest);
    !value.contains(separates)
        && !RESTS_OF_OPERATORS.iter().any(begins)
        // In upper case, as its readers compare without regard to case: `ſ` is an `S` then. `İ` is
        // an `i` in lower case, and has to be one here too.
        && !value.to_uppercase().replace('İ', "I").contains(SCRIPT)
}

/// Whether XML 1.0 allows the character at all (section 2.2).
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// What stands for a character that is syntax, or that a reader changes when it stands bare: line
/// ends become a line feed (section 2.11), white space in an attribute a space (section 3.3.3).
fn xml_reference(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&apos;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    }
}

fn push_xml(out: &mut String, c: char) {
    out.push_str(xml_reference(c).unwrap_or_default());
}
