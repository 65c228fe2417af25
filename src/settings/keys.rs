//! `[[server.api_keys]]` and `[[server.admin_keys]]`: the keys of callers and of operators.

use crate::model::secret::{ExposeSecret as _, SecretString};

use crate::config::form::{FileName, Text};
use crate::config::key::{AnyKey, Key};
use crate::config::secrets::{SecretKeys, read_secret};
use crate::config::section::{Section, Shape};
use crate::config::table::Table;

/// `[[server.api_keys]]`.
pub(super) static API_KEYS: Section = Section {
    shape: Shape::List,
    ..Section::new(
        "api_keys",
        "Who may call. Several keys, so that one can be replaced while the other still works.",
        KEYS,
    )
};

/// `[[server.admin_keys]]`.
pub(super) static ADMIN_KEYS: Section = Section {
    shape: Shape::List,
    ..Section::new(
        "admin_keys",
        "Who may use the operators' routes, other than health, metrics and the console's page. \
         Without any: whoever is on this machine, and nobody where other machines can reach \
         `admin_listen`.",
        KEYS,
    )
};

const KEYS: &[&dyn AnyKey] = &[&NAME, &KEY, &KEY_FILE];

static NAME: Key<Text> = Key::new("name", Text, "Whose key it is, for the log.")
    .required("a name for logs, such as \"genesys-prod\"");

static KEY: Key<Text> =
    Key::secret("key", "The key itself; `openssl rand -hex 16` makes one.").unless("`key_file`");

static KEY_FILE: Key<FileName> =
    Key::file("key_file", "The file that holds the key, instead of `key`.");

/// No text is looked at beyond this many characters: so many are enough, whatever they are.
const ENOUGH: usize = 256;

/// One key that callers or operators may use.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKeySpec {
    /// Whose key it is; for logs.
    pub name: String,
    /// The key itself.
    pub key: SecretString,
}

/// Reads the list of keys; each must differ from the others by its name and by itself.
pub(super) fn read(table: &Table, list: &'static Section) -> Vec<ApiKeySpec> {
    let mut keys: Vec<ApiKeySpec> = Vec::new();
    for entry in table.listed(list) {
        let name = entry.required(&NAME);
        let key = read_secret(&entry, SecretKeys { value: &KEY, file: &KEY_FILE });
        if let (Some(name), Some(key)) = (name, key) {
            if keys.iter().any(|known| known.name == name) {
                entry.refuse(&NAME, "a name that no other key has");
            } else if keys.iter().any(|known| known.key == key) {
                // The name in the log would say nothing.
                let found = "the same key under two names (not shown)";
                entry.refuse_found(&NAME, found, "a key of its own for each name");
            }
            warn_if_weak(&entry, &key);
            keys.push(ApiKeySpec { name, key });
        }
        entry.finish();
    }
    keys
}

fn warn_if_weak(entry: &Table, key: &SecretString) {
    if is_weak(key.expose_secret()) {
        let place: &dyn AnyKey = if entry.has(&KEY) { &KEY } else { &KEY_FILE };
        let text = "the key has less than 128 bits of text and might be guessed; \
                    `openssl rand -hex 16` makes one that cannot be";
        entry.warn(place, text);
    }
}

/// Whether the text has less than 128 bits, at the most that its characters can carry: 39 digits,
/// 32 hexadecimal digits, 26 letters and digits of one case or 22 characters of any kind have them.
/// A text that repeats itself counts once, and the dashes of a UUID do not count.
fn is_weak(text: &str) -> bool {
    let all: Vec<char> = text.chars().take(ENOUGH).collect();
    let dashless: Vec<char> = all.iter().copied().filter(|one| *one != '-').collect();
    let (counted, enough) = if is_all(&dashless, char::is_ascii_digit) {
        (dashless, 39)
    } else if is_all(&dashless, char::is_ascii_hexdigit) {
        (dashless, 32)
    } else if is_all(&all, char::is_ascii_alphanumeric) {
        (all, 26)
    } else {
        (all, 22)
    };
    period(&counted) < enough
}

/// Whether all characters are of this kind, and the letters among them of one case.
fn is_all(text: &[char], is_of_kind: fn(&char) -> bool) -> bool {
    let has = |is_of_case: fn(&char) -> bool| text.iter().any(is_of_case);
    let mixes_cases = has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase);
    !mixes_cases && text.iter().all(is_of_kind)
}

/// The length of the shortest beginning of which the text is a repetition; its own, if of none.
fn period(text: &[char]) -> usize {
    let repeats =
        |length: &usize| text.iter().skip(*length).eq(text.iter().take(text.len() - length));
    (1..text.len()).find(repeats).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_weak_below_128_bits_of_text() {
        let strong = [
            // 16 random bytes as hexadecimal digits, as a UUID, as base64, base64url and base32.
            "9f86d081884c7d659a2feaa0c55ad015",
            "9F86D081-884C-7D65-9A2F-EAA0C55AD015",
            "n4bQgYhMfWWaL+qgxVrQFQ",
            "n4bQgYhMfWWaL-qgxVrQFQ==",
            "t6dnbamijr6wlgrp5kqmkwwqcu",
            "739105862749301856274930185627493018465",
            "correct horse battery staple",
        ];
        for key in strong {
            assert!(!is_weak(key), "{key}");
        }
        let weak = [
            "k",
            "hunter2",
            "genesys-prod-key",
            "9f86d081884c7d659a2feaa0c55ad01",
            "9f86d081-884c-7d65-9a2f-eaa0c55ad01",
            "n4bQgYhMfWWaL+qgxVrQF",
            "t6dnbamijr6wlgrp5kqmkwwqc",
            "73910586274930185627493018562749301846",
            "passwordpasswordpasswordpassword",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "--------------------------------",
        ];
        for key in weak {
            assert!(is_weak(key), "{key}");
        }
    }

    #[test]
    fn a_very_long_key_is_judged_in_no_time() {
        assert!(is_weak(&"ab".repeat(1_000_000)));
        assert!(!is_weak(&"n4bQgYhMfWWaL+qgxVrQFQ".repeat(50_000)));
    }
}
