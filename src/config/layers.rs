//! The layers of a configuration put on top of each other: files, then the environment.
//!
//! The `config` crate reads each layer; the merging is done here, because it keeps what the
//! messages need (which file a value and a table came from) and takes every key as it stands.

use std::path::PathBuf;

use config::{Environment, File, FileFormat, Map, Source, Value, ValueKind};

use super::files::FileKind;
use crate::config::report::{Cause, Report};
use crate::config::toml_value::ENVIRONMENT;

/// What the names of the environment variables begin with.
const PREFIX: &str = "TRIBUTARY";

/// What stands between the parts of an environment variable's name.
const SEPARATOR: &str = "__";

/// The most parts that an environment variable's name may have after the prefix.
const DEEPEST: usize = 16;

/// A text of configuration and the name that problems call it by.
#[derive(Debug, Clone)]
pub struct Layer {
    /// A file's name, mostly.
    pub name: String,
    /// TOML.
    pub text: String,
}

/// The environment variable that sets a key: `server.listen` is `TRIBUTARY__SERVER__LISTEN`.
pub(crate) fn variable(key: &str) -> String {
    format!("{PREFIX}{SEPARATOR}{}", key.replace('.', SEPARATOR).to_uppercase())
}

/// The environment of this process, without what is not Unicode: `std::env::vars` panics on that.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads the files; one that cannot be read is a problem.
pub(crate) fn read_files(files: &[PathBuf], report: &Report) -> Vec<Layer> {
    let mut layers = Vec::new();
    for file in files {
        let name = file.display().to_string();
        match report.files().read_text(file, FileKind::Configuration) {
            Ok(text) => layers.push(Layer { name, text }),
            Err(error) => {
                let found = format!("no readable file ({error})");
                let allowed = "a TOML file in UTF-8 (see --config)";
                report.add_caused(Cause::File, &name, "", &found, allowed);
            }
        }
    }
    layers
}

/// All layers as one table, later ones winning; every value knows where it came from.
pub(crate) fn merge(
    layers: &[Layer],
    environment: impl Iterator<Item = (String, String)>,
    report: &Report,
) -> Value {
    let mut merged = Value::new(None, Map::<String, Value>::new());
    for layer in layers {
        report.begin_layer(&layer.name);
        match File::from_str(&layer.text, FileFormat::Toml).collect() {
            Ok(table) => {
                put_table(&mut merged, stamped(&Value::new(None, table), &layer.name));
            }
            Err(error) => {
                let found = syntax_error(&error.to_string());
                report.add(&layer.name, "", &found, "TOML (toml.io), in which texts are in quotes");
            }
        }
    }
    report.begin_layer(ENVIRONMENT);
    for (key, value) in read_environment(environment, report) {
        let path: Vec<&str> = key.split('.').collect();
        if path.len() > DEEPEST {
            let found = format!("a variable name of {} parts", path.len());
            report.add(ENVIRONMENT, "", &found, &format!("at most {DEEPEST} parts"));
            continue;
        }
        put_variable(&mut merged, &path, value);
    }
    merged
}

/// The variables that begin with the prefix, as dotted keys in lower case.
fn read_environment(
    environment: impl Iterator<Item = (String, String)>,
    report: &Report,
) -> Vec<(String, Value)> {
    let mut variables: Vec<(String, String)> = environment.collect();
    // Sorted, so that the same environment always gives the same configuration.
    variables.sort();
    let collected = Environment::with_prefix(PREFIX)
        .prefix_separator(SEPARATOR)
        .separator(SEPARATOR)
        .ignore_empty(true)
        .source(Some(variables.into_iter().collect()))
        .collect();
    match collected {
        Ok(table) => table
            .into_iter()
            .map(|(key, value)| (key, Value::new(Some(&ENVIRONMENT.to_owned()), value.kind)))
            .collect(),
        Err(error) => {
            report.add(ENVIRONMENT, "", &error.to_string(), "variables in UTF-8");
            Vec::new()
        }
    }
}

/// The value with its origin, and so everything within it.
fn stamped(value: &Value, origin: &String) -> Value {
    let kind = match &value.kind {
        ValueKind::Table(table) => ValueKind::Table(
            table.iter().map(|(key, value)| (key.clone(), stamped(value, origin))).collect(),
        ),
        ValueKind::Array(list) => {
            ValueKind::Array(list.iter().map(|value| stamped(value, origin)).collect())
        }
        other => other.clone(),
    };
    Value::new(Some(origin), kind)
}

/// Puts `upper` on top of `lower`: tables are merged key by key, anything else is replaced.
fn put_table(lower: &mut Value, mut upper: Value) {
    let (ValueKind::Table(below), ValueKind::Table(above)) = (&mut lower.kind, &mut upper.kind)
    else {
        *lower = upper;
        return;
    };
    for (key, value) in std::mem::take(above) {
        match below.get_mut(&key) {
            Some(old) => put_table(old, value),
            None => {
                below.insert(key, value);
            }
        }
    }
}

/// Puts one environment variable in its place. Its name is lower case by now, so that it also
/// fits a key of the files that differs from it in case alone (`customerId`).
fn put_variable(into: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *into = value;
        return;
    };
    if !matches!(into.kind, ValueKind::Table(_)) {
        *into = Value::new(Some(&ENVIRONMENT.to_owned()), Map::<String, Value>::new());
    }
    if let ValueKind::Table(table) = &mut into.kind {
        let key = table.keys().find(|key| key.eq_ignore_ascii_case(first)).cloned();
        let key = key.unwrap_or_else(|| (*first).to_owned());
        let empty = || Value::new(Some(&ENVIRONMENT.to_owned()), Map::<String, Value>::new());
        put_variable(table.entry(key).or_insert_with(empty), rest, value);
    }
}

/// Place and message of a TOML error, without the line itself: a secret may stand in it.
fn syntax_error(text: &str) -> String {
    let place = text.split_once("TOML parse error ").and_then(|(_, rest)| rest.lines().next());
    let place = place.map(|place| format!(" {place}")).unwrap_or_default();
    // The quoted lines look like `5 | text`, the mark below them like `  |   ^`.
    let digit_or_blank = |c: char| c.is_ascii_digit() || c == ' ';
    let is_quoted = |line: &str| {
        let before = line.split_once('|').map(|(before, _)| before);
        before.is_some_and(|before| before.chars().all(digit_or_blank))
    };
    let is_message =
        |line: &&str| !line.contains("TOML parse error") && !is_quoted(line) && !line.is_empty();
    let message: Vec<&str> = text.lines().filter(is_message).collect();
    let null = quoted_null(text).then_some("; TOML has no null: leave the key out");
    format!("no valid TOML{place} ({}{})", message.join(" "), null.unwrap_or_default())
}

/// Whether the line that the error quotes gives a key the value `null`.
fn quoted_null(text: &str) -> bool {
    let mut quoted = text.lines().filter_map(|line| line.split_once(" | ")).map(|(_, line)| line);
    quoted.any(|line| line.split('=').nth(1).is_some_and(|value| value.trim().starts_with("null")))
}

#[cfg(test)]
#[path = "tests/layers_tests.rs"]
mod tests;
