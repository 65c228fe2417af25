//! How a source's upstream is connected to and for how long it may be busy, as it was configured.

use std::time::Duration;

use crate::config::form::{FileName, Flag};
use crate::config::key::{AnyKey, Key};
use crate::config::number_form::{Count, Time};
use crate::config::plan_lines::PlanLines;
use crate::config::secrets::read_ca_file;
use crate::config::table::Table;
use crate::config::units::show_duration;

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);

/// One exchange with the upstream, and the connections for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeSpec {
    /// One attempt, connect and body included.
    pub timeout: Duration,
    /// Resolving, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// Certificates (PEM) trusted besides the platform's.
    pub extra_ca: Option<Vec<u8>>,
    /// Connections open at a time, over all workers.
    pub max_connections: usize,
    /// Connections kept open without work, over all workers.
    pub max_idle_connections: usize,
    /// Whether each worker connects before the first request.
    pub prewarm: bool,
}

/// Its keys in the source's table.
pub(crate) const KEYS: &[&dyn AnyKey] =
    &[&TIMEOUT, &CONNECT_TIMEOUT, &CA_FILE, &MAX_CONNECTIONS, &MAX_IDLE_CONNECTIONS, &PREWARM];

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

static CA_FILE: Key<FileName> =
    Key::file("ca_file", "Certificates (PEM) that are trusted besides the platform's.");

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

impl ExchangeSpec {
    /// Reads its keys in a source's table; what is wrong is in the report.
    pub(crate) fn read(source: &Table) -> Self {
        let (timeout, connect_timeout) = timeouts(source);
        let (max_connections, max_idle_connections) = connections(source);
        Self {
            timeout,
            connect_timeout,
            extra_ca: read_ca_file(source, &CA_FILE),
            max_connections,
            max_idle_connections,
            prewarm: source.value(&PREWARM),
        }
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self, lines: &mut PlanLines) {
        let (attempt, connect) = (show_duration(self.timeout), show_duration(self.connect_timeout));
        lines.add("timeout", format!("{attempt} an attempt, {connect} to connect"));
        let (most, idle) = (self.max_connections, self.max_idle_connections);
        lines.join("limits", format!("{most} connections ({idle} idle)"));
        if self.prewarm {
            lines.add("prewarm", "a connection for each worker, before the first request");
        }
    }
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
