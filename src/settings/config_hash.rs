//! A short hash of the configuration: equal in all processes that run with the same one.
//!
//! Secrets are left out, so that rotating one changes nothing and no guess can be tried against the
//! hash. Comments, and which files the configuration is in, make no difference.

use config::{Value, ValueKind};
use ring::digest::{SHA256, digest};

use super::sections::ROOT;
use crate::config::shown::{HARMLESS_HEADERS, Shown, may_name_secret, show_url};
use crate::model::json::write_string;
use crate::model::template::TextTemplate;

/// How much of the digest is shown, bytes: enough to tell configurations apart.
const LENGTH: usize = 6;

/// Keys of a source below which everything has names and values of the user's own.
const OWN_NAMES: [&str; 5] = ["headers", "query", "json", "fallback", "empty_data"];

/// The beginning of the SHA-256 (FIPS 180-4) of the merged table, in hexadecimal digits.
pub(super) fn of(merged: &Value) -> String {
    let mut text = Vec::new();
    write_value(&mut text, &mut Vec::new(), merged);
    let digest = digest(&SHA256, &text);
    let bytes: Vec<String> =
        digest.as_ref().iter().take(LENGTH).map(|byte| format!("{byte:02x}")).collect();
    bytes.concat()
}

/// Writes the value without its secrets; different values are different texts.
fn write_value<'a>(out: &mut Vec<u8>, path: &mut Vec<&'a str>, value: &'a Value) {
    match &value.kind {
        ValueKind::Table(table) => {
            out.push(b'{');
            for (key, value) in table {
                if is_secret(path, key) {
                    continue;
                }
                write_string(out, key);
                out.push(b':');
                path.push(key);
                write_value(out, path, value);
                path.pop();
                out.push(b',');
            }
            out.push(b'}');
        }
        ValueKind::Array(list) => {
            out.push(b'[');
            for value in list {
                write_value(out, path, value);
                out.push(b',');
            }
            out.push(b']');
        }
        ValueKind::String(text) => write_string(out, &without_secrets(path, text)),
        _ if may_be_secret(path) => {}
        // With its point, a float differs from the integer.
        ValueKind::Float(number) => out.extend_from_slice(format!("{number:?}").as_bytes()),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_) => out.extend_from_slice(value.kind.to_string().as_bytes()),
    }
}

/// Whether the key of a table stands for a secret. Names that users choose never do.
fn is_secret(path: &[&str], key: &str) -> bool {
    let path: Vec<&str> = path.iter().copied().chain([key]).collect();
    ROOT.key_at(&path).is_some_and(|key| key.about().shown == Shown::Secret)
}

/// Whether a fixed value at this place may be a secret; what it has of placeholders is none.
fn may_be_secret(path: &[&str]) -> bool {
    match path {
        ["sources", _, "headers", name] => {
            !HARMLESS_HEADERS.iter().any(|harmless| harmless.eq_ignore_ascii_case(name))
        }
        ["sources", _, "query" | "json", names @ ..] => {
            names.iter().any(|name| may_name_secret(name))
        }
        _ => false,
    }
}

fn without_secrets(path: &[&str], text: &str) -> String {
    match path {
        _ if may_be_secret(path) => placeholders(text),
        ["sources", _, "url"] => show_url(text, &[]),
        ["sources", _, within, ..] if OWN_NAMES.contains(within) => text.to_owned(),
        ["actions", ..] => text.to_owned(),
        _ => without_url_secrets(text),
    }
}

/// A URL without its user, query and fragment; any other text as it is.
fn without_url_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let host_and_path = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
    format!("{scheme}://{host_and_path}")
}

/// What a template names, without its fixed text.
fn placeholders(text: &str) -> String {
    let template = TextTemplate::try_new(text);
    let names = template.iter().flat_map(TextTemplate::references);
    names.map(|name| format!("{{{name}}}")).collect::<Vec<_>>().concat()
}
