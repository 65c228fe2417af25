//! Reads a table of the configuration, whose keys its [`Section`] knows, and notes every problem
//! instead of stopping.
//!
//! Each reader (`readers.rs`) gives a usable value in any case; what was wrong is in the [`Report`]
//! (`refusals.rs`). [`Table::finish`] (`unknown_keys.rs`) then reports what the section does not know.

use config::{Map, Value, ValueKind};

use super::form::quoted;
use super::key::{AnyKey, Change, Key};
use super::list_form::Entries;
use super::section::{Kind, Section};
use super::shown::{Shown, join, show_file, show_url};
use crate::config::report::Report;
use crate::config::toml_value::{as_list, kind};

/// Which of two keys counts that exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OneOf {
    /// None is given.
    Neither,
    /// The one of this name.
    Key(&'static str),
    /// One layer gives both; the problem is noted.
    Both,
}

/// The entries of a table whose names are the user's own.
static OWN_NAMES: Section = Section::new("", "", &[]);

/// One table of the configuration.
pub(crate) struct Table<'a> {
    /// The key of the table itself, empty for the top.
    pub(super) path: String,
    /// The file that began the table.
    pub(super) origin: &'a str,
    /// The keys and values; absent when the configuration has no such table.
    entries: Option<&'a Map<String, Value>>,
    pub(super) section: &'static Section,
    /// The kind that one of the keys says, once that has been read.
    pub(super) kind: Option<&'static Kind>,
    /// Whether something else stands in the table's place: then nothing more is said about it.
    pub(super) broken: bool,
    pub(super) report: &'a Report,
}

impl<'a> Table<'a> {
    /// The top of the configuration; `origin` names it in problems about what is missing.
    pub(crate) fn root(
        section: &'static Section,
        value: &'a Value,
        origin: &'a str,
        report: &'a Report,
    ) -> Self {
        Self::new(section, String::new(), value, origin, report)
    }

    fn new(
        section: &'static Section,
        path: String,
        value: &'a Value,
        parent: &'a str,
        report: &'a Report,
    ) -> Self {
        let origin = value.origin().unwrap_or(parent);
        let entries = if let ValueKind::Table(entries) = &value.kind {
            Some(entries)
        } else {
            report.add(origin, &path, kind(value), "a table");
            None
        };
        Self { path, origin, entries, section, kind: None, broken: entries.is_none(), report }
    }

    /// The whole key of one entry, for example `sources.crm.timeout`.
    pub(crate) fn path_of(&self, name: &str) -> String {
        join(&self.path, name)
    }

    pub(crate) fn has(&self, key: &dyn AnyKey) -> bool {
        self.peek(key).is_some()
    }

    /// Whether something stands where the tables of this section do.
    pub(crate) fn has_section(&self, section: &Section) -> bool {
        self.entry(section.name).is_some()
    }

    /// Whether the value of this key is a list with nothing in it.
    pub(crate) fn is_empty_list(&self, key: &dyn AnyKey) -> bool {
        self.peek(key).and_then(as_list).is_some_and(<[Value]>::is_empty)
    }

    /// Whether a section of tables is written as a list with nothing in it.
    pub(crate) fn has_no_tables(&self, section: &Section) -> bool {
        self.entry(section.name).and_then(as_list).is_some_and(<[Value]>::is_empty)
    }

    /// Which of some keys counts that exclude each other. Of several layers the last one wins, as it
    /// does over the same key.
    pub(crate) fn one_of(&self, keys: &[&'static dyn AnyKey]) -> OneOf {
        let given = keys.iter().filter_map(|key| {
            let value = self.peek(*key)?;
            Some((*key, value.origin().unwrap_or(self.origin)))
        });
        let given: Vec<(&'static dyn AnyKey, &'a str)> = given.collect();
        let is_last = |(_, layer): &(&'static dyn AnyKey, &str)| {
            given.iter().all(|(_, other)| !self.report.wins(other, layer))
        };
        let last: Vec<&'static dyn AnyKey> =
            given.iter().filter(|one| is_last(one)).map(|(key, _)| *key).collect();
        match *last.as_slice() {
            [] => OneOf::Neither,
            [key] => OneOf::Key(key.name()),
            [first, second, ..] => {
                let found = format!("both `{}` and `{}`", first.name(), second.name());
                self.refuse_found(first, &found, "exactly one of them");
                OneOf::Both
            }
        }
    }

    /// Every entry, in the order of the file.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.entries.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    /// The table of this section; absent: none.
    pub(crate) fn section(&self, section: &'static Section) -> Option<Table<'a>> {
        let value = self.entry(section.name)?;
        let path = self.path_of(section.name);
        if section.change == Change::AtRestart {
            self.report.note_value(&path, "a table".to_owned(), value.origin(), section.change);
        }
        Some(Self::new(section, path, value, self.origin, self.report))
    }

    /// The table of this section; absent: one without entries, for the sake of its defaults.
    pub(crate) fn section_or_empty(&self, section: &'static Section) -> Table<'a> {
        self.section(section).unwrap_or_else(|| Table {
            path: self.path_of(section.name),
            origin: self.origin,
            entries: None,
            section,
            kind: None,
            broken: false,
            report: self.report,
        })
    }

    /// The tables of a section by their names, in the order of the file.
    pub(crate) fn named(&self, section: &'static Section) -> Vec<(&'a str, Table<'a>)> {
        let Some(value) = self.entry(section.name) else {
            return Vec::new();
        };
        let path = self.path_of(section.name);
        let outer = Self::new(&OWN_NAMES, path, value, self.origin, self.report);
        let inner = |(name, value)| {
            (name, Self::new(section, outer.path_of(name), value, outer.origin, outer.report))
        };
        outer.entries().map(inner).collect()
    }

    /// The tables of a list of tables (`[[server.api_keys]]`).
    pub(crate) fn listed(&self, section: &'static Section) -> Vec<Table<'a>> {
        let Some(value) = self.entry(section.name) else {
            return Vec::new();
        };
        let Some(list) = as_list(value) else {
            self.refuse_section(section, kind(value), "a list of tables, in a file");
            return Vec::new();
        };
        let path = self.path_of(section.name);
        let table = |(index, value)| {
            Self::new(section, format!("{path}[{index}]"), value, self.origin, self.report)
        };
        list.iter().enumerate().map(table).collect()
    }

    /// The table of a key whose entries have names of the user's own; absent: none.
    pub(crate) fn free(&self, key: &'static Key<Entries>) -> Option<Table<'a>> {
        let value = self.peek(key)?;
        self.assert_known(key);
        self.note(key, "a table".to_owned(), value.origin());
        let path = self.path_of(self.written(key));
        Some(Self::new(&OWN_NAMES, path, value, self.origin, self.report))
    }

    /// Says nothing more about the table: what is right in it depends on something that is wrong.
    pub(crate) fn give_up(&mut self) {
        self.broken = true;
    }

    /// Notes the value with which the service runs; `origin` is the layer that says it.
    pub(super) fn note(&self, key: &dyn AnyKey, value: String, origin: Option<&str>) {
        let about = key.about();
        let value = match about.shown {
            Shown::Plain | Shown::Name => value,
            Shown::Url => quoted(&show_url(value.trim_matches('"'), &[])),
            Shown::File => show_file(value.trim_matches('"')),
            Shown::Hidden | Shown::Secret => "(not shown)".to_owned(),
        };
        self.report.note_value(&self.path_of(about.name), value, origin, about.change);
    }

    /// The kind of this word, among those of the section.
    pub(super) fn kind_of(&self, word: &str) -> Option<&'static Kind> {
        self.section.kinds.iter().find(|kind| kind.word == word)
    }

    /// Each reader asks for keys of its own section only.
    pub(super) fn assert_known(&self, key: &dyn AnyKey) {
        debug_assert!(self.section.find(key.name()).is_some(), "{} in {}", key.name(), self.path);
    }

    /// The value of a key, also under its earlier name.
    pub(super) fn peek(&self, key: &dyn AnyKey) -> Option<&'a Value> {
        self.entry(self.written(key))
    }

    /// The name under which the key stands here: of its two names that of the later layer.
    pub(super) fn written(&self, key: &dyn AnyKey) -> &'static str {
        let (name, Some(old)) = (key.name(), key.about().old()) else { return key.name() };
        let layer =
            |name: &str| self.entry(name).map(|value| value.origin().unwrap_or(self.origin));
        match (layer(old), layer(name)) {
            (Some(before), Some(now)) if !self.report.wins(before, now) => name,
            (Some(_), _) => old,
            (None, _) => name,
        }
    }

    /// The value of this name.
    pub(super) fn entry(&self, name: &str) -> Option<&'a Value> {
        self.entries?.get(name)
    }
}

#[cfg(test)]
#[path = "tests/table_tests.rs"]
mod tests;
