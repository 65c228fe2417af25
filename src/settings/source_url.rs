//! Where a source's requests go: `url` or, for one that is a secret itself (a web hook), `secret_url`;
//! with the `query` table.

use crate::domain::secret::ExposeSecret as _;
use crate::domain::template::{Endpoint, TemplateError, UrlTemplate};

use super::regions;
use crate::config::secrets::{SecretKeys, read_given};
use crate::config::shown::show_url;
use crate::config::table::{OneOf, Table};
use crate::config::value::scalar_text;

/// Stands where each tenant's host will; a name that leads nowhere (RFC 6761 section 6.4).
pub(super) const NO_HOST_YET: &str = "https://tenant.invalid";

/// The keys of a URL, one of which must be there.
pub(super) const URL_KEYS: [&str; 3] = [URL, SECRET_KEYS.value, SECRET_KEYS.file];
const URL: &str = "url";
const SECRET_KEYS: SecretKeys = SecretKeys { value: "secret_url", file: "secret_url_file" };

/// The query table: names and values in the order of the file.
pub(super) fn query(table: &mut Table) -> Vec<(String, String)> {
    let Some(query) = table.table("query") else {
        return Vec::new();
    };
    let mut parameters = Vec::new();
    for (name, value) in query.entries() {
        match scalar_text(value) {
            Some(text) => parameters.push((name.to_owned(), text)),
            None => query.refuse(name, "a text, a whole number or a boolean"),
        }
    }
    parameters
}

/// Where a URL goes that is a path only.
#[derive(Clone, Copy)]
pub(super) struct Host<'a> {
    /// Where the credential's API is.
    pub(super) api: Option<&'a Endpoint>,
    /// Whether each request chooses the credential.
    pub(super) by_tenant: bool,
}

/// Where a source's requests go.
pub(super) struct Target {
    pub(super) template: UrlTemplate,
    /// For people.
    pub(super) shown: String,
    /// It has no host of its own: each tenant has its own.
    pub(super) host_by_credential: bool,
}

/// Reads the URL, to which the query table belongs; what is wrong is in the report.
pub(super) fn read(
    table: &mut Table,
    query: &[(String, String)],
    host: Host<'_>,
) -> Option<Target> {
    // Read in any case, or it would be an unknown key where the URL is missing.
    let region = table.text("region");
    let given = Given::read(table)?;
    // The table is tried with a URL that is right, so that both may be reported.
    if let Err(error) = UrlTemplate::try_new("https://host/", query) {
        table.refuse_found("query", "a bad parameter", &format!("good templates ({error})"));
        return None;
    }
    let host_by_credential = given.is_path() && region.is_none() && host.by_tenant;
    let text = whole_url(table, &given, region, host)?;
    match UrlTemplate::try_new(&text, query) {
        Ok(template) => {
            let shown = if given.is_secret() {
                format!("{}/[redacted]", template.endpoint())
            } else {
                show_url(&text, query)
            };
            Some(Target { template, shown, host_by_credential })
        }
        Err(error) => {
            given.refuse(
                table,
                &format!(
                    "an absolute URL, or a path together with `region` or a credential whose API \
                     is known by its `region` or `api_url` ({})",
                    given.reason(&error)
                ),
            );
            None
        }
    }
}

/// A URL as it is configured.
struct Given {
    /// Which of the keys has it.
    key: &'static str,
    text: String,
}

impl Given {
    fn read(table: &mut Table) -> Option<Self> {
        let what = "the upstream's URL, such as \
                    \"https://api.example.com/v1/accounts/{customerId}\"; one that is a secret \
                    itself belongs in `secret_url` or `secret_url_file`";
        let (key, text) = match table.one_of(&URL_KEYS) {
            OneOf::Neither | OneOf::Key(URL) => (URL, table.required_text(URL, what)?.to_owned()),
            OneOf::Key(key) => {
                (key, read_given(table, SECRET_KEYS, key)?.expose_secret().to_owned())
            }
            OneOf::Both => return None,
        };
        Some(Self { key, text })
    }

    fn is_secret(&self) -> bool {
        self.key != URL
    }

    fn is_path(&self) -> bool {
        self.text.starts_with('/')
    }

    /// Notes that this URL will not do.
    fn refuse(&self, table: &Table, allowed: &str) {
        if self.is_secret() {
            table.refuse_found(self.key, "a URL that cannot be used (not shown)", allowed);
        } else {
            table.refuse(self.key, allowed);
        }
    }

    fn reason(&self, error: &TemplateError) -> String {
        if self.is_secret() { error.without_text() } else { error.to_string() }
    }
}

/// Puts a host before a URL that is a path only: that of the source's `region`, else the one that
/// the credential says.
fn whole_url(table: &Table, given: &Given, region: Option<&str>, host: Host<'_>) -> Option<String> {
    let text = given.text.as_str();
    let Some(name) = region else {
        return Some(match host.api {
            Some(api) if given.is_path() => format!("{api}{text}"),
            None if given.is_path() && host.by_tenant => format!("{NO_HOST_YET}{text}"),
            Some(_) | None => text.to_owned(),
        });
    };
    let Some(region) = regions::find(name) else {
        table.refuse("region", &format!("one of {}", regions::known()));
        return None;
    };
    if !given.is_path() {
        given.refuse(table, "with `region`, only a path such as \"/api/v2/users/{customerId}\"");
        return None;
    }
    Some(format!("{}{text}", region.api_url()))
}
