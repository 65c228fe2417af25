//! One `[credentials.NAME]` table.

use std::time::Duration;

use crate::domain::ids::Id;
use crate::domain::secret::{ExposeSecret, SecretString};
use crate::domain::template::{Endpoint, HeaderTemplate, UrlTemplate};
use crate::policy::auth::spec::{
    ClientAuth, ClientCredentialsSpec, CredentialKind, CredentialSpec, StaticSecretSpec,
};

use super::layers::variable;
use super::regions::{self, Region};
use super::secrets::{SecretKeys, read_ca_file, read_secret};
use super::shown::show_text;
use super::table::{OneOf, Table};

const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);

/// The kinds as they are written in the configuration.
#[derive(Debug, Clone, Copy)]
enum Kind {
    ClientCredentials,
    Static,
}

/// Reads the table; what is wrong is in the report.
pub(super) fn read(table: &mut Table, id: Option<Id>) -> Option<CredentialSpec> {
    let kinds = [("client_credentials", Kind::ClientCredentials), ("static", Kind::Static)];
    let Some(kind) = table.choice("kind", &kinds) else {
        if !table.has("kind") {
            table.refuse("kind", "\"client_credentials\" or \"static\"");
        }
        // Which keys are right depends on the kind.
        table.give_up();
        return None;
    };
    let kind = match kind {
        Kind::ClientCredentials => client_credentials(table).map(CredentialKind::ClientCredentials),
        Kind::Static => static_secret(table).map(CredentialKind::Static),
    };
    Some(CredentialSpec { id: id?, kind: kind? })
}

fn client_credentials(table: &mut Table) -> Option<ClientCredentialsSpec> {
    let given = table.one_of(&["token_url", "region"]);
    let region = region(table, given);
    let url = token_url(table, given, region);
    let client_id = client_id(table);
    let keys = SecretKeys { value: "client_secret", file: "client_secret_file" };
    let client_secret = read_secret(table, keys);
    let client_auth =
        table.choice("client_auth", &[("basic", ClientAuth::Basic), ("form", ClientAuth::Form)]);
    let scopes = scopes(table);
    let early = table.duration("refresh_before_expiry", Duration::ZERO..=DAY, MINUTE);
    let timeout =
        table.duration("timeout", Duration::from_millis(1)..=MINUTE, Duration::from_secs(5));
    let extra_ca = read_ca_file(table);
    let api = api(table, region);
    let (endpoint, path_and_query) = url?;
    Some(ClientCredentialsSpec {
        endpoint,
        path_and_query,
        api,
        client_id: client_id?,
        client_secret: client_secret?,
        client_auth: client_auth.unwrap_or(ClientAuth::Basic),
        scopes,
        refresh_before_expiry: early,
        timeout,
        extra_ca,
    })
}

/// The region, unless a later layer says `token_url` instead.
fn region(table: &mut Table, given: OneOf) -> Option<Region> {
    if given != OneOf::Key("region") {
        return None;
    }
    let region = table.text("region").map(regions::find)?;
    if region.is_none() {
        table.refuse("region", &format!("one of {}", regions::known()));
    }
    region
}

/// Where tokens come from: `token_url`, or the one of the `region`.
fn token_url(
    table: &mut Table,
    given: OneOf,
    region: Option<Region>,
) -> Option<(Endpoint, String)> {
    match given {
        OneOf::Key("token_url") => {
            let url = table.text("token_url")?;
            checked_url(table, "token_url", url)
        }
        OneOf::Key(_) => checked_url(table, "region", &region?.token_url()),
        OneOf::Neither => {
            let allowed = "the URL of the token endpoint, or `region` with a region of Genesys \
                           Cloud such as \"mypurecloud.com\"";
            table.refuse("token_url", allowed);
            None
        }
        OneOf::Both => None,
    }
}

/// Where the API is: `api_url`, or that of the `region`.
fn api(table: &mut Table, region: Option<Region>) -> Option<Endpoint> {
    let given = table.text("api_url");
    let url = given.map(str::to_owned).or_else(|| region.map(Region::api_url))?;
    let (endpoint, path) = checked_url(table, "api_url", &url)?;
    if path != "/" && !path.is_empty() {
        table.refuse("api_url", "scheme, host and port only, such as \"https://api.example.com\"");
        return None;
    }
    Some(endpoint)
}

fn checked_url(table: &Table, key: &str, url: &str) -> Option<(Endpoint, String)> {
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
fn client_id(table: &mut Table) -> Option<String> {
    let variable = variable(&table.path_of("client_id"));
    let what = format!("the OAuth client's id, here or in the environment variable {variable}");
    table.required_text("client_id", &what).map(str::to_owned)
}

/// Scopes of a token (RFC 6749 section 3.3): visible ASCII but for `"` and `\`.
fn scopes(table: &mut Table) -> Vec<String> {
    let scopes = table.texts("scopes").unwrap_or_default();
    let good = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    if let Some(bad) = scopes.iter().find(|scope| scope.is_empty() || !scope.chars().all(good)) {
        let allowed = "a list of scopes such as [\"users:readonly\"], each without spaces";
        table.refuse_found("scopes", &show_text(bad), allowed);
    }
    scopes.into_iter().map(str::to_owned).collect()
}

fn static_secret(table: &mut Table) -> Option<StaticSecretSpec> {
    let keys = SecretKeys { value: "secret", file: "secret_file" };
    let secret = read_secret(table, keys);
    let header = table.text("header").unwrap_or("Authorization");
    let is_authorization = header.eq_ignore_ascii_case("authorization");
    let prefix = table.text("prefix").unwrap_or(if is_authorization { "Bearer " } else { "" });
    if let Err(error) = HeaderTemplate::try_new(header, "") {
        let allowed = format!("a header's name alone, such as \"X-API-Key\" ({error})");
        table.refuse("header", &allowed);
        return None;
    }
    let value = format!("{prefix}{}", secret?.expose_secret());
    let good = |c: char| c.is_ascii_graphic() || c == ' ';
    if value.trim() != value || !value.chars().all(good) {
        let found = "prefix and secret that no header can carry (not shown)";
        let allowed = "visible ASCII characters, without spaces at the ends";
        let key = match table.one_of(&[keys.value, keys.file]) {
            OneOf::Key(key) => key,
            OneOf::Neither | OneOf::Both => keys.value,
        };
        table.refuse_found(key, found, allowed);
        return None;
    }
    Some(StaticSecretSpec { header: header.to_owned(), value: SecretString::from(value) })
}
