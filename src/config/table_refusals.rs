//! How a [`Table`] notes what is wrong with its entries, and what is most likely not meant.

use std::path::Path;

use config::Value;

use crate::config::files::FileKind;
use crate::config::key::AnyKey;
use crate::config::report::{Cause, NOTHING};
use crate::config::section::Section;
use crate::config::shown::{Shown, show, show_file};
use crate::config::table::Table;

impl Table<'_> {
    /// Notes that the value of `key` will not do.
    pub(crate) fn refuse(&self, key: &dyn AnyKey, allowed: &str) {
        self.refuse_found(key, &self.found(key), allowed);
    }

    /// What stands at the key, in a message's words.
    fn found(&self, key: &dyn AnyKey) -> String {
        let nothing = || NOTHING.to_owned();
        self.peek(key).map_or_else(nothing, |value| show(key.about().shown, value))
    }

    /// Notes a problem with `key` in words of the caller's own.
    pub(crate) fn refuse_found(&self, key: &dyn AnyKey, found: &str, allowed: &str) {
        self.refuse_caused(Cause::Configuration, key, found, allowed);
    }

    /// Notes a problem with the file that `key` names: it cannot be read, or it is not what it
    /// should be.
    pub(crate) fn refuse_caused(&self, cause: Cause, key: &dyn AnyKey, found: &str, allowed: &str) {
        self.refuse_name(cause, self.written(key), found, allowed);
    }

    /// Notes that the value of an entry whose name is the user's own will not do.
    pub(crate) fn refuse_entry(&self, name: &str, shown: Shown, allowed: &str) {
        let found = self.entry(name).map(|value| show(shown, value)).unwrap_or_default();
        self.refuse_name(Cause::Configuration, name, &found, allowed);
    }

    /// The same in words of the caller's own.
    pub(crate) fn refuse_entry_found(&self, name: &str, found: &str, allowed: &str) {
        self.refuse_name(Cause::Configuration, name, found, allowed);
    }

    fn refuse_name(&self, cause: Cause, name: &str, found: &str, allowed: &str) {
        if self.broken {
            return;
        }
        let origin = self.entry(name).and_then(Value::origin).unwrap_or(self.origin);
        self.report.add_caused(cause, origin, &self.path_of(name), found, allowed);
    }

    /// What the file holds that `key` names. One that cannot be read is a problem; `allowed` says
    /// what should be in it.
    pub(crate) fn read_file(
        &self,
        key: &dyn AnyKey,
        path: &str,
        kind: FileKind,
        allowed: &str,
    ) -> Option<Vec<u8>> {
        match self.report.files().read(Path::new(path), kind) {
            Ok(contents) => {
                self.report.note_contents(&self.path_of(self.written(key)), &contents);
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
    pub(crate) fn warn(&self, key: &dyn AnyKey, text: &str) {
        self.warn_name(self.written(key), text);
    }

    /// The same of the tables of a section.
    pub(crate) fn warn_section(&self, section: &Section, text: &str) {
        self.warn_name(section.name, text);
    }

    pub(super) fn warn_name(&self, name: &str, text: &str) {
        let origin = self.entry(name).and_then(Value::origin).unwrap_or(self.origin);
        self.report.warn(origin, &self.path_of(name), text);
    }

    /// Notes a problem with the table as a whole.
    pub(crate) fn refuse_table(&self, found: &str, allowed: &str) {
        self.report.add(self.origin, &self.path, found, allowed);
    }

    /// Notes a problem with the tables of a section.
    pub(crate) fn refuse_section(&self, section: &Section, found: &str, allowed: &str) {
        self.refuse_name(Cause::Configuration, section.name, found, allowed);
    }
}
