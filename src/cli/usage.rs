//! Reads the command line, and says what is wrong with it without repeating a value: a key, or a URL
//! with a password in it, may stand there by mistake, and what is printed ends in somebody's log.

use clap::error::{ContextKind, ContextValue};
use clap::{Error, Parser as _};

use super::Cli;

/// What stands where a word would that may be a value.
const NOT_SHOWN: &str = "(not shown)";

/// The command line; a wrong one ends the process with status 2, help and version with 0.
pub(super) fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| without_values(error).exit())
}

/// The error without the values of the command line; names of options stay.
fn without_values(mut error: Error) -> Error {
    let not_shown = || ContextValue::String(NOT_SHOWN.to_owned());
    if has_text(&error, ContextKind::InvalidValue, |value| !value.is_empty()) {
        error.insert(ContextKind::InvalidValue, not_shown());
    }
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        if has_text(&error, kind, |word| !is_name(word)) {
            error.insert(kind, not_shown());
            // How to write it so that it would be taken repeats it.
            error.remove(ContextKind::Suggested);
        }
    }
    error
}

fn has_text(error: &Error, kind: ContextKind, is: impl Fn(&str) -> bool) -> bool {
    matches!(error.get(kind), Some(ContextValue::String(text)) if is(text))
}

/// Whether it is a word of ours or nearly one: an option, with what its value is called
/// (`--url <URL>`), an argument (`<ACTION>`, `[NAME=VALUE]...`), or a command.
fn is_name(word: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '-';
    let in_brackets = |c| matches!(word.chars().next(), Some(first) if first == c);
    in_brackets('<')
        || in_brackets('[')
        || word.split(' ').next().is_some_and(|name| name.chars().all(is_letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(arguments: &[&str]) -> String {
        let all = ["tributary"].iter().chain(arguments);
        let error = Cli::try_parse_from(all).expect_err("a wrong command line");
        without_values(error).to_string()
    }

    #[test]
    fn no_value_of_a_wrong_command_line_is_repeated() {
        let url = "https://me:hunter2@h.example";
        for (arguments, words) in [
            (&["export", "openapi", "--url", url][..], "'(not shown)' for '--url <URL>'"),
            (&["export", "openapi", "--url=http://h.example/hunter2"], "an https URL without path"),
            (&["call", "a", "--timeout", "hunter2"], "'(not shown)' for '--timeout <TIME>'"),
            (&["call", "a", "--timeout=hunter2"], "'(not shown)' for '--timeout <TIME>'"),
            (&["call", "a", "--json=hunter2"], "'(not shown)' for '--json'"),
            (&["call", "a", "--externalApiKey=hunter2"], "'--externalApiKey' found"),
            (&["serve", "hunter2"], "unexpected argument '(not shown)' found"),
            (&["serve", "X-API-Key: hunter2"], "unexpected argument '(not shown)' found"),
            (&["health", "--config", "a", "hunter2"], "'(not shown)' found"),
            (&["hunter2"], "unrecognized subcommand '(not shown)'"),
            (&["\u{1b}[2J"], "unrecognized subcommand '(not shown)'"),
        ] {
            let said = said(arguments);
            assert!(said.contains(words), "{arguments:?}: {said}");
            assert!(!said.contains("hunter2") && !said.contains('\u{1b}'), "{said}");
        }
    }

    #[test]
    fn names_and_what_may_have_been_meant_are_told() {
        let unknown = said(&["call", "a", "--timout", "2s"]);
        assert!(unknown.contains("'--timout'") && unknown.contains("'--timeout'"), "{unknown}");
        let command = said(&["chek"]);
        assert!(command.contains("'chek'") && command.contains("'check'"), "{command}");
        assert!(said(&["call"]).contains("<ACTION>"));
        assert!(said(&["call", "a", "--timeout"]).contains("a value is required for '--timeout"));
        assert!(said(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
    }
}
