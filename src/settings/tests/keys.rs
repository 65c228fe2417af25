//! What holds of every key there is, whatever it is for.

use std::collections::BTreeSet;

use super::super::sections::ROOT;
use super::super::{Layer, Settings};
use super::BASE;
use crate::config::key::{Absent, AnyKey, Change};
use crate::config::section::{Section, Shape};
use crate::config::shown::Shown;
use crate::config::toml_value::parse_toml;

/// Every section below the top with its path.
fn sections() -> Vec<(String, &'static Section)> {
    let mut found = Vec::new();
    for section in ROOT.sections {
        section.visit("", &mut |path, section| found.push((path.to_owned(), section)));
    }
    assert!(found.len() > 12, "{}", found.len());
    found
}

/// Every key with the path of its section.
fn keys() -> Vec<(String, &'static dyn AnyKey)> {
    let of = |(path, section): (String, &'static Section)| {
        section.all_keys().map(move |key| (path.clone(), key))
    };
    let keys: Vec<_> = sections().into_iter().flat_map(of).collect();
    assert!(keys.len() > 90, "{}", keys.len());
    keys
}

#[test]
fn every_default_lies_within_its_form() {
    for (path, key) in keys() {
        if let Absent::Is(text) = key.absent() {
            let value = parse_toml(&text).unwrap_or_else(|| panic!("{path}.{}", key.name()));
            assert!(key.takes(&value), "{path}.{} = {text}", key.name());
        }
    }
}

#[test]
fn every_help_is_a_sentence_with_a_full_stop() {
    for (path, section) in sections() {
        assert_sentence(&path, section.help);
        for kind in section.kinds {
            assert_sentence(kind.word, kind.help);
        }
    }
    for (path, key) in keys() {
        assert_sentence(&format!("{path}.{}", key.name()), key.about().help);
    }
}

fn assert_sentence(path: &str, help: &str) {
    let begins_well = help.starts_with(|c: char| c.is_uppercase() || c == '`');
    assert!(begins_well && help.ends_with('.') && !help.contains("  "), "{path}: {help}");
}

#[test]
fn no_two_keys_of_a_table_have_one_name() {
    for (path, section) in sections() {
        for kind in section.kinds.iter().map(Some).chain([None]) {
            let mut seen: BTreeSet<&str> = BTreeSet::new();
            let keys = section.keys_of(kind);
            let old = keys.iter().filter_map(|key| key.about().old());
            let names = keys.iter().map(|key| key.name()).chain(old);
            let sections = section.sections.iter().map(|section| section.name);
            let retired = section.retired.iter().map(|retired| retired.name);
            for name in names.chain(sections).chain(retired) {
                assert!(seen.insert(name), "{path}.{name} twice");
            }
        }
    }
}

#[test]
fn the_kinds_of_a_table_are_the_words_of_one_of_its_keys() {
    for (path, section) in sections() {
        for kind in section.kinds {
            let key = section.kind_key(kind).map(|key| key.schema()["enum"].to_string());
            let words = key.unwrap_or_else(|| panic!("{path}: {}", kind.word));
            assert_eq!(words.matches(',').count() + 1, section.kinds.len(), "{path}: {words}");
        }
    }
}

#[test]
fn what_its_name_says_is_how_a_value_is_shown() {
    for (path, key) in keys() {
        let (name, shown) = (key.name(), key.about().shown);
        let place = format!("{path}.{name}");
        assert_eq!(shown == Shown::File, name.ends_with("_file"), "{place}");
        let is_url = name.ends_with("url") || name == "endpoint";
        assert_eq!(is_url, matches!(shown, Shown::Url) || name == "secret_url", "{place}");
        // Whatever a person would look for a secret in.
        let words = ["secret", "key", "token", "password", "client_id", "prefix", "query"];
        let is_number = key.schema()["type"] == "integer";
        let is_named =
            words.iter().any(|word| name.ends_with(word)) || ["json", "headers"].contains(&name);
        let may_be_secret = is_named && !is_number;
        let is_flag = key.schema()["type"] == "boolean";
        if may_be_secret && is_flag {
            assert_eq!(shown, Shown::Name, "{place}: the secret itself may stand there");
        } else if may_be_secret {
            assert!(matches!(shown, Shown::Secret | Shown::Hidden), "{place}");
        }
        // A reload that refuses it would say it.
        let is_secret = matches!(shown, Shown::Secret | Shown::Hidden);
        assert!(!is_secret || key.about().change == Change::AtReload, "{place}");
    }
}

/// Major and minor number.
fn number(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().expect("a number"));
    (parts.next().expect("major"), parts.next().expect("minor"))
}

#[test]
fn no_key_is_from_beyond_the_next_version_and_no_old_name_is_read_longer_than_one() {
    let (major, minor) = number(env!("CARGO_PKG_VERSION"));
    // The program bears the number of the last version until there is the next one.
    let is_at_hand = |version: &str| {
        [(major, minor), (major, minor + 1), (major + 1, 0)].contains(&number(version))
    };
    for (path, key) in keys() {
        let about = key.about();
        let is_past = number(about.since) < (major, minor);
        assert!(is_past || is_at_hand(about.since), "{path}.{}", about.name);
        if let Some(rename) = about.was {
            assert!(is_at_hand(rename.version), "drop the old name of {path}.{}", about.name);
        }
    }
    for (path, section) in sections() {
        for retired in section.retired {
            assert!(is_at_hand(retired.version), "drop {path}.{}", retired.name);
        }
    }
}

/// A value that nothing takes: no number, text, list, table or JSON.
const NOTHING: &str = "nan";

/// What must be there for the keys of a section to be read.
fn companions(path: &str, kind: Option<&str>) -> String {
    let kind = kind.map(|kind| format!("kind = '{kind}'\n")).unwrap_or_default();
    let more = match path {
        "actions.profile.output.x" => "from = 'crm'\ntype = 'string[]'\npath = '/a'\n",
        _ => "",
    };
    format!("{kind}{more}")
}

#[test]
fn every_key_is_read_and_refused_where_it_will_not_do() {
    for (path, section) in sections() {
        let place = path
            .replace("credentials.NAME", "credentials.fixed")
            .replace("sources.NAME", "sources.crm")
            .replace("actions.NAME", "actions.profile")
            .replace("INPUT", "id")
            .replace("FIELD", "x");
        let kinds = section.kinds.iter().map(Some).chain(section.kinds.is_empty().then_some(None));
        for kind in kinds {
            for key in section.keys_of(kind) {
                assert_refused_everywhere(&place, section, kind.map(|kind| kind.word), key);
            }
        }
    }
}

fn assert_refused_everywhere(place: &str, section: &Section, kind: Option<&str>, key: &dyn AnyKey) {
    let name = key.name();
    let (header, at) = match section.shape {
        Shape::List => (format!("[[{place}]]"), format!("{place}[0].{name}")),
        Shape::Table | Shape::Named(_) => (format!("[{place}]"), format!("{place}.{name}")),
    };
    let companions = companions(place, kind);
    let layer = |name: &str, text: String| Layer { name: name.to_owned(), text };
    let is_kind = kind.is_some() && name == "kind";
    let before = if is_kind { String::new() } else { format!("{header}\n{companions}") };
    let upper = if section.shape == Shape::List {
        format!("{before}{name} = {NOTHING}\n")
    } else {
        format!("{header}\n{name} = {NOTHING}\n")
    };
    let lower = if section.shape == Shape::List { String::new() } else { before };
    let layers =
        [layer("base.toml", BASE.to_owned()), layer("a.toml", lower), layer("b.toml", upper)];
    let problems = Settings::from_layers(&layers).map(drop).expect_err(&at);
    let found = problems.as_slice().iter().find(|problem| problem.key == at);
    let found = found.unwrap_or_else(|| panic!("{at} is not read:\n{problems}"));
    assert_ne!(found.found, "an unknown key", "{at}");
}
