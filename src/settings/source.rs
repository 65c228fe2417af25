//! One `[sources.NAME]` table: its limits, and what stands in for an answer. The request itself is in
//! `source_request.rs` and `source_url.rs`.

use std::time::Duration;

use crate::config::form::{FileName, Flag, Word};
use crate::config::key::Key;
use crate::config::list_form::{AnyValue, Numbers};
use crate::config::number_form::{Count, Size, Time};
use crate::config::secrets::read_ca_file;
use crate::config::section::{Section, Shape};
use crate::config::table::Table;
use crate::config::units::show_duration;
use crate::model::header::retry_after::LONGEST_WAIT;
use crate::model::id::Id;
use crate::model::json::Json;
use crate::policy::auth::credential_spec::CredentialSpec;
use crate::policy::empty_body::EmptyBody;
use crate::policy::source_spec::{SourceSpec, Tenancy};

use super::paging::{self, PAGING};
use super::source_breaker::{self, BREAKER};
use super::source_rate_limit::{self, RATE_LIMIT};
use super::source_request::{self, CREDENTIAL, HEADERS, IDEMPOTENT, JSON, METHOD};
use super::source_retry::{self, RETRY};
use super::source_url::{self, Host, QUERY, REGION, SECRET_URL, SECRET_URL_FILE, Target, URL};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
const MIB: u32 = 1 << 20;

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

static TIMEOUT: Key<Time> = Key::new(
    "timeout",
    Time(Duration::from_millis(2), HOUR),
    "One attempt, from connecting to the end of the reply.",
)
.default(Duration::from_secs(10));

static CONNECT_TIMEOUT: Key<Time> = Key::new(
    "connect_timeout",
    Time(MILLISECOND, HOUR),
    "Resolving, connecting and the TLS handshake together; less than `timeout`.",
)
.derived("3s, or half of `timeout` if that is not more");

static MAX_CONNECTIONS: Key<Count> =
    Key::new("max_connections", Count(1, 100_000), "Connections open at a time, over all workers.")
        .default(20);

static MAX_IDLE_CONNECTIONS: Key<Count> = Key::new(
    "max_idle_connections",
    Count(0, 100_000),
    "Connections kept open without work, over all workers; at most `max_connections`.",
)
.derived("10, or `max_connections` if that is less");

static PREWARM: Key<Flag> =
    Key::new("prewarm", Flag, "Connect at the start, once for each worker.").default(false);

static MAX_IN_FLIGHT: Key<Count> = Key::new(
    "max_in_flight",
    Count(1, 1_000_000),
    "Calls under way at a time, over all workers; the next one is `overloaded` at once.",
)
.default(256);

static MAX_RESPONSE: Key<Size> =
    Key::new("max_response", Size(1, 256 * MIB), "The largest reply that is read.")
        .default(2 * MIB);

static MAX_DEPTH: Key<Count> =
    Key::new("max_depth", Count(1, 1000), "The deepest nesting of the reply's JSON.").default(50);

static MAX_RETRY_AFTER: Key<Time> = Key::new(
    "max_retry_after",
    Time(MILLISECOND, LONGEST_WAIT),
    "The longest pause that the upstream can ask for, also by rate-limit headers.",
)
.default(Duration::from_mins(5));

/// Reads the table; what is wrong is in the report.
pub(super) fn read(
    table: &Table,
    id: Option<Id>,
    credentials: &[CredentialSpec],
) -> Option<SourceSpec> {
    let method = source_request::method(table);
    let repeatable = table.value_or(&IDEMPOTENT, method.is_idempotent());
    let query = source_url::query(table);
    let source_request::Chosen { credential, tenant, by_tenant } =
        source_request::credential(table);
    let api = credentials.iter().find(|known| Some(&known.id) == credential.as_ref());
    let host = Host { api: api.and_then(CredentialSpec::api), by_tenant };
    let url = source_url::read(table, &query, host);
    let headers = source_request::headers(table);
    let body = source_request::body(table, method);
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

/// `timeout` and `connect_timeout`: the second below the first, or the two could not be told apart.
fn timeouts(table: &Table) -> (Duration, Duration) {
    let timeout = table.value(&TIMEOUT);
    let three = Duration::from_secs(3);
    let default = if timeout > three { three } else { timeout / 2 };
    let connect = table.value_or(&CONNECT_TIMEOUT, default);
    if connect >= timeout {
        let shown = show_duration(timeout);
        table.refuse(&CONNECT_TIMEOUT, &format!("less than `timeout`, which is {shown}"));
    }
    (timeout, connect)
}

/// `max_connections` and `max_idle_connections`.
fn connections(table: &Table) -> (usize, usize) {
    let most = table.value(&MAX_CONNECTIONS);
    let idle = table.value_or(&MAX_IDLE_CONNECTIONS, most.min(10));
    if idle > most {
        let allowed = format!("at most `max_connections`, which is {most}");
        table.refuse(&MAX_IDLE_CONNECTIONS, &allowed);
    }
    (most as usize, idle as usize)
}
