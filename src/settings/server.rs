//! The `[server]` table: listeners, limits and the keys of callers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::domain::ids::Id;
use crate::domain::secret::SecretString;

use super::secrets::{SecretKeys, read_secret};
use super::server_tls::{self, ServerTls};
use super::table::Table;

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
pub(super) const DEFAULT_ADMIN_LISTEN: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
const MIB: u32 = 1 << 20;
/// actix-server takes no more.
const MOST_WORKERS: u32 = 512;

/// Listeners and process-wide limits, checked.
#[derive(Debug, Clone)]
pub struct ServerSpec {
    /// Where actions are served.
    pub listen: SocketAddr,
    /// Where health, metrics and the console are served.
    pub admin_listen: SocketAddr,
    /// How callers are spoken to; absent: in plain text.
    pub tls: Option<ServerTls>,
    /// The keys that callers may use; empty: callers are not asked for one.
    pub api_keys: Vec<ApiKeySpec>,
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

/// One key that callers may use.
#[derive(Debug, Clone)]
pub struct ApiKeySpec {
    /// Whose key it is; for logs.
    pub name: String,
    /// The key itself.
    pub key: SecretString,
}

/// Reads the table; what is wrong is in the report.
pub(super) fn read(table: &mut Table) -> Option<ServerSpec> {
    let listen = address(table, "listen", DEFAULT_LISTEN);
    let admin_listen = address(table, "admin_listen", DEFAULT_ADMIN_LISTEN);
    let tls = server_tls::read(table);
    let spec = ServerSpec {
        tls,
        api_keys: api_keys(table),
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

fn api_keys(table: &mut Table) -> Vec<ApiKeySpec> {
    let mut keys: Vec<ApiKeySpec> = Vec::new();
    for mut entry in table.listed_tables("api_keys") {
        let name = entry.required_text("name", "a name for logs, such as \"genesys-prod\"");
        let key = read_secret(&mut entry, SecretKeys { value: "key", file: "key_file" });
        if let (Some(name), Some(key)) = (name, key) {
            if keys.iter().any(|known| known.name == name) {
                entry.refuse("name", "a name that no other key has");
            } else if keys.iter().any(|known| known.key == key) {
                // The name in the log would say nothing.
                let found = "the same key under two names (not shown)";
                entry.refuse_found("name", found, "a key of its own for each name");
            }
            keys.push(ApiKeySpec { name: name.to_owned(), key });
        }
        entry.finish();
    }
    keys
}

fn check_addresses(table: &Table, spec: &ServerSpec) {
    let open = !spec.listen.ip().to_canonical().is_loopback();
    // A table with mistakes is not to be blamed for this as well.
    let by_certificate = spec.tls.as_ref().map_or(table.has("tls"), |tls| tls.asks_for_certificate);
    let asks_who = table.has("api_keys") || by_certificate;
    if open && spec.api_keys.is_empty() && !asks_who {
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
