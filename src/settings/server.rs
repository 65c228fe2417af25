//! The `[server]` table: listeners, limits, and who may ask.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::config::key::Key;
use crate::config::list_form::Texts;
use crate::config::number_form::{Count, Size, Time};
use crate::config::section::Section;
use crate::config::shown::show_text;
use crate::config::table::Table;
use crate::model::allowed_hosts::AllowedHosts;
use crate::model::id::Id;
use crate::model::template::{Endpoint, Scheme};

use super::keys::{self, ADMIN_KEYS, API_KEYS, ApiKeySpec};
use super::server_tls::{self, ADMIN_TLS, ServerTls, TLS};
use crate::config::model_forms::{Address, Identifier};

pub(super) const DEFAULT_ADMIN_LISTEN: SocketAddr = loopback(9090);
const MIB: u32 = 1 << 20;
/// actix-server takes no more.
const MOST_WORKERS: u32 = 512;

/// `[server]`.
pub(super) static SERVER: Section = Section {
    sections: &[&TLS, &ADMIN_TLS, &API_KEYS, &ADMIN_KEYS],
    ..Section::new(
        "server",
        "The service itself: listeners, process-wide limits, and who may ask.",
        &[
            &LISTEN,
            &ADMIN_LISTEN,
            &DEFAULT_ACTION,
            &MAX_BODY,
            &BODY_TIMEOUT,
            &MAX_CONCURRENT_REQUESTS,
            &MAX_CONNECTIONS,
            &WORKERS,
            &SHUTDOWN_GRACE,
            &ALLOWED_HOSTS,
            &ADMIN_HOSTS,
        ],
    )
};

static LISTEN: Key<Address> = Key::new(
    "listen",
    Address,
    "Where actions are called; other machines may reach it only if there are `api_keys`, or `client_ca_file` in `tls`.",
)
.default(loopback(8080))
.at_restart();

static ADMIN_LISTEN: Key<Address> = Key::new(
    "admin_listen",
    Address,
    "For operators: health, state and the console; another address than loopback needs `admin_keys`.",
)
.default(DEFAULT_ADMIN_LISTEN)
.at_restart();

static DEFAULT_ACTION: Key<Identifier> =
    Key::new("default_action", Identifier, "For `POST /events` that name no action.");

static MAX_BODY: Key<Size> =
    Key::new("max_body", Size(1, 64 * MIB), "The largest request body.").default(64 * 1024);

static BODY_TIMEOUT: Key<Time> = Key::new(
    "body_timeout",
    Time(Duration::from_millis(1), Duration::from_mins(10)),
    "How long a caller may take to send a body.",
)
.default(Duration::from_secs(5));

static MAX_CONCURRENT_REQUESTS: Key<Count> = Key::new(
    "max_concurrent_requests",
    Count(1, 1_000_000),
    "Requests under way at a time, over all workers; further ones are turned away.",
)
.default(1024);

static MAX_CONNECTIONS: Key<Count> = Key::new(
    "max_connections",
    Count(1, 1_000_000),
    "Of callers, over all workers; for one more, the one that is idle longest is closed.",
)
.default(10_000)
.at_restart();

static WORKERS: Key<Count> = Key::new(
    "workers",
    Count(1, MOST_WORKERS),
    "Threads that each serve requests with a set of actors of their own.",
)
.derived("one for each core")
.at_restart();

static SHUTDOWN_GRACE: Key<Time> = Key::new(
    "shutdown_grace",
    Time(Duration::ZERO, Duration::from_hours(1)),
    "How long requests under way may take to end when the service is stopped.",
)
.default(Duration::from_secs(25))
.at_restart();

static ALLOWED_HOSTS: Key<Texts> = Key::new(
    "allowed_hosts",
    Texts,
    "Names besides addresses and localhost that `Host` may be, where callers need neither key nor certificate.",
)
.default(&[]);

static ADMIN_HOSTS: Key<Texts> = Key::new(
    "admin_hosts",
    Texts,
    "Names besides addresses and localhost that `Host` may be on `admin_listen`, in any case.",
)
.default(&[]);

/// Listeners and process-wide limits, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSpec {
    /// Where actions are served.
    pub listen: SocketAddr,
    /// Where health, metrics and the console are served.
    pub admin_listen: SocketAddr,
    /// How callers are spoken to; absent: in plain text.
    pub tls: Option<ServerTls>,
    /// How operators are spoken to; absent: in plain text.
    pub admin_tls: Option<ServerTls>,
    /// The keys that callers may use; empty: callers are not asked for one.
    pub api_keys: Vec<ApiKeySpec>,
    /// The keys that operators may use; empty: operators are not asked for one.
    pub admin_keys: Vec<ApiKeySpec>,
    /// The hosts for which callers may ask where they are asked for neither key nor certificate.
    pub allowed_hosts: AllowedHosts,
    /// The hosts for which operators may ask.
    pub admin_hosts: AllowedHosts,
    /// The action of an event that names none.
    pub default_action: Option<Id>,
    /// The largest request body, bytes.
    pub max_body: usize,
    /// How long a caller may take to send a request's body.
    pub body_timeout: Duration,
    /// Requests under way at a time, over all workers; further ones are turned away.
    pub max_concurrent_requests: usize,
    /// Inbound connections open at a time, over all workers.
    pub max_connections: usize,
    /// Threads that each serve requests with a set of actors of their own.
    pub workers: usize,
    /// How long requests under way may take to end when the process is told to stop.
    pub shutdown_grace: Duration,
}

impl ServerSpec {
    /// Whether `[server]` has tables of this name: certificates, or keys of callers or operators.
    pub fn has_table(name: &str) -> bool {
        SERVER.section(name).is_some()
    }

    /// Whether other machines can reach where actions are served.
    pub fn is_public(&self) -> bool {
        can_be_reached(self.listen)
    }

    /// Whether other machines can reach the operators' routes.
    pub fn is_admin_public(&self) -> bool {
        can_be_reached(self.admin_listen)
    }

    /// Whether callers have to show who they are, by a key or by a certificate.
    pub fn asks_callers(&self) -> bool {
        asks(&self.api_keys, self.tls.as_ref())
    }

    /// Whether operators have to.
    pub fn asks_operators(&self) -> bool {
        asks(&self.admin_keys, self.admin_tls.as_ref())
    }
}

fn asks(keys: &[ApiKeySpec], tls: Option<&ServerTls>) -> bool {
    !keys.is_empty() || tls.is_some_and(|tls| tls.asks_for_certificate)
}

/// Whether other machines can reach what listens there.
fn can_be_reached(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Reads the table; what is wrong is in the report.
pub(super) fn read(table: &Table) -> ServerSpec {
    let spec = ServerSpec {
        listen: table.value(&LISTEN),
        admin_listen: table.value(&ADMIN_LISTEN),
        tls: server_tls::read(table, &TLS),
        admin_tls: server_tls::read(table, &ADMIN_TLS),
        api_keys: keys::read(table, &API_KEYS),
        admin_keys: keys::read(table, &ADMIN_KEYS),
        allowed_hosts: hosts(table, &ALLOWED_HOSTS),
        admin_hosts: hosts(table, &ADMIN_HOSTS),
        default_action: table.optional(&DEFAULT_ACTION),
        max_body: table.value(&MAX_BODY),
        body_timeout: table.value(&BODY_TIMEOUT),
        max_concurrent_requests: table.value(&MAX_CONCURRENT_REQUESTS) as usize,
        max_connections: table.value(&MAX_CONNECTIONS) as usize,
        workers: table.value_or(&WORKERS, available_cores()) as usize,
        shutdown_grace: table.value(&SHUTDOWN_GRACE),
    };
    if table.is_good(&LISTEN) && table.is_good(&ADMIN_LISTEN) {
        check_addresses(table, &spec);
        warn_of_admin(table, &spec);
    }
    spec
}

/// Where the operators' port is, if that is said in a way that can be read.
pub(super) fn given_admin_address(table: &Table) -> Option<SocketAddr> {
    table.optional(&ADMIN_LISTEN)
}

fn hosts(table: &Table, key: &'static Key<Texts>) -> AllowedHosts {
    let mut names = Vec::new();
    for text in table.value(key) {
        match Endpoint::try_new(Scheme::Http, &text) {
            Ok(name) if name.ip().is_none() && !text.contains(':') => names.push(name),
            Ok(_) | Err(_) => {
                let allowed = "names of hosts without a port, such as \"tributary.example.com\"; \
                               addresses and localhost are taken in any case";
                table.refuse_found(key, &show_text(&text), allowed);
            }
        }
    }
    AllowedHosts::new(&names)
}

fn check_addresses(table: &Table, spec: &ServerSpec) {
    // A table with mistakes is not to be blamed for this as well; an empty list is no mistake.
    let by_key = !spec.api_keys.is_empty()
        || table.has_section(&API_KEYS) && !table.has_no_tables(&API_KEYS);
    let by_certificate =
        spec.tls.as_ref().map_or(table.has_section(&TLS), |tls| tls.asks_for_certificate);
    if spec.is_public() && !by_key && !by_certificate {
        let found = format!("{}, which other machines can reach, without api_keys", spec.listen);
        let allowed = "a loopback address such as \"127.0.0.1:8080\", or any address together \
                       with [[server.api_keys]] (name, and key or key_file) or with \
                       client_ca_file in [server.tls]";
        table.refuse_found(&LISTEN, &found, allowed);
    }
    if spec.listen == spec.admin_listen && spec.listen.port() != 0 {
        let allowed = "another port than that of `listen`";
        table.refuse_found(&ADMIN_LISTEN, &spec.admin_listen.to_string(), allowed);
    }
}

/// What is allowed on the operators' port, but most likely not meant.
fn warn_of_admin(table: &Table, spec: &ServerSpec) {
    if spec.admin_keys.iter().any(|key| spec.api_keys.iter().any(|known| known.key == key.key)) {
        let text = "a key that is in `api_keys` as well: whoever calls an action with it may also \
                    do what operators may; give operators a key of their own";
        table.warn_section(&ADMIN_KEYS, text);
    }
    if !spec.is_admin_public() {
        return;
    }
    let address = spec.admin_listen;
    if !spec.asks_operators() {
        let text = format!(
            "other machines can reach {address}, and operators are asked for no key: everything \
             but /livez, /readyz, /metrics and the console's page answers 403; add \
             [[server.admin_keys]] (name, and key or key_file)"
        );
        table.warn(&ADMIN_LISTEN, &text);
    }
    if !spec.admin_keys.is_empty() && spec.admin_tls.is_none() {
        let text = format!(
            "other machines can reach {address}, and keys travel there in plain text; add \
             [server.admin_tls] (certificate_file and key_file)"
        );
        table.warn(&ADMIN_LISTEN, &text);
    }
}

fn available_cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores).unwrap_or(1).min(MOST_WORKERS)
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
