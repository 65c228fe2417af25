//! What stands between the braces: what is named, and how its value is written: `{id|soql}`.

use std::fmt;

use super::Reference;
use crate::model::id::shorten;
use crate::model::template::escape::Escape;

/// How much of a bad name an error shows, in characters.
const SHOWN: usize = 40;

/// A placeholder: a reference, and the escapes of its value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Placeholder {
    /// What it names.
    pub reference: Reference,
    /// How the value is written before the place's own encoding, the first escape first; mostly none.
    pub escapes: Vec<Escape>,
}

impl Placeholder {
    /// Reads what stands between the braces. A bar that belongs to the name is doubled.
    ///
    /// # Errors
    /// What is wrong and what is allowed, as a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = split_bars(text).into_iter();
        let reference = Reference::parse(&parts.next().unwrap_or_default())?;
        let escapes: Result<Vec<Escape>, String> = parts.map(|name| escape(&name)).collect();
        Ok(Self { reference, escapes: escapes? })
    }
}

/// As it stands between the braces.
impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reference)?;
        self.escapes.iter().try_for_each(|escape| write!(f, "|{escape}"))
    }
}

impl fmt::Debug for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

fn escape(name: &str) -> Result<Escape, String> {
    Escape::find(name).ok_or_else(|| {
        if name == "null" {
            return "`null` stands at the end of a placeholder that is the whole of a JSON text, \
                    as in \"{input|null}\""
                .to_owned();
        }
        let (name, known) = (shorten(name, SHOWN), Escape::known());
        format!("{name:?} is not an escape: allowed are {known}; a bar in a name is written `||`")
    })
}

/// The parts between single bars, in which two bars have become one.
fn split_bars(text: &str) -> Vec<String> {
    let mut parts = vec![];
    let mut part = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '|' {
            part.push(c);
        } else if chars.next_if_eq(&'|').is_some() {
            part.push('|');
        } else {
            parts.push(std::mem::take(&mut part));
        }
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Placeholder::parse(text) {
            Ok(placeholder) => placeholder.to_string(),
            Err(problem) => format!("error: {problem}"),
        }
    }

    #[test]
    fn escapes_stand_behind_bars_and_are_applied_in_their_order() {
        let read = |text| Placeholder::parse(text).map(|placeholder| placeholder.escapes);
        assert_eq!(read("id"), Ok(vec![]));
        assert_eq!(read("id|soql"), Ok(vec![Escape::Soql]));
        assert_eq!(read("crm.id|odata|url"), Ok(vec![Escape::Odata, Escape::Url]));
        for text in ["id", "id|sysparm", "crm.a.b|soql|xml", "crm:/a b|graphql", "crm:|raw"] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn an_unknown_escape_is_refused_with_the_known_ones() {
        for (text, name) in
            [("id|sql", "sql"), ("id|", ""), ("crm:/a|b", "b"), ("id|soql|SOQL", "SOQL")]
        {
            let known = "allowed are soql, odata, sysparm, graphql, xml, url, raw; a bar in a \
                         name is written `||`";
            assert_eq!(shown(text), format!("error: {name:?} is not an escape: {known}"));
        }
        assert!(shown("id |soql").contains("is not a name"));
        assert!(shown("|soql").contains("is not an input name"));
    }

    #[test]
    fn a_bar_in_a_name_is_doubled() {
        let placeholder = Placeholder::parse("crm:/a||b|||soql").unwrap();
        assert_eq!(placeholder.escapes, [Escape::Soql]);
        let Reference::Source { pointer, .. } = &placeholder.reference else {
            panic!("{placeholder}")
        };
        assert_eq!(pointer.as_str(), "/a|b|");
        assert_eq!(placeholder.to_string(), "crm:/a||b|||soql");
    }
}
