//! A credential that is a fixed secret in one header, as it was configured.

use crate::config::form::{FileName, Text};
use crate::config::key::{AnyKey, Key};
use crate::config::plan_lines::PlanLines;
use crate::config::secrets::{SecretKeys, read_secret};
use crate::config::section::Kind;
use crate::config::shown::{REDACTED, Shown};
use crate::config::table::{OneOf, Table};
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::template::HeaderTemplate;
use crate::policy::auth::fixed_header::FixedHeader;

/// A fixed secret in one header.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticSecretSpec {
    /// The header, for example `Authorization: Bearer …`.
    pub header: FixedHeader,
}

/// The kind in `[credentials.NAME]`.
pub(super) const KIND: Kind = Kind {
    word: "static",
    help: "A fixed secret in one header.",
    keys: &[&SECRET, &SECRET_FILE, &HEADER, &PREFIX],
};

static SECRET: Key<Text> =
    Key::secret("secret", "The secret, mostly from the environment.").unless("`secret_file`");

static SECRET_FILE: Key<FileName> =
    Key::file("secret_file", "The file that holds the secret, instead.");

static HEADER: Key<Text> = Key::new(
    "header",
    Text,
    "The header that carries the secret, after \"Bearer \" if it is `Authorization`.",
)
.default("Authorization")
.shown(Shown::Name);

static PREFIX: Key<Text> = Key::secret("prefix", "What stands before the secret in the header.")
    .derived("\"Bearer \" with `Authorization`, else nothing");

/// Why no header can carry the value, if none can.
fn unsendable(value: &str) -> Option<&'static str> {
    let good = |c: char| c.is_ascii_graphic() || c == ' ';
    if value.trim() != value {
        Some("begins or ends with a space")
    } else if !value.is_ascii() {
        Some("has a character outside of ASCII")
    } else {
        (!value.chars().all(good)).then_some("has a control character")
    }
}

impl StaticSecretSpec {
    /// Reads the keys of the kind; what is wrong is in the report.
    pub(super) fn read(table: &Table) -> Option<Self> {
        let keys = SecretKeys { value: &SECRET, file: &SECRET_FILE };
        let secret = read_secret(table, keys);
        let header = table.value(&HEADER);
        let is_authorization = header.eq_ignore_ascii_case("authorization");
        let prefix = if is_authorization { "Bearer " } else { "" };
        let prefix = table.value_or(&PREFIX, prefix.to_owned());
        if let Err(error) = HeaderTemplate::try_new(&header, "") {
            let allowed = format!("a header's name alone, such as \"X-API-Key\" ({error})");
            table.refuse(&HEADER, &allowed);
            return None;
        }
        let value = format!("{prefix}{}", secret?.expose_secret());
        if let Some(reason) = unsendable(&value) {
            let found = format!("a secret (not shown) that {reason}");
            let allowed = "visible ASCII characters, with spaces between them only, since a header \
                           carries them";
            let is_file =
                table.one_of(&[keys.value, keys.file]) == OneOf::Key(keys.file.about.name);
            let key: &dyn AnyKey = if is_file { keys.file } else { keys.value };
            table.refuse_found(key, &found, allowed);
            return None;
        }
        Some(Self { header: FixedHeader { name: header, value: SecretString::from(value) } })
    }

    /// What it amounts to, for `tributary check`.
    pub(super) fn plan(&self, lines: &mut PlanLines) {
        lines.add("kind", KIND.word);
        lines.add("header", format!("{}: {REDACTED}", self.header.name));
    }
}
