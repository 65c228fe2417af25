//! Reads a table of the configuration key by key and notes every problem instead of stopping.
//!
//! Each getter (`getters.rs`) names the key it wants and gives a usable value in any case; what
//! was wrong is in the [`Report`]. [`Table::finish`] then reports the keys that nobody asked for.

use std::path::Path;

use config::{Map, Value, ValueKind};

use super::files::FileKind;
use super::problem::{Cause, Report};
use super::shown::{join, show, show_file};
use super::suggest::nearest;
use super::value::{as_list, kind};

/// Which of two keys counts that exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OneOf {
    /// None is given.
    Neither,
    /// This one.
    Key(&'static str),
    /// One layer gives both; the problem is noted.
    Both,
}

/// One table of the configuration, and what has been asked of it.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    /// The key of the table itself, empty for the top.
    path: String,
    /// The file that began the table.
    origin: &'a str,
    /// The keys and values; absent when the configuration has no such table.
    entries: Option<&'a Map<String, Value>>,
    /// The keys that were asked for: the known ones.
    known: Vec<&'static str>,
    /// Whether something else stands in the table's place: then nothing more is said about it.
    broken: bool,
    report: &'a Report,
}

impl<'a> Table<'a> {
    /// The top of the configuration; `origin` names it in problems about what is missing.
    pub(crate) fn root(value: &'a Value, origin: &'a str, report: &'a Report) -> Self {
        Self::new(String::new(), value, origin, report)
    }

    fn new(path: String, value: &'a Value, parent: &'a str, report: &'a Report) -> Self {
        let origin = value.origin().unwrap_or(parent);
        let entries = if let ValueKind::Table(entries) = &value.kind {
            Some(entries)
        } else {
            report.add(origin, &path, kind(value), "a table");
            None
        };
        Self { path, origin, entries, known: Vec::new(), broken: entries.is_none(), report }
    }

    /// The whole key of one entry, for example `sources.crm.timeout`.
    pub(crate) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Whether there is an entry with this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.peek(key).is_some()
    }

    /// Whether the value of this key is a list with nothing in it.
    pub(crate) fn is_empty_list(&self, key: &str) -> bool {
        self.peek(key).and_then(as_list).is_some_and(<[Value]>::is_empty)
    }

    /// Which of some keys counts that exclude each other; all are known ones from now on. Of several
    /// layers the last one wins, as it does over the same key.
    pub(crate) fn one_of(&mut self, keys: &[&'static str]) -> OneOf {
        let mut given: Vec<(&'static str, &'a str)> = Vec::new();
        for key in keys {
            if let Some(value) = self.get(key) {
                given.push((*key, value.origin().unwrap_or(self.origin)));
            }
        }
        let is_last = |(_, layer): &(&str, &str)| {
            given.iter().all(|(_, other)| !self.report.wins(other, layer))
        };
        let last: Vec<&'static str> =
            given.iter().filter(|one| is_last(one)).map(|(key, _)| *key).collect();
        match *last.as_slice() {
            [] => OneOf::Neither,
            [key] => OneOf::Key(key),
            [first, second, ..] => {
                let found = format!("both `{first}` and `{second}`");
                self.refuse_found(first, &found, "exactly one of them");
                OneOf::Both
            }
        }
    }

    /// Every entry, in the order of the file.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.entries.into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }

    /// Notes that the value of `key` will not do.
    pub(crate) fn refuse(&self, key: &str, allowed: &str) {
        let path = self.path_of(key);
        let found = self.peek(key).map_or_else(|| "nothing".to_owned(), |value| show(&path, value));
        self.refuse_found(key, &found, allowed);
    }

    /// Notes a problem with `key` in words of the caller's own.
    pub(crate) fn refuse_found(&self, key: &str, found: &str, allowed: &str) {
        self.refuse_caused(Cause::Configuration, key, found, allowed);
    }

    /// Notes a problem with the file that `key` names: it cannot be read, or it is not what it
    /// should be.
    pub(crate) fn refuse_caused(&self, cause: Cause, key: &str, found: &str, allowed: &str) {
        if self.broken {
            return;
        }
        let origin = self.peek(key).and_then(Value::origin).unwrap_or(self.origin);
        self.report.add_caused(cause, origin, &self.path_of(key), found, allowed);
    }

    /// What the file holds that `key` names. One that cannot be read is a problem; `allowed` says
    /// what should be in it.
    pub(crate) fn read_file(
        &self,
        key: &str,
        path: &str,
        kind: FileKind,
        allowed: &str,
    ) -> Option<Vec<u8>> {
        match self.report.files().read(Path::new(path), kind) {
            Ok(contents) => {
                self.report.note_contents(&self.path_of(key), &contents);
                Some(contents)
            }
            Err(error) => {
                let found = format!("{}, which cannot be read ({error})", show_file(path));
                self.refuse_caused(Cause::File, key, &found, allowed);
                None
            }
        }
    }

    /// Notes that the value of `key` is allowed, but most likely not meant: `text` says what
    /// happens and what to write instead.
    pub(crate) fn warn(&self, key: &str, text: &str) {
        let origin = self.peek(key).and_then(Value::origin).unwrap_or(self.origin);
        self.report.warn(origin, &self.path_of(key), text);
    }

    /// Notes a problem with the table as a whole.
    pub(crate) fn refuse_table(&self, found: &str, allowed: &str) {
        self.report.add(self.origin, &self.path, found, allowed);
    }

    /// The table of this key; absent: none.
    pub(crate) fn table(&mut self, key: &'static str) -> Option<Table<'a>> {
        let value = self.get(key)?;
        Some(Self::new(self.path_of(key), value, self.origin, self.report))
    }

    /// The table of this key; absent: one without entries, for the sake of its defaults.
    pub(crate) fn table_or_empty(&mut self, key: &'static str) -> Table<'a> {
        self.table(key).unwrap_or_else(|| Table {
            path: self.path_of(key),
            origin: self.origin,
            entries: None,
            known: Vec::new(),
            broken: false,
            report: self.report,
        })
    }

    /// The tables below this key by their names, in the order of the file.
    pub(crate) fn named_tables(&mut self, key: &'static str) -> Vec<(&'a str, Table<'a>)> {
        let Some(outer) = self.table(key) else {
            return Vec::new();
        };
        let inner = |(name, value)| {
            (name, Self::new(outer.path_of(name), value, outer.origin, outer.report))
        };
        outer.entries().map(inner).collect()
    }

    /// The tables of a list of tables (`[[server.api_keys]]`).
    pub(crate) fn listed_tables(&mut self, key: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let Some(list) = as_list(value) else {
            self.refuse_found(key, kind(value), "a list of tables, in a file");
            return Vec::new();
        };
        let path = self.path_of(key);
        let table =
            |(index, value)| Self::new(format!("{path}[{index}]"), value, self.origin, self.report);
        list.iter().enumerate().map(table).collect()
    }

    /// Says nothing more about the table: what is right in it depends on something that is wrong.
    pub(crate) fn give_up(&mut self) {
        self.broken = true;
    }

    /// Reports every key that nobody asked for, with the known key that may have been meant.
    pub(crate) fn finish(self) {
        for (key, _) in self.entries() {
            if self.known.contains(&key) {
                continue;
            }
            let allowed = match nearest(key, &self.known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("one of {}", self.known.join(", ")),
            };
            self.refuse_found(key, "an unknown key", &allowed);
        }
    }

    /// The value of a key, which is a known one from now on.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.peek(key)
    }

    /// The value of a key.
    pub(crate) fn peek(&self, key: &str) -> Option<&'a Value> {
        self.entries?.get(key)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
