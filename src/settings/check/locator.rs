//! Where a key stands, for problems that are noticed after reading.

use config::{Value, ValueKind};

use crate::config::ENVIRONMENT;
use crate::config::report::Report;
use crate::config::shown::join;

/// Finds the file of a key again, for problems that are noticed after reading.
#[derive(Debug)]
pub(in crate::settings) struct Locator<'a> {
    root: &'a Value,
    file: &'a str,
    report: &'a Report,
}

impl<'a> Locator<'a> {
    /// `file` stands for keys that are in no file.
    pub(in crate::settings) fn new(root: &'a Value, file: &'a str, report: &'a Report) -> Self {
        Self { root, file, report }
    }

    /// Notes a problem at a key, given part by part.
    pub(in crate::settings) fn refuse(&self, parts: &[&str], found: &str, allowed: &str) {
        let (file, path) = self.place(parts);
        self.report.add(file, &path, found, allowed);
    }

    /// Notes that what stands at a key is allowed, but most likely not meant.
    pub(in crate::settings) fn warn(&self, parts: &[&str], text: &str) {
        let (file, path) = self.place(parts);
        self.report.warn(file, &path, text);
    }

    /// The file of a key, and the key as a message names it.
    fn place(&self, parts: &[&str]) -> (&'a str, String) {
        let (mut value, mut file, mut path) = (Some(self.root), self.file, String::new());
        for part in parts {
            let entry = value.and_then(|value| entry(value, part));
            value = entry.map(|(_, value)| value);
            file = value.and_then(Value::origin).unwrap_or(file);
            path = join(&path, entry.map_or(part, |(key, _)| key));
        }
        (file, path)
    }

    /// Every text at a key and in what is below it.
    pub(in crate::settings) fn texts(&self, parts: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(value) = self.value(parts) {
            push_texts(value, &mut found);
        }
        found
    }

    /// Whether a text stands at a key.
    pub(in crate::settings) fn is_text(&self, parts: &[&str]) -> bool {
        self.value(parts).is_some_and(|value| matches!(value.kind, ValueKind::String(_)))
    }

    /// Whether a variable of the environment says what stands at a key.
    pub(in crate::settings) fn is_of_environment(&self, parts: &[&str]) -> bool {
        self.value(parts).and_then(Value::origin) == Some(ENVIRONMENT)
    }

    /// Whether something stands at a key.
    pub(in crate::settings) fn has(&self, parts: &[&str]) -> bool {
        self.value(parts).is_some()
    }

    fn value(&self, parts: &[&str]) -> Option<&'a Value> {
        let mut parts = parts.iter();
        parts.try_fold(self.root, |value, part| entry(value, part).map(|(_, value)| value))
    }
}

fn push_texts(value: &Value, found: &mut Vec<String>) {
    match &value.kind {
        ValueKind::String(text) => found.push(text.clone()),
        ValueKind::Table(table) => {
            for (key, value) in table {
                found.push(key.clone());
                push_texts(value, found);
            }
        }
        ValueKind::Array(list) => list.iter().for_each(|value| push_texts(value, found)),
        _ => {}
    }
}

/// The entry of a table, its key as it is written (a header's name may differ in case).
fn entry<'a>(value: &'a Value, key: &str) -> Option<(&'a str, &'a Value)> {
    let ValueKind::Table(table) = &value.kind else {
        return None;
    };
    let exact = table.get_key_value(key);
    let found = exact.or_else(|| table.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)));
    found.map(|(key, value)| (key.as_str(), value))
}
