//! Where a source's requests go: `url` or, for one that is a secret itself (a web hook), `secret_url`;
//! with the `query` table.

use crate::model::secret::ExposeSecret as _;
use crate::model::template::{Endpoint, TemplateError, UrlTemplate};

use crate::config::form::{FileName, Text};
use crate::config::key::{AnyKey, Key};
use crate::config::list_form::Entries;
use crate::config::secrets::{SecretKeys, read_given};
use crate::config::shown::{Shown, show_url};
use crate::config::table::{OneOf, Table};
use crate::config::toml_value::scalar_text;
use crate::model::regions;

/// Stands for the URL where a parameter is looked at alone.
const ANY_URL: &str = "https://host/";

/// Stands where each tenant's host will; a name that leads nowhere (RFC 6761 section 6.4).
pub(crate) const NO_HOST_YET: &str = "https://tenant.invalid";

/// The names of the keys of a URL, one of which must be there.
pub(crate) fn url_keys() -> [&'static str; 3] {
    let keys: [&dyn AnyKey; 3] = [&URL, &SECRET_URL, &SECRET_URL_FILE];
    keys.map(AnyKey::name)
}

/// Its keys in the source's table.
pub(crate) const KEYS: &[&dyn AnyKey] = &[&URL, &SECRET_URL, &SECRET_URL_FILE, &REGION, &QUERY];

const SECRET_KEYS: SecretKeys = SecretKeys { value: &SECRET_URL, file: &SECRET_URL_FILE };

static URL: Key<Text> = Key::new(
    "url",
    Text,
    "Where the request goes, a template; of a path alone the host is that of `region`, here or in the credential.",
)
.shown(Shown::Url)
.unless("`secret_url` or `secret_url_file`");

/// What should be there where no URL is.
const A_URL: &str = "the upstream's URL, such as \
                     \"https://api.example.com/v1/accounts/{customerId}\"; one that is a secret \
                     itself belongs in `secret_url` or `secret_url_file`";

static SECRET_URL: Key<Text> = Key::secret(
    "secret_url",
    "A URL that is a secret itself, as that of a web hook; instead of `url`, and never shown.",
);

static SECRET_URL_FILE: Key<FileName> =
    Key::file("secret_url_file", "The file that holds such a URL, instead.");

static REGION: Key<Text> = Key::new(
    "region",
    Text,
    "A region of Genesys Cloud, such as \"eu-central-1\" or \"mypurecloud.de\", whose API the path in `url` is of.",
);

static QUERY: Key<Entries> = Key::new(
    "query",
    Entries,
    "Parameters of the URL, each with a template; one whose input is missing is left out.",
)
.shown(Shown::Hidden);

/// The query table: names and values in the order of the file.
pub(crate) fn query(table: &Table) -> Vec<(String, String)> {
    let Some(query) = table.free(&QUERY) else {
        return Vec::new();
    };
    let mut parameters = Vec::new();
    for (name, value) in query.entries() {
        let Some(text) = scalar_text(value) else {
            query.refuse_entry(name, Shown::Hidden, "a text, a whole number or a boolean");
            continue;
        };
        let parameter = (name.to_owned(), text);
        if let Err(error) = UrlTemplate::try_new(ANY_URL, std::slice::from_ref(&parameter)) {
            let allowed =
                format!("a text with placeholders such as {{customerId}} ({})", error.inner());
            query.refuse_entry(name, Shown::Hidden, &allowed);
            continue;
        }
        parameters.push(parameter);
    }
    parameters
}

/// Where a URL goes that is a path only.
#[derive(Clone, Copy)]
pub(crate) struct Host<'a> {
    /// Where the credential's API is.
    pub(crate) api: Option<&'a Endpoint>,
    /// Whether it is not known yet: each request chooses the credential, or that has a mistake of its
    /// own, for which the URL is not to be blamed.
    pub(crate) is_open: bool,
}

/// Where a source's requests go.
pub(crate) struct Target {
    pub(crate) template: UrlTemplate,
    /// For people.
    pub(crate) shown: String,
    /// It has no host of its own: each tenant has its own.
    pub(crate) host_by_credential: bool,
}

/// Reads the URL, to which the query table belongs; what is wrong is in the report.
pub(crate) fn read(table: &Table, query: &[(String, String)], host: Host<'_>) -> Option<Target> {
    let region = table.optional(&REGION);
    let region = region.as_deref();
    let given = Given::read(table)?;
    let host_by_credential = given.is_path() && region.is_none() && host.is_open;
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
    key: &'static dyn AnyKey,
    text: String,
}

impl Given {
    fn read(table: &Table) -> Option<Self> {
        let (key, text): (&'static dyn AnyKey, String) =
            match table.one_of(&[&URL, &SECRET_URL, &SECRET_URL_FILE]) {
                OneOf::Key(name) if name != URL.about.name => {
                    let text = read_given(table, SECRET_KEYS, name)?.expose_secret().to_owned();
                    let is_file = name == SECRET_URL_FILE.about.name;
                    (if is_file { &SECRET_URL_FILE } else { &SECRET_URL }, text)
                }
                OneOf::Neither | OneOf::Key(_) => (&URL, table.required_as(&URL, A_URL)?),
                OneOf::Both => return None,
            };
        Some(Self { key, text })
    }

    fn is_secret(&self) -> bool {
        self.key.name() != URL.about.name
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
            None if given.is_path() && host.is_open => format!("{NO_HOST_YET}{text}"),
            Some(_) | None => text.to_owned(),
        });
    };
    let Some(region) = regions::find(name) else {
        table.refuse(&REGION, &regions::allowed(name));
        return None;
    };
    if !given.is_path() {
        given.refuse(table, "with `region`, only a path such as \"/api/v2/users/{customerId}\"");
        return None;
    }
    Some(format!("{}{text}", region.api_url()))
}
