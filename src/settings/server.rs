//! The `[server]` table: listeners, limits, and who may ask.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::domain::allowed_hosts::AllowedHosts;
use crate::domain::ids::Id;
use crate::domain::template::Endpoint;

use super::keys::{self, ApiKeySpec};
use super::server_tls::{self, ServerTls};
use crate::config::shown::show_text;
use crate::config::table::Table;

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
pub(super) const DEFAULT_ADMIN_LISTEN: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
const MIB: u32 = 1 << 20;
/// actix-server takes no more.
const MOST_WORKERS: u32 = 512;

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
pub(super) fn read(table: &mut Table) -> Option<ServerSpec> {
    let listen = address(table, "listen", DEFAULT_LISTEN);
    let admin_listen = address(table, "admin_listen", DEFAULT_ADMIN_LISTEN);
    let spec = ServerSpec {
        tls: server_tls::read(table, "tls"),
        admin_tls: server_tls::read(table, "admin_tls"),
        api_keys: keys::read(table, "api_keys"),
        admin_keys: keys::read(table, "admin_keys"),
        allowed_hosts: hosts(table, "allowed_hosts"),
        admin_hosts: hosts(table, "admin_hosts"),
        default_action: default_action(table),
        max_body: table.size("max_body", 1..=64 * MIB, 64 * 1024),
        body_timeout: table.duration("body_timeout", millis(1)..=minutes(10), seconds(5)),
        max_concurrent_requests: table.count("max_concurrent_requests", 1..=1_000_000, 1024),
        max_connections: table.count("max_connections", 1..=1_000_000, 10_000),
        workers: table.count("workers", 1..=MOST_WORKERS, available_cores()),
        shutdown_grace: table.duration("shutdown_grace", millis(0)..=minutes(60), seconds(25)),
        // Last, so that every other key has been read: one that is not read counts as unknown.
        listen: listen?,
        admin_listen: admin_listen?,
    };
    check_addresses(table, &spec);
    warn_of_admin(table, &spec);
    Some(spec)
}

/// Where the operators' port is, if that is said in a way that can be read.
pub(super) fn given_admin_address(table: &mut Table) -> Option<SocketAddr> {
    table.has("admin_listen").then(|| address(table, "admin_listen", DEFAULT_ADMIN_LISTEN))?
}

fn address(table: &mut Table, key: &'static str, default: SocketAddr) -> Option<SocketAddr> {
    let Some(text) = table.text(key) else {
        return (!table.has(key)).then_some(default);
    };
    let address = text.parse().ok();
    if address.is_none() {
        table.refuse(key, "an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"");
    }
    address
}

fn default_action(table: &mut Table) -> Option<Id> {
    let text = table.text("default_action")?;
    let id = Id::try_new(text).ok();
    if id.is_none() {
        table.refuse("default_action", super::ID_FORM);
    }
    id
}

fn hosts(table: &mut Table, key: &'static str) -> AllowedHosts {
    let mut names = Vec::new();
    for text in table.texts(key).unwrap_or_default() {
        match Endpoint::try_new(false, text) {
            Ok(name) if name.ip().is_none() && !text.contains(':') => names.push(name),
            Ok(_) | Err(_) => {
                let allowed = "names of hosts without a port, such as \"tributary.example.com\"; \
                               addresses and localhost are taken in any case";
                table.refuse_found(key, &show_text(text), allowed);
            }
        }
    }
    AllowedHosts::new(&names)
}

fn check_addresses(table: &Table, spec: &ServerSpec) {
    // A table with mistakes is not to be blamed for this as well; an empty list is no mistake.
    let by_key =
        !spec.api_keys.is_empty() || table.has("api_keys") && !table.is_empty_list("api_keys");
    let by_certificate = spec.tls.as_ref().map_or(table.has("tls"), |tls| tls.asks_for_certificate);
    if spec.is_public() && !by_key && !by_certificate {
        let found = format!("{}, which other machines can reach, without api_keys", spec.listen);
        let allowed = "a loopback address such as \"127.0.0.1:8080\", or any address together \
                       with [[server.api_keys]] (name, and key or key_file) or with \
                       client_ca_file in [server.tls]";
        table.refuse_found("listen", &found, allowed);
    }
    if spec.listen == spec.admin_listen && spec.listen.port() != 0 {
        let allowed = "another port than that of `listen`";
        table.refuse_found("admin_listen", &spec.admin_listen.to_string(), allowed);
    }
}

/// What is allowed on the operators' port, but most likely not meant.
fn warn_of_admin(table: &Table, spec: &ServerSpec) {
    if spec.admin_keys.iter().any(|key| spec.api_keys.iter().any(|known| known.key == key.key)) {
        let text = "a key that is in `api_keys` as well: whoever calls an action with it may also \
                    do what operators may; give operators a key of their own";
        table.warn("admin_keys", text);
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
        table.warn("admin_listen", &text);
    }
    if !spec.admin_keys.is_empty() && spec.admin_tls.is_none() {
        let text = format!(
            "other machines can reach {address}, and keys travel there in plain text; add \
             [server.admin_tls] (certificate_file and key_file)"
        );
        table.warn("admin_listen", &text);
    }
}

fn available_cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores).unwrap_or(1).min(MOST_WORKERS)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}
