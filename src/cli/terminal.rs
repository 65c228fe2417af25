//! What standard output is: how wide, and whether colours are wanted.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, stdout};

use terminal_size::{Width, terminal_size_of};

/// The width where there is no terminal to ask.
const DEFAULT_COLUMNS: usize = 100;
/// Narrower or wider than this nothing can be read well.
const COLUMNS: std::ops::RangeInclusive<usize> = 72..=160;

/// How to write for whoever reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The width of a line, characters.
    pub columns: usize,
    /// Whether ANSI colours are understood and wanted.
    pub colour: bool,
}

impl Page {
    /// Standard output as it is. No colours unless it is a terminal, and none with `NO_COLOR`
    /// (no-color.org) or `TERM=dumb`.
    pub fn of_stdout() -> Self {
        let columns = terminal_size_of(stdout()).map(|(Width(columns), _)| usize::from(columns));
        let set = |name: &str| std::env::var_os(name).unwrap_or_default();
        let wanted = set("NO_COLOR").is_empty() && set("TERM") != "dumb";
        Self {
            columns: columns.unwrap_or(DEFAULT_COLUMNS).clamp(*COLUMNS.start(), *COLUMNS.end()),
            colour: wanted && stdout().is_terminal(),
        }
    }

    /// The text in a colour, if colours are wanted.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        if !self.colour || text.trim().is_empty() {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Plain => return text.to_owned(),
            Colour::Good => "32",
            Colour::Bad => "31",
            Colour::Wait => "33",
            Colour::Connect => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The text with everything escaped that a terminal may take as an instruction, or that makes a line
/// look like another: control characters (C0 but for line breaks and tabs, DEL, C1), and what changes the
/// direction of the text (Unicode Standard Annex 9). An escape is one of JSON, so that JSON stays the
/// same value.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_instruction) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_instruction(character) {
            // All of them have four digits.
            let written = write!(out, "\\u{:04x}", u32::from(character));
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

fn is_instruction(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        // Marks, embeddings, overrides and isolates; separators of lines and paragraphs.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        character => character.is_control(),
    }
}

/// What a colour says. Nothing is said by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// None.
    Plain,
    /// Green: it came.
    Good,
    /// Red: it failed.
    Bad,
    /// Yellow: a wait.
    Wait,
    /// Cyan: a new connection.
    Connect,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_may_take_as_an_instruction_is_escaped() {
        assert_eq!(
            escaped("\u{1b}]0;x\u{7}\u{9b}2J\u{7f}\r"),
            "\\u001b]0;x\\u0007\\u009b2J\\u007f\\u000d"
        );
        assert_eq!(
            escaped("a\u{202e}b\u{2066}c\u{61c}\u{2028}"),
            "a\\u202eb\\u2066c\\u061c\\u2028"
        );
        let plain = "Nguyễn Żółkiewski, 二\t\"\\x\"\n│░ 👩‍👩‍👧 می‌خواهم";
        assert!(matches!(escaped(plain), Cow::Borrowed(same) if same == plain));
    }

    proptest! {
        #[test]
        fn json_stays_the_same_value(text in any::<String>()) {
            let json = serde_json::Value::from(text);
            let written = json.to_string();
            let shown = escaped(&written);
            prop_assert!(!shown.contains(is_instruction));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), json);
        }
    }

    #[test]
    fn only_a_page_with_colours_has_them() {
        let page = |colour| Page { columns: 80, colour };
        assert_eq!(page(false).paint(Colour::Bad, "no"), "no");
        assert_eq!(page(true).paint(Colour::Bad, "no"), "\x1b[31mno\x1b[0m");
        assert_eq!(page(true).paint(Colour::Plain, "no"), "no");
        assert_eq!(page(true).paint(Colour::Bad, "  "), "  ");
    }
}
