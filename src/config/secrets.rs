//! Secrets and certificates: in the configuration itself, in the environment or in a file.

use crate::model::secret::SecretString;

use super::files::FileKind;
use super::form::{FileName, Text};
use super::key::{AnyKey, Key};
use super::layers::variable;
use super::shown::show_file;
use super::table::{OneOf, Table};
use crate::config::report::Cause;

/// The two keys of one secret: the secret itself or the file that holds it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SecretKeys {
    /// The key of the secret, for example `client_secret`.
    pub(crate) value: &'static Key<Text>,
    /// The key of the file's name, for example `client_secret_file`.
    pub(crate) file: &'static Key<FileName>,
}

/// The secret of the two keys, one of which must be there. Given by two layers, that of the later
/// one counts; the file of the other need not be there.
pub(crate) fn read_secret(table: &Table, keys: SecretKeys) -> Option<SecretString> {
    match table.one_of(&[keys.value, keys.file]) {
        OneOf::Key(name) => read_given(table, keys, name),
        OneOf::Neither => {
            refuse_missing(table, keys);
            None
        }
        OneOf::Both => None,
    }
}

/// The secret that the key of this name gives, one of the two.
pub(crate) fn read_given(table: &Table, keys: SecretKeys, name: &str) -> Option<SecretString> {
    if name == keys.file.about.name {
        let path = table.optional(keys.file)?;
        read_file(table, keys.file, &path)
    } else {
        let secret = table.optional(keys.value)?;
        checked(table, keys.value, &secret)
    }
}

/// The PEM certificates of the file that the key names; absent: none.
pub(crate) fn read_ca_file(table: &Table, key: &'static Key<FileName>) -> Option<Vec<u8>> {
    let path = table.optional(key)?;
    let allowed = "a readable file with certificates in PEM";
    let pem = table.read_file(key, &path, FileKind::Certificates, allowed)?;
    if !holds_certificate(&pem) {
        let found = format!("{}, in which there is no certificate in PEM", show_file(&path));
        table.refuse_caused(Cause::Certificate, key, &found, allowed);
        return None;
    }
    Some(pem)
}

fn holds_certificate(pem: &[u8]) -> bool {
    String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----")
}

fn read_file(table: &Table, key: &dyn AnyKey, path: &str) -> Option<SecretString> {
    let allowed = "a readable text file that holds the secret";
    let text = table.read_file(key, path, FileKind::Secret, allowed)?;
    let Ok(text) = String::from_utf8(text) else {
        let found = format!("{}, which is not text in UTF-8", show_file(path));
        table.refuse_caused(Cause::File, key, &found, allowed);
        return None;
    };
    checked(table, key, text.trim_end_matches(['\r', '\n']))
}

/// Refuses what is empty and what no header and no form could carry.
fn checked(table: &Table, key: &dyn AnyKey, secret: &str) -> Option<SecretString> {
    if secret.trim().is_empty() {
        table.refuse_found(key, "an empty secret", "a secret that is not empty");
        return None;
    }
    if secret.chars().any(char::is_control) {
        let found = "a secret with control characters, such as a line break (not shown)";
        table.refuse_found(key, found, "a secret on one line");
        return None;
    }
    Some(SecretString::from(secret))
}

fn refuse_missing(table: &Table, keys: SecretKeys) {
    let path = table.path_of(keys.value.name());
    let allowed = if path.contains('[') {
        // A list's entries have no environment variables.
        format!("`{}`, or `{}` with the name of a file", keys.value.name(), keys.file.name())
    } else {
        let variable = variable(&path);
        format!("the environment variable {variable}, or `{}` with a file's name", keys.file.name())
    };
    table.refuse_found(keys.value, "nothing", &allowed);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use crate::model::secret::ExposeSecret;

    use super::super::layers::{Layer, merge};
    use super::super::section::Section;
    use super::*;
    use crate::config::report::Report;

    static SECRET: Key<Text> = Key::secret("secret", "The secret.");
    static SECRET_FILE: Key<FileName> = Key::file("secret_file", "The file with it.");
    static ROOT: Section = Section { sections: &[&TABLE], ..Section::new("", "The top.", &[]) };
    static TABLE: Section = Section::new("t", "A table.", &[&SECRET, &SECRET_FILE]);
    const KEYS: SecretKeys = SecretKeys { value: &SECRET, file: &SECRET_FILE };

    /// The secret of a table `t` and the text of the problems.
    fn read(text: &str) -> (Option<String>, String) {
        let report = Report::default();
        let layer = Layer { name: "a.toml".to_owned(), text: format!("[t]\n{text}") };
        let merged = merge(&[layer], std::iter::empty(), &report);
        let root = Table::root(&ROOT, &merged, "a.toml", &report);
        let secret = read_secret(&root.section_or_empty(&TABLE), KEYS);
        let problems = report.into_result(()).err().map(|problems| problems.to_string());
        (secret.map(|secret| secret.expose_secret().to_owned()), problems.unwrap_or_default())
    }

    fn file_with(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(content).expect("written");
        file
    }

    #[test]
    fn a_secret_may_stand_in_the_configuration() {
        assert_eq!(read("secret = '00123'"), (Some("00123".to_owned()), String::new()));
    }

    #[test]
    fn the_line_end_of_a_secrets_file_is_cut_off() {
        for content in ["hunter2", "hunter2\n", "hunter2\r\n"] {
            let file = file_with(content.as_bytes());
            let (secret, problems) = read(&format!("secret_file = {:?}", file.path()));
            assert_eq!((secret.as_deref(), problems.as_str()), (Some("hunter2"), ""));
        }
    }

    #[test]
    fn both_keys_or_none_are_refused() {
        let (_, problems) = read("secret = 'hunter2'\nsecret_file = 'x'");
        assert!(problems.contains("found both `secret` and `secret_file`"), "{problems}");
        let (_, problems) = read("");
        assert!(problems.contains("t.secret: found nothing"), "{problems}");
        assert!(problems.contains("TRIBUTARY__T__SECRET, or `secret_file`"), "{problems}");
    }

    #[test]
    fn an_empty_secret_or_one_of_several_lines_is_refused_and_not_shown() {
        let file = file_with(b"\n");
        let (secret, problems) = read(&format!("secret_file = {:?}", file.path()));
        assert_eq!(secret, None);
        assert!(problems.contains("t.secret_file: found an empty secret"), "{problems}");
        let (secret, problems) = read("secret = \"hunter2\\nhunter3\"");
        assert_eq!(secret, None);
        assert!(problems.contains("control characters"), "{problems}");
        assert!(!problems.contains("hunter"), "{problems}");
    }

    #[test]
    fn a_secrets_file_that_cannot_be_read_is_named() {
        let (_, problems) = read("secret_file = '/no/such/file'");
        assert!(problems.contains("found \"/no/such/file\", which cannot be read"), "{problems}");
        let file = file_with(&[0xff, 0xfe]);
        let (_, problems) = read(&format!("secret_file = {:?}", file.path()));
        assert!(problems.contains("which is not text in UTF-8"), "{problems}");
    }

    #[test]
    fn a_secret_that_is_a_number_is_refused_and_not_shown() {
        let (_, problems) = read("secret = 4711");
        assert_eq!(problems.lines().count(), 3, "{problems}");
        assert!(problems.contains("t.secret: found a number; allowed: a text in quotes"));
    }
}
