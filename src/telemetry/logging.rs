//! The log: JSON lines for machines, plain lines in a terminal; levels by `RUST_LOG`.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log, on standard error; `levels` is for where `RUST_LOG` says nothing. A second
/// call changes nothing.
pub fn start(levels: &str) {
    let levels = EnvFilter::try_from_default_env().unwrap_or_else(|_| levels.into());
    let log = tracing_subscriber::fmt().with_env_filter(levels).with_writer(std::io::stderr);
    // Else a line that cannot be written (whoever read standard error has ended) is a panic in
    // whatever wanted to log it.
    let log = log.log_internal_errors(false);
    let started = if std::io::stderr().is_terminal() {
        log.with_target(false).finish().try_init()
    } else {
        log.json().flatten_event(true).finish().try_init()
    };
    // It fails if the process has a log already, which then stays.
    drop(started);
}
