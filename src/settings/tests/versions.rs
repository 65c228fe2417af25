//! A configuration of the last version runs on this one: a rolling update has replicas of both.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use config::{File, FileFormat, Source as _, Value, ValueKind};

use super::super::Settings;
use super::super::sections::ROOT;
use crate::config::section::{Section, Shape};

/// The version whose configurations are kept; those of `every-key.toml` have all of its keys.
const LAST: &str = "0.1";
const EVERY_KEY: &str = include_str!("../../../tests/fixtures/config-0.1/every-key.toml");

/// The configurations that the last version came with.
fn shipped_then() -> Vec<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/config-{LAST}"));
    let entries = std::fs::read_dir(folder).expect("the folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
    assert!(files.len() >= 5, "{files:?}");
    files
}

#[test]
fn the_configurations_that_are_kept_are_those_of_the_last_version() {
    let minor = |version: &str| version.split('.').nth(1).and_then(|n| n.parse::<u32>().ok());
    let (now, last) = (minor(env!("CARGO_PKG_VERSION")), minor(LAST));
    assert!(last.map(|last| last + 1) >= now, "keep those of the version before {now:?}");
}

#[test]
fn every_configuration_of_the_last_version_is_right() {
    let files = Files::new();
    for file in shipped_then() {
        let text = files.named_in(&std::fs::read_to_string(&file).expect("text"));
        let exports = text.lines().filter_map(|line| line.split_once("export "));
        let variables: Vec<(String, String)> = exports
            .filter_map(|(_, line)| Some((line.split_once('=')?.0.to_owned(), "x".to_owned())))
            .collect();
        let copy = files.directory.path().join("copy.toml");
        std::fs::write(&copy, text).expect("written");
        let settings = Settings::load(&[copy], variables.into_iter());
        if let Err(problems) = settings {
            panic!("{}: {problems}", file.display());
        }
    }
}

#[test]
fn every_key_of_the_last_version_is_in_the_configuration_that_is_kept_of_it() {
    let table = File::from_str(EVERY_KEY, FileFormat::Toml).collect().expect("TOML");
    let mut kept = BTreeSet::new();
    gather(&ROOT, "", &Value::new(None, table), &mut kept);
    for section in ROOT.sections {
        section.visit("", &mut |path, section| {
            for key in section.all_keys().filter(|key| key.about().since == LAST) {
                let name = key.about().old().unwrap_or(key.name());
                let later = "until 0.1 is out, add it there; one that comes later says .since(…)";
                assert!(kept.contains(&format!("{path}.{name}")), "{path}.{name}? {later}");
            }
        });
    }
}

/// Adds the keys of a table as the reference names them: `sources.NAME.timeout`.
fn gather(section: &'static Section, path: &str, value: &Value, kept: &mut BTreeSet<String>) {
    let ValueKind::Table(entries) = &value.kind else { panic!("{path} is no table") };
    for (name, value) in entries {
        let Some(within) = section.section(name) else {
            kept.insert(format!("{path}.{name}"));
            continue;
        };
        let path = within.header(path);
        match (&value.kind, within.shape) {
            (ValueKind::Array(tables), Shape::List) => {
                for table in tables {
                    gather(within, &path, table, kept);
                }
            }
            (ValueKind::Table(tables), Shape::Named(_)) => {
                for table in tables.values() {
                    gather(within, &path, table, kept);
                }
            }
            _ => gather(within, &path, value, kept),
        }
    }
}

/// The files that the kept configurations name, in a folder of their own.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let issued =
            rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate");
        for (name, text) in [
            ("certificate.pem", issued.cert.pem()),
            ("key.pem", issued.signing_key.serialize_pem()),
            ("secret", "9f86d081884c7d659a2feaa0c55ad015".to_owned()),
            ("other-secret", "9f86d081884c7d659a2feaa0c55ad016".to_owned()),
            ("url", "https://hooks.example/T0/B0".to_owned()),
        ] {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        Self { directory }
    }

    /// The text with the folder in the place of `/run/files`.
    fn named_in(&self, text: &str) -> String {
        text.replace("/run/files", &self.directory.path().display().to_string())
    }
}
