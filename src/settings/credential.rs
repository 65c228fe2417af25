//! One `[credentials.NAME]` table.

use std::time::Duration;

use crate::model::id::Id;
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::template::{Endpoint, HeaderTemplate, UrlTemplate};
use crate::policy::auth::credential_spec::{
    ClientAuth, ClientCredentialsSpec, CredentialKind, CredentialSpec, StaticSecretSpec,
};

use crate::config::form::{FileName, Text, Word};
use crate::config::key::{AnyKey, Key};
use crate::config::layers::variable;
use crate::config::list_form::Texts;
use crate::config::number_form::Time;
use crate::config::secrets::{SecretKeys, read_ca_file, read_secret};
use crate::config::section::{Kind as SectionKind, Section, Shape};
use crate::config::shown::{Shown, show_text};
use crate::config::table::{OneOf, Table};
use crate::model::regions::{self, Region};

const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);

/// `[credentials.NAME]`.
pub(super) static CREDENTIAL: Section = Section {
    shape: Shape::Named("NAME"),
    kinds: &[
        SectionKind {
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
        },
        SectionKind {
            word: "static",
            help: "A fixed secret in one header.",
            keys: &[&SECRET, &SECRET_FILE, &HEADER, &PREFIX],
        },
    ],
    ..Section::new("credentials", "How the service proves who it is to an upstream.", &[&KIND])
};

static KIND: Key<Word<Kind>> = Key::new(
    "kind",
    Word(&[("client_credentials", Kind::ClientCredentials), ("static", Kind::Static)]),
    "What kind of credential it is.",
)
.required("\"client_credentials\" or \"static\"");

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

/// The kinds as they are written in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ClientCredentials,
    Static,
}

/// Reads the table; what is wrong is in the report.
pub(super) fn read(table: &mut Table, id: Option<Id>) -> Option<CredentialSpec> {
    let kind = match table.choose(&KIND)? {
        Kind::ClientCredentials => client_credentials(table).map(CredentialKind::ClientCredentials),
        Kind::Static => static_secret(table).map(CredentialKind::Static),
    };
    Some(CredentialSpec { id: id?, kind: kind? })
}

fn client_credentials(table: &Table) -> Option<ClientCredentialsSpec> {
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
    Some(ClientCredentialsSpec {
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

/// The region, unless a later layer says `token_url` instead.
fn region(table: &Table, given: OneOf) -> Option<Region> {
    if given != OneOf::Key(REGION.about.name) {
        return None;
    }
    let region = regions::find(&table.optional(&REGION)?);
    if region.is_none() {
        table.refuse(&REGION, &format!("one of {}", regions::known()));
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

fn static_secret(table: &Table) -> Option<StaticSecretSpec> {
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
    let good = |c: char| c.is_ascii_graphic() || c == ' ';
    if value.trim() != value || !value.chars().all(good) {
        let found = "prefix and secret that no header can carry (not shown)";
        let allowed = "visible ASCII characters, without spaces at the ends";
        let is_file = table.one_of(&[keys.value, keys.file]) == OneOf::Key(keys.file.about.name);
        let key: &dyn AnyKey = if is_file { keys.file } else { keys.value };
        table.refuse_found(key, found, allowed);
        return None;
    }
    Some(StaticSecretSpec { header, value: SecretString::from(value) })
}
