//! One `[sources.NAME]` table.

use crate::config::form::{FileName, Flag, Text, Word};
use crate::config::key::Key;
use crate::config::list_form::{AnyValue, Entries, Numbers};
use crate::config::secrets::read_ca_file;
use crate::config::section::{Section, Shape};
use crate::config::shown::Shown;
use crate::config::table::Table;
use crate::config::value::scalar_text;
use crate::domain::credential::CredentialSpec;
use crate::domain::ids::{Id, InputName};
use crate::domain::json::Json;
use crate::domain::source::{EmptyBody, Method, SourceSpec, Tenancy};
use crate::domain::template::{HeaderTemplate, JsonTemplate};

use super::forms::ID_FORM;
use super::paging::{self, PAGING};
use super::source_breaker::{self, BREAKER};
use super::source_limits::{
    CONNECT_TIMEOUT, MAX_CONNECTIONS, MAX_DEPTH, MAX_IDLE_CONNECTIONS, MAX_IN_FLIGHT, MAX_RESPONSE,
    MAX_RETRY_AFTER, PREWARM, TIMEOUT, connections, timeouts,
};
use super::source_rate_limit::{self, RATE_LIMIT};
use super::source_retry::{self, RETRY};
use super::source_url::{self, Host, QUERY, REGION, SECRET_URL, SECRET_URL_FILE, Target, URL};

/// `[sources.NAME]`.
pub(super) static SOURCE: Section = Section {
    shape: Shape::Named("NAME"),
    sections: &[&RETRY, &BREAKER, &RATE_LIMIT, &PAGING],
    ..Section::new(
        "sources",
        "One upstream call each. `{name}` stands for an input of the action, `{source.name}` for a \
         value of another source's answer; in the path and query of a URL, in headers and in \
         `json`.",
        &[
            &METHOD,
            &URL,
            &SECRET_URL,
            &SECRET_URL_FILE,
            &REGION,
            &QUERY,
            &HEADERS,
            &JSON,
            &CREDENTIAL,
            &CA_FILE,
            &IDEMPOTENT,
            &TIMEOUT,
            &CONNECT_TIMEOUT,
            &MAX_CONNECTIONS,
            &MAX_IDLE_CONNECTIONS,
            &PREWARM,
            &MAX_IN_FLIGHT,
            &MAX_RESPONSE,
            &MAX_DEPTH,
            &MAX_RETRY_AFTER,
            &EMPTY_BODY,
            &EMPTY_STATUSES,
            &EMPTY_DATA,
            &FALLBACK,
        ],
    )
};

static METHOD: Key<Word<Method>> =
    Key::new("method", Word(METHODS), "The method of the request.").default(Method::Get);

const METHODS: &[(&str, Method)] = &[
    (Method::Get.as_str(), Method::Get),
    (Method::Post.as_str(), Method::Post),
    (Method::Put.as_str(), Method::Put),
    (Method::Patch.as_str(), Method::Patch),
    (Method::Delete.as_str(), Method::Delete),
];

static IDEMPOTENT: Key<Flag> = Key::new(
    "idempotent",
    Flag,
    "Whether the request may be sent again after it may have been processed, as a query by POST may.",
)
.derived("true for GET, PUT and DELETE, else false");

static HEADERS: Key<Entries> =
    Key::new("headers", Entries, "Headers of the request, each with a template.")
        .shown(Shown::Hidden);

static JSON: Key<AnyValue> = Key::new(
    "json",
    AnyValue,
    "The JSON body, whose texts are templates; with POST, PUT and PATCH only.",
)
.shown(Shown::Hidden);

static CREDENTIAL: Key<Text> = Key::new(
    "credential",
    Text,
    "The credential whose header goes with the request, or in braces the input that chooses one, such as \"{tenant}\".",
)
.shown(Shown::Name);

static CA_FILE: Key<FileName> =
    Key::file("ca_file", "Certificates (PEM) that are trusted besides the platform's.");

static EMPTY_BODY: Key<Word<EmptyBody>> = Key::new(
    "empty_body",
    Word(&[
        (EmptyBody::Null.as_str(), EmptyBody::Null),
        (EmptyBody::BadPayload.as_str(), EmptyBody::BadPayload),
    ]),
    "What an empty 200 is; an empty 201, 202, 204 or 205 is null in any case.",
)
.default(EmptyBody::BadPayload);

static EMPTY_STATUSES: Key<Numbers> = Key::new(
    "empty_statuses",
    Numbers(400, 499),
    "Statuses that are a definite \"there is none\", not a failure.",
)
.default(&[404]);

static EMPTY_DATA: Key<AnyValue> =
    Key::new("empty_data", AnyValue, "What a status of `empty_statuses` puts under `data`.")
        .derived("that of `fallback`");

static FALLBACK: Key<AnyValue> =
    Key::new("fallback", AnyValue, "What a failure puts under `data`; absent: null.");

/// Reads the table; what is wrong is in the report.
pub(super) fn read(
    table: &Table,
    id: Option<Id>,
    credentials: &[CredentialSpec],
) -> Option<SourceSpec> {
    let method = method(table);
    let repeatable = table.value_or(&IDEMPOTENT, method.is_idempotent());
    let query = source_url::query(table);
    let Chosen { credential, tenant, by_tenant } = credential(table);
    let api = credentials.iter().find(|known| Some(&known.id) == credential.as_ref());
    let host = Host { api: api.and_then(CredentialSpec::api), by_tenant };
    let url = source_url::read(table, &query, host);
    let headers = headers(table);
    let body = body(table, method);
    let (timeout, connect_timeout) = timeouts(table);
    let (max_connections, max_idle_connections) = connections(table);
    let fallback = table.optional(&FALLBACK).map_or(Json::null(), |value| Json::from_value(&value));
    let empty_data = table.optional(&EMPTY_DATA).map(|value| Json::from_value(&value));
    let retry = source_retry::read(table);
    let max_retry_after = table.value(&MAX_RETRY_AFTER);
    let paging = paging::read(table, body.as_ref(), &query);
    let extra_ca = read_ca_file(table, &CA_FILE);
    let rate_limit = source_rate_limit::read(table);
    let breaker = source_breaker::read(table);
    let prewarm = table.value(&PREWARM);
    let max_in_flight = table.value(&MAX_IN_FLIGHT) as usize;
    let max_response = table.value(&MAX_RESPONSE);
    let max_depth = table.value(&MAX_DEPTH) as usize;
    let empty_body = table.value(&EMPTY_BODY);
    let empty_statuses = table.value(&EMPTY_STATUSES);
    let Target { template: url, shown: shown_url, host_by_credential } = url?;
    let (retry, retry_budget) = retry?;
    Some(SourceSpec {
        id: id?,
        method,
        repeatable,
        url,
        shown_url,
        headers,
        json: body.map(|body| body.template),
        credential,
        tenancy: tenant.map(|input| Tenancy { input, host_by_credential }),
        extra_ca,
        timeout,
        connect_timeout,
        max_connections,
        max_idle_connections,
        prewarm,
        max_in_flight,
        max_response,
        max_depth,
        empty_body,
        empty_statuses,
        empty_data: empty_data.unwrap_or_else(|| fallback.clone()),
        fallback,
        retry,
        max_retry_after,
        retry_budget,
        rate_limit,
        breaker,
        paging,
    })
}

/// A JSON body: as it was configured and as a template.
pub(super) struct Body {
    /// As it was configured.
    pub(super) value: serde_json::Value,
    /// Ready to be rendered.
    pub(super) template: JsonTemplate,
}

/// A refused one counts as POST: with GET, its body would be refused too.
fn method(table: &Table) -> Method {
    if table.is_good(&METHOD) {
        table.value(&METHOD)
    } else {
        table.value_or(&METHOD, Method::Post)
    }
}

fn headers(table: &Table) -> Vec<HeaderTemplate> {
    let Some(table) = table.free(&HEADERS) else {
        return Vec::new();
    };
    let mut headers: Vec<HeaderTemplate> = Vec::new();
    for (name, value) in table.entries() {
        let Some(text) = scalar_text(value) else {
            table.refuse_entry(name, Shown::Hidden, "a text in quotes");
            continue;
        };
        match HeaderTemplate::try_new(name, &text) {
            Ok(header) if headers.iter().any(|known| known.name() == header.name()) => {
                let found = "a header that is there already";
                table.refuse_entry_found(name, found, "each header once");
            }
            Ok(header) => headers.push(header),
            Err(error) => {
                let allowed = format!("a header that can be sent ({error})");
                table.refuse_entry(name, Shown::Hidden, &allowed);
            }
        }
    }
    headers
}

fn body(table: &Table, method: Method) -> Option<Body> {
    let value = table.optional(&JSON)?;
    let takes_body = match method {
        Method::Post | Method::Put | Method::Patch => true,
        Method::Get | Method::Delete => false,
    };
    if !takes_body {
        let found = format!("a body for a {} request", method.as_str());
        table.refuse_found(&JSON, &found, "a body with method POST, PUT or PATCH only");
        return None;
    }
    match JsonTemplate::try_new(&value) {
        Ok(template) => Some(Body { value, template }),
        Err(error) => {
            table.refuse(&JSON, &format!("JSON with good templates ({error})"));
            None
        }
    }
}

/// How a source proves who it is.
struct Chosen {
    /// By this credential.
    credential: Option<Id>,
    /// By the one that the value of this input stands for.
    tenant: Option<InputName>,
    /// Whether an input is to choose, also one that was refused: its URL is not to be blamed as well.
    by_tenant: bool,
}

/// The credential, or the input that chooses it: `"{tenant}"`.
fn credential(table: &Table) -> Chosen {
    let text = table.optional(&CREDENTIAL).unwrap_or_default();
    let mut chosen = Chosen { credential: None, tenant: None, by_tenant: text.starts_with('{') };
    if !table.has(&CREDENTIAL) || !table.is_good(&CREDENTIAL) {
        return chosen;
    }
    if let Some(input) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        chosen.tenant = InputName::try_new(input).ok();
        if chosen.tenant.is_none() {
            table.refuse(&CREDENTIAL, "the name of an input in braces, such as \"{tenant}\"");
        }
        return chosen;
    }
    chosen.credential = Id::try_new(&text).ok();
    if chosen.credential.is_none() {
        table.refuse(&CREDENTIAL, ID_FORM);
    }
    chosen
}
