//! The regular expression that a text of an input must match.

use std::fmt;

use regex::Regex;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Literal};
use thiserror::Error;

/// A regular expression is not one, or is too large.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the pattern is not a regular expression: {reason}")]
pub struct PatternError {
    reason: String,
}

/// A regular expression that a whole text must match. It needs no anchors.
#[derive(Clone)]
pub struct InputPattern {
    source: String,
    whole: Regex,
}

impl InputPattern {
    /// Compiles `source` (the syntax of the `regex` crate: linear time, no look-around).
    ///
    /// # Errors
    /// [`PatternError`] with the place and the reason.
    pub fn try_new(source: &str) -> Result<Self, PatternError> {
        let compile = |text: &str| {
            Regex::new(text).map_err(|error| PatternError { reason: error.to_string() })
        };
        // By itself first: `a)(?:b` would only be balanced inside of the group below.
        compile(source)?;
        let whole = compile(&format!(r"\A(?:{source})\z"))?;
        Ok(Self { source: source.to_owned(), whole })
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// Whether everything that matches is of letters, digits, `-` and `_` only; letters and digits
    /// of any script, as `\w` has them.
    pub fn passes_words_only(&self) -> bool {
        let parse = |text: &str| regex_syntax::parse(text).ok();
        match (parse(&self.source), parse(r"[\w-]").as_ref().map(Hir::kind)) {
            (Some(pattern), Some(HirKind::Class(Class::Unicode(words)))) => {
                matches_only(&pattern, words)
            }
            _ => false,
        }
    }

    /// The expression as it was configured.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl fmt::Display for InputPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for InputPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InputPattern({})", self.source)
    }
}

/// Whether each character of each match is one of `allowed`. A match is put together of characters
/// that literals and classes match, whatever stands around these.
fn matches_only(pattern: &Hir, allowed: &ClassUnicode) -> bool {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(Literal(bytes)) => std::str::from_utf8(bytes).is_ok_and(|text| {
            text.chars()
                .all(|c| is_within(&ClassUnicode::new([ClassUnicodeRange::new(c, c)]), allowed))
        }),
        HirKind::Class(Class::Unicode(class)) => is_within(class, allowed),
        HirKind::Class(Class::Bytes(class)) => {
            class.to_unicode_class().is_some_and(|class| is_within(&class, allowed))
        }
        HirKind::Repetition(repetition) => matches_only(&repetition.sub, allowed),
        HirKind::Capture(capture) => matches_only(&capture.sub, allowed),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().all(|part| matches_only(part, allowed))
        }
    }
}

fn is_within(class: &ClassUnicode, allowed: &ClassUnicode) -> bool {
    let mut beyond = class.clone();
    beyond.difference(allowed);
    beyond.ranges().is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passes_words_only(source: &str) -> bool {
        InputPattern::try_new(source).unwrap().passes_words_only()
    }

    #[test]
    fn a_pattern_of_words_is_told_from_one_that_lets_syntax_through() {
        for source in [
            "[A-Za-z0-9-]+",
            r"\w+",
            r"[\w-]{1,64}",
            r"\d{4}-\d\d",
            "(?i)inc[0-9]{7}",
            "(ACME|globex_1)(-[a-z]+)?",
            r"^c-\d+$",
            r"(?-u:\w+)",
            r"\p{L}+",
            "",
            "[[:alnum:]]+",
            r"[\w&&[^x]]+",
            r"(?x) [a-z] [0-9]+ ",
        ] {
            assert!(passes_words_only(source), "{source}");
        }
        for source in [
            ".+",
            r"[^']+",
            r"[^\x00-\x7f]+",
            r"\S+",
            r"\W",
            r"\d+\.\d+",
            "[A-z]+",
            "a b",
            "[a-z]+|'.*",
            "(x(y('?)))",
            r"\+?\d+",
            r"\w+@\w+",
            "(?s-u:[[:ascii:]])",
            r"a\x27",
        ] {
            assert!(!passes_words_only(source), "{source}");
        }
    }

    proptest! {
        #[test]
        fn what_a_pattern_of_words_matches_is_of_words(
            source in r"[a-c'(|)?*\[\]\-\\w.^]{0,12}", text in "[a-c'. \\-_]{0,5}",
        ) {
            if let Ok(pattern) = InputPattern::try_new(&source)
                && pattern.passes_words_only()
                && pattern.matches(&text)
            {
                let of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                prop_assert!(text.chars().all(of_word), "{} {:?}", source, text);
            }
        }
    }
}
