//! What standard output is: how wide, and whether colours are wanted.

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
    use super::*;

    #[test]
    fn only_a_page_with_colours_has_them() {
        let page = |colour| Page { columns: 80, colour };
        assert_eq!(page(false).paint(Colour::Bad, "no"), "no");
        assert_eq!(page(true).paint(Colour::Bad, "no"), "\x1b[31mno\x1b[0m");
        assert_eq!(page(true).paint(Colour::Plain, "no"), "no");
        assert_eq!(page(true).paint(Colour::Bad, "  "), "  ");
    }
}
