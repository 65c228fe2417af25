//! A credential that is an OAuth 2.0 client (RFC 6749 section 4.4), as it was configured.

use std::time::Duration;

use crate::config::form::{FileName, Text, Word};
use crate::config::key::{AnyKey, Key};
use crate::config::layers::variable;
use crate::config::list_form::Texts;
use crate::config::number_form::Time;
use crate::config::plan_lines::PlanLines;
use crate::config::secrets::{SecretKeys, read_ca_file, read_secret};
use crate::config::section::Kind;
use crate::config::shown::{REDACTED, Shown, show_text};
use crate::config::table::{OneOf, Table};
use crate::config::units::show_duration;
use crate::model::regions::{self, Region};
use crate::model::secret::SecretString;
use crate::model::template::{Endpoint, UrlTemplate};

const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);

/// An OAuth 2.0 client that fetches tokens for itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientCredentialsSpec {
    /// Where the token endpoint is.
    pub endpoint: Endpoint,
    /// Path, and query if there is one, of the token endpoint.
    pub path_and_query: String,
    /// Where the API is that the tokens are for; absent if the configuration does not say it.
    pub api: Option<Endpoint>,
    /// The client's id; not a secret, but not shown either.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretString,
    /// Where id and secret go in the token request.
    pub client_auth: ClientAuth,
    /// The scopes to ask for; empty: the client's own default.
    pub scopes: Vec<String>,
    /// A new token is fetched this long before the old one ends.
    pub refresh_before_expiry: Duration,
    /// One token request, connect and body included.
    pub timeout: Duration,
    /// Certificates (PEM) trusted besides the platform's.
    pub extra_ca: Option<Vec<u8>>,
}

/// Where the client's id and secret go in a token request (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// `Authorization: Basic`, id and secret form-encoded first.
    Basic,
    /// The form fields `client_id` and `client_secret`.
    Form,
}

/// The kind in `[credentials.NAME]`.
pub(super) const KIND: Kind = Kind {
    word: "client_credentials",
    help: "An OAuth 2.0 client (RFC 6749 section 4.4); its token is fetched and renewed by itself.",
    keys: &[
        &TOKEN_URL,
        &REGION,
        &API_URL,
        &CLIENT_ID,
        &CLIENT_SECRET,
        &CLIENT_SECRET_FILE,
        &CLIENT_AUTH,
        &SCOPES,
        &REFRESH_BEFORE_EXPIRY,
        &TIMEOUT,
        &CA_FILE,
    ],
};

static TOKEN_URL: Key<Text> =
    Key::new("token_url", Text, "Where tokens come from.").shown(Shown::Url).unless("`region`");

static REGION: Key<Text> = Key::new(
    "region",
    Text,
    "A region of Genesys Cloud, such as \"eu-central-1\" or \"mypurecloud.de\"; gives the hosts of logins and of the API.",
)
.unless("`token_url`");

static API_URL: Key<Text> =
    Key::new("api_url", Text, "The host of sources whose `url` is a path; a `region` has one.")
        .shown(Shown::Url);

static CLIENT_ID: Key<Text> =
    Key::new("client_id", Text, "The client's id, mostly from the environment.")
        .shown(Shown::Hidden)
        .required("the OAuth client's id");

static CLIENT_SECRET: Key<Text> =
    Key::secret("client_secret", "The client's secret, mostly from the environment.")
        .unless("`client_secret_file`");

static CLIENT_SECRET_FILE: Key<FileName> =
    Key::file("client_secret_file", "The file that holds the client's secret, instead.");

static CLIENT_AUTH: Key<Word<ClientAuth>> = Key::new(
    "client_auth",
    Word(&[("basic", ClientAuth::Basic), ("form", ClientAuth::Form)]),
    "Where id and secret go in a token request: a header, or the form.",
)
.default(ClientAuth::Basic);

static SCOPES: Key<Texts> =
    Key::new("scopes", Texts, "The scopes to ask for; without any: the client's own.").default(&[]);

static REFRESH_BEFORE_EXPIRY: Key<Time> = Key::new(
    "refresh_before_expiry",
    Time(Duration::ZERO, DAY),
    "A new token is fetched this long before the old one ends.",
)
.default(MINUTE);

static TIMEOUT: Key<Time> = Key::new(
    "timeout",
    Time(Duration::from_millis(1), MINUTE),
    "One token request; `/readyz` waits so long for the first token.",
)
.default(Duration::from_secs(5));

static CA_FILE: Key<FileName> =
    Key::file("ca_file", "Certificates (PEM) that are trusted besides the platform's.");

impl ClientCredentialsSpec {
    /// Reads the keys of the kind; what is wrong is in the report.
    pub(super) fn read(table: &Table) -> Option<Self> {
        let given = table.one_of(&[&TOKEN_URL, &REGION]);
        let region = region(table, given);
        let url = token_url(table, given, region);
        let client_id = client_id(table);
        let keys = SecretKeys { value: &CLIENT_SECRET, file: &CLIENT_SECRET_FILE };
        let client_secret = read_secret(table, keys);
        let client_auth = table.value(&CLIENT_AUTH);
        let scopes = scopes(table);
        let early = table.value(&REFRESH_BEFORE_EXPIRY);
        let timeout = table.value(&TIMEOUT);
        let extra_ca = read_ca_file(table, &CA_FILE);
        let api = api(table, region);
        let (endpoint, path_and_query) = url?;
        Some(Self {
            endpoint,
            path_and_query,
            api,
            client_id: client_id?,
            client_secret: client_secret?,
            client_auth,
            scopes,
            refresh_before_expiry: early,
            timeout,
            extra_ca,
        })
    }

    /// What it amounts to, for `tributary check`.
    pub(super) fn plan(&self, lines: &mut PlanLines) {
        let auth = match self.client_auth {
            ClientAuth::Basic => "basic",
            ClientAuth::Form => "form",
        };
        lines.add("kind", format!("{} ({auth})", KIND.word));
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        lines.add("token_url", format!("{}{path}", self.endpoint));
        lines.add("client_id", REDACTED);
        lines.add("client_secret", REDACTED);
        if !self.scopes.is_empty() {
            lines.add("scopes", self.scopes.join(" "));
        }
        let early = show_duration(self.refresh_before_expiry);
        let timeout = show_duration(self.timeout);
        lines.add("refresh", format!("{early} before expiry, within {timeout}"));
    }
}

/// The region, unless a later layer says `token_url` instead.
fn region(table: &Table, given: OneOf) -> Option<Region> {
    if given != OneOf::Key(REGION.about.name) {
        return None;
    }
    let name = table.optional(&REGION)?;
    let region = regions::find(&name);
    if region.is_none() {
        table.refuse(&REGION, &regions::allowed(&name));
    }
    region
}

/// Where tokens come from: `token_url`, or the one of the `region`.
fn token_url(table: &Table, given: OneOf, region: Option<Region>) -> Option<(Endpoint, String)> {
    match given {
        OneOf::Key(name) if name == TOKEN_URL.about.name => {
            checked_url(table, &TOKEN_URL, &table.optional(&TOKEN_URL)?)
        }
        OneOf::Key(_) => checked_url(table, &REGION, &region?.token_url()),
        OneOf::Neither => {
            let allowed = "the URL of the token endpoint, or `region` with a region of Genesys \
                           Cloud such as \"mypurecloud.com\"";
            table.refuse(&TOKEN_URL, allowed);
            None
        }
        OneOf::Both => None,
    }
}

/// Where the API is: `api_url`, or that of the `region`.
fn api(table: &Table, region: Option<Region>) -> Option<Endpoint> {
    let url = table.optional(&API_URL).or_else(|| region.map(Region::api_url))?;
    let (endpoint, path) = checked_url(table, &API_URL, &url)?;
    if path != "/" && !path.is_empty() {
        table.refuse(&API_URL, "scheme, host and port only, such as \"https://api.example.com\"");
        return None;
    }
    Some(endpoint)
}

fn checked_url(table: &Table, key: &dyn AnyKey, url: &str) -> Option<(Endpoint, String)> {
    let template = UrlTemplate::try_new(url, &[]);
    if let Err(error) = &template {
        let allowed = format!("a URL such as \"https://host/oauth/token\" ({error})");
        table.refuse(key, &allowed);
    }
    let template = template.ok()?;
    let path_and_query = template.constant();
    if path_and_query.is_none() {
        table.refuse(key, "a URL without placeholders: no request may change it");
    }
    Some((template.endpoint().clone(), path_and_query?.to_owned()))
}

/// Not a secret, but personal enough to come from the environment mostly.
fn client_id(table: &Table) -> Option<String> {
    let variable = variable(&table.path_of(CLIENT_ID.about.name));
    let what = format!("the OAuth client's id, here or in the environment variable {variable}");
    table.required_as(&CLIENT_ID, &what)
}

/// Scopes of a token (RFC 6749 section 3.3): visible ASCII but for `"` and `\`.
fn scopes(table: &Table) -> Vec<String> {
    let scopes = table.value(&SCOPES);
    let good = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    if let Some(bad) = scopes.iter().find(|scope| scope.is_empty() || !scope.chars().all(good)) {
        let allowed = "a list of scopes such as [\"users:readonly\"], each without spaces";
        table.refuse_found(&SCOPES, &show_text(bad), allowed);
    }
    scopes
}
