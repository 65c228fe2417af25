//! How a source proves who it is to its upstream, as it was configured. Each kind of credential is a
//! file beside.

pub mod client_credentials_spec;
mod static_secret;

use crate::config::form::Word;
use crate::config::key::Key;
use crate::config::plan_lines::PlanLines;
use crate::config::section::{Section, Shape};
use crate::config::table::Table;
use crate::model::id::Id;
use crate::model::template::Endpoint;
use crate::policy::auth::fixed_header::FixedHeader;

use client_credentials_spec::ClientCredentialsSpec;
use static_secret::StaticSecretSpec;

/// A configured credential, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialSpec {
    /// The name that sources refer to.
    pub id: Id,
    /// What kind of credential it is.
    pub kind: CredentialKind,
}

/// The kinds of credential.
#[derive(Debug, Clone, PartialEq)]
pub enum CredentialKind {
    /// OAuth 2.0 client credentials (RFC 6749 section 4.4).
    ClientCredentials(ClientCredentialsSpec),
    /// A fixed secret that goes into one header of every call.
    Static(StaticSecretSpec),
}

/// What a request has to have, whatever kind the credential is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Proof<'a> {
    /// The same header each time.
    Header(&'a FixedHeader),
    /// A bearer token, which is renewed.
    Token(&'a ClientCredentialsSpec),
}

/// `[credentials.NAME]`.
pub(crate) static CREDENTIAL: Section = Section {
    shape: Shape::Named("NAME"),
    instead: &INSTEAD,
    kinds: &[client_credentials_spec::KIND, static_secret::KIND],
    ..Section::new("credentials", "How the service proves who it is to an upstream.", &[&KIND])
};

/// What other services call what is called otherwise here, or is not here.
const INSTEAD: [(&str, &str); 9] = [
    ("audience", "nothing of the kind: only what RFC 6749 has is sent to the token endpoint"),
    ("resource", "nothing of the kind: only what RFC 6749 has is sent to the token endpoint"),
    ("scope", "`scopes`, a list"),
    ("url", "`token_url` for where tokens come from, `api_url` for the API"),
    (
        "username",
        "kind \"static\" with prefix = \"Basic \" and user and password in base64 as the secret",
    ),
    (
        "password",
        "kind \"static\" with prefix = \"Basic \" and user and password in base64 as the secret",
    ),
    ("token", "kind \"static\" with the token as `secret`"),
    ("api_key", "kind \"static\" with the key as `secret`, and its `header`"),
    ("grant_type", "`kind`: \"client_credentials\" is the only grant"),
];

static KIND: Key<Word<Kind>> = Key::new(
    "kind",
    Word(&[
        (client_credentials_spec::KIND.word, Kind::ClientCredentials),
        (static_secret::KIND.word, Kind::Static),
    ]),
    "What kind of credential it is.",
)
.required("");

/// The kinds as they are written in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ClientCredentials,
    Static,
}

impl CredentialKind {
    /// Reads the table; what is wrong is in the report.
    fn read(table: &mut Table) -> Option<Self> {
        Some(match table.choose(&KIND)? {
            Kind::ClientCredentials => Self::ClientCredentials(ClientCredentialsSpec::read(table)?),
            Kind::Static => Self::Static(StaticSecretSpec::read(table)?),
        })
    }

    /// What it amounts to, for `tributary check`.
    fn plan(&self, lines: &mut PlanLines) {
        match self {
            Self::ClientCredentials(client) => client.plan(lines),
            Self::Static(secret) => secret.plan(lines),
        }
    }

    /// What a request has to have.
    fn proof(&self) -> Proof<'_> {
        match self {
            Self::ClientCredentials(client) => Proof::Token(client),
            Self::Static(secret) => Proof::Header(&secret.header),
        }
    }
}

impl CredentialSpec {
    /// Reads the table; what is wrong is in the report.
    pub(crate) fn read(table: &mut Table, id: Option<Id>) -> Option<Self> {
        let kind = CredentialKind::read(table);
        Some(Self { id: id?, kind: kind? })
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self) -> PlanLines {
        let mut lines = PlanLines::default();
        self.kind.plan(&mut lines);
        lines
    }

    /// What a request has to have.
    pub fn proof(&self) -> Proof<'_> {
        self.kind.proof()
    }

    /// Where the API is that the credential is for, if the configuration says so.
    pub fn api(&self) -> Option<&Endpoint> {
        match self.proof() {
            Proof::Token(client) => client.api.as_ref(),
            Proof::Header(_) => None,
        }
    }

    /// The header that it sets, in the spelling of the configuration.
    pub fn header(&self) -> &str {
        match self.proof() {
            Proof::Token(_) => "Authorization",
            Proof::Header(header) => &header.name,
        }
    }
}
