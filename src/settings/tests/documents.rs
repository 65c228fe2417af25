//! The documents of the configuration say what the keys say.
//!
//! Where one differs, `TRIBUTARY_WRITE_DOCS=1 cargo test --lib settings::tests::documents` writes it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use config::Value;

use super::super::sections::ROOT;
use super::super::{reference, schema};
use crate::config::key::{Absent, AnyKey};
use crate::config::section::{Kind, Section, Shape};
use crate::config::toml_value::parse_toml;

/// In the shipped configuration a comment begins here, if the line is not longer.
const COMMENT_COLUMN: usize = 35;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Checks that the file holds this text, or writes it if that is asked for.
fn assert_holds(name: &str, expected: &str) {
    if std::env::var_os("TRIBUTARY_WRITE_DOCS").is_some() {
        std::fs::write(file(name), expected).expect("written");
    }
    let found = std::fs::read_to_string(file(name)).unwrap_or_default();
    let differing = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{name} is not what the keys say; first difference: {differing:?}\n\
         TRIBUTARY_WRITE_DOCS=1 cargo test --lib settings::tests::documents writes it"
    );
}

#[test]
fn the_reference_has_every_key_as_it_is() {
    let page = reference();
    assert_holds("docs/configuration.md", &page);
    let mut rows = 0;
    for section in ROOT.sections {
        section.visit("", &mut |path, section| {
            assert!(page.contains(&format!("[{path}]")), "{path}");
            for key in section.all_keys() {
                assert!(page.contains(&format!("| `{}` | {}", key.name(), key.about().help)));
            }
            rows += section.all_keys().count();
        });
    }
    let found = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(found, rows, "no key is there twice or of old");
}

#[test]
fn the_schema_that_is_shipped_is_the_one_of_the_keys() {
    assert_holds("config/schema.json", &format!("{:#}\n", schema()));
}

#[test]
fn the_comments_of_the_shipped_configuration_are_the_helps_of_its_keys() {
    let text = std::fs::read_to_string(file("config/default.toml")).expect("the file");
    assert_holds("config/default.toml", &annotated(&text));
}

#[test]
fn what_the_shipped_configuration_has_in_comments_are_the_defaults() {
    let text = std::fs::read_to_string(file("config/default.toml")).expect("the file");
    let mut checked = 0;
    for line in lines(&text).filter(|line| line.is_comment) {
        let Some(value) = parse_toml(line.value) else { panic!("{}", line.text) };
        match line.at {
            Some(At::Key(key)) => checked += usize::from(assert_default(key, &value, line.text)),
            Some(At::Section(section)) => {
                let table = value.into_table().expect(line.text);
                for (name, value) in table {
                    let key =
                        section.find(&name).unwrap_or_else(|| panic!("{name} of {}", line.text));
                    checked += usize::from(assert_default(key, &value, line.text));
                }
            }
            Some(At::Kind(_)) => {}
            None => panic!("no key: {}", line.text),
        }
    }
    assert!(checked > 25, "{checked}");
}

/// Whether the key has a default; then the value must be that.
fn assert_default(key: &dyn AnyKey, value: &Value, line: &str) -> bool {
    let Absent::Is(default) = key.absent() else {
        assert!(key.takes(value), "{line}");
        return false;
    };
    assert_eq!(key.normal(value), Some(default), "{}, in {line}", key.name());
    true
}

/// A line of a configuration that gives a key a value.
struct Line<'a> {
    text: &'a str,
    /// Whether all of it is a comment.
    is_comment: bool,
    /// The value, without what follows.
    value: &'a str,
    /// What is behind the value.
    comment: Option<&'a str>,
    /// What it gives a value; `None`: a name of the user's own.
    at: Option<At>,
}

#[derive(Clone, Copy)]
enum At {
    Key(&'static dyn AnyKey),
    Section(&'static Section),
    /// The key that says the kind of a table, with this kind.
    Kind(&'static Kind),
}

impl At {
    fn help(self) -> String {
        match self {
            Self::Key(key) => match key.absent() {
                Absent::Derived(words) => format!("{} Default: {words}.", key.about().help),
                Absent::Unless(others) => format!("{} Instead: {others}.", key.about().help),
                Absent::Is(_) | Absent::Nothing | Absent::Required(_) => {
                    key.about().help.to_owned()
                }
            },
            Self::Section(section) => section.help.to_owned(),
            Self::Kind(kind) => kind.help.to_owned(),
        }
    }
}

/// The text with the help of its key behind each value that has a comment.
fn annotated(text: &str) -> String {
    let mut out = String::new();
    let mut commented = lines(text).filter_map(|line| Some((line.text, line.comment?, line.at?)));
    let mut next = commented.next();
    for line in text.lines() {
        match next {
            Some((of, comment, at)) if std::ptr::eq(of, line) => {
                let end = line.len() - comment.len() - 1;
                let start = line.get(..end).unwrap_or_default().trim_end();
                let width = COMMENT_COLUMN.max(start.chars().count() + 3);
                let _ = write!(out, "{start:width$}# {}", at.help());
                next = commented.next();
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut header: Vec<&str> = Vec::new();
    text.lines().filter_map(move |text| {
        let is_comment = text.starts_with("# ");
        let line = text.strip_prefix("# ").unwrap_or(text);
        if let Some(path) = line.strip_prefix('[') {
            header = path.split(']').next()?.trim_start_matches('[').split('.').collect();
            return None;
        }
        let (name, rest) = line.split_once(" = ")?;
        if !name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            return None;
        }
        let (value, comment) = match end_of_value(rest) {
            Some(end) => (rest.get(..end)?, rest.get(end + 1..)),
            None => (rest, None),
        };
        Some(Line { text, is_comment, value, comment, at: at(&header, name, value) })
    })
}

/// Where the comment behind a value begins.
fn end_of_value(text: &str) -> Option<usize> {
    let mut is_in_text = false;
    text.char_indices().find_map(|(index, c)| {
        is_in_text ^= c == '"';
        (c == '#' && !is_in_text).then_some(index)
    })
}

/// What a name in the table of this header means; `None`: it is the user's own.
fn at(header: &[&str], name: &str, value: &str) -> Option<At> {
    let mut section: &'static Section = &ROOT;
    let mut path = header.iter();
    while let Some(name) = path.next() {
        section = section.section(name)?;
        if let Shape::Named(_) = section.shape {
            // Without a name it is the table of all of them.
            path.next()?;
        }
    }
    if let Some(within) = section.section(name) {
        return Some(At::Section(within));
    }
    let key = section.find(name)?;
    let kind = section.kinds.iter().find(|kind| format!("{:?}", kind.word) == value.trim());
    Some(match kind {
        Some(kind) if key.takes(&Value::new(None, kind.word)) && name == "kind" => At::Kind(kind),
        _ => At::Key(key),
    })
}
