//! What a source may use: time, connections, calls at a time, and how much of a reply.

use std::time::Duration;

use crate::config::form::Flag;
use crate::config::key::Key;
use crate::config::number_form::{Count, Size, Time};
use crate::config::table::Table;
use crate::config::units::show_duration;
use crate::domain::retry_after::LONGEST_WAIT;

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
const MIB: u32 = 1 << 20;

pub(super) static TIMEOUT: Key<Time> = Key::new(
    "timeout",
    Time(Duration::from_millis(2), HOUR),
    "One attempt, from connecting to the end of the reply.",
)
.default(Duration::from_secs(10));

pub(super) static CONNECT_TIMEOUT: Key<Time> = Key::new(
    "connect_timeout",
    Time(MILLISECOND, HOUR),
    "Resolving, connecting and the TLS handshake together; less than `timeout`.",
)
.derived("3s, or half of `timeout` if that is not more");

pub(super) static MAX_CONNECTIONS: Key<Count> =
    Key::new("max_connections", Count(1, 100_000), "Connections open at a time, over all workers.")
        .default(20);

pub(super) static MAX_IDLE_CONNECTIONS: Key<Count> = Key::new(
    "max_idle_connections",
    Count(0, 100_000),
    "Connections kept open without work, over all workers; at most `max_connections`.",
)
.derived("10, or `max_connections` if that is less");

pub(super) static PREWARM: Key<Flag> =
    Key::new("prewarm", Flag, "Connect at the start, once for each worker.").default(false);

pub(super) static MAX_IN_FLIGHT: Key<Count> = Key::new(
    "max_in_flight",
    Count(1, 1_000_000),
    "Calls under way at a time, over all workers; the next one is `overloaded` at once.",
)
.default(256);

pub(super) static MAX_RESPONSE: Key<Size> =
    Key::new("max_response", Size(1, 256 * MIB), "The largest reply that is read.")
        .default(2 * MIB);

pub(super) static MAX_DEPTH: Key<Count> =
    Key::new("max_depth", Count(1, 1000), "The deepest nesting of the reply's JSON.").default(50);

pub(super) static MAX_RETRY_AFTER: Key<Time> = Key::new(
    "max_retry_after",
    Time(MILLISECOND, LONGEST_WAIT),
    "The longest pause that the upstream can ask for, also by rate-limit headers.",
)
.default(Duration::from_mins(5));

/// `timeout` and `connect_timeout`: the second below the first, or the two could not be told apart.
pub(super) fn timeouts(table: &Table) -> (Duration, Duration) {
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
pub(super) fn connections(table: &Table) -> (usize, usize) {
    let most = table.value(&MAX_CONNECTIONS);
    let idle = table.value_or(&MAX_IDLE_CONNECTIONS, most.min(10));
    if idle > most {
        let allowed = format!("at most `max_connections`, which is {most}");
        table.refuse(&MAX_IDLE_CONNECTIONS, &allowed);
    }
    (most as usize, idle as usize)
}
