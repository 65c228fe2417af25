//! The log: JSON lines for machines, plain lines in a terminal; levels by `RUST_LOG`.
//!
//! A thread of its own writes it, see `log_writer.rs`: whoever logs never waits for whoever reads.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::log_writer::{Lines, Writing};

/// How long the end of the process waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_millis(1200);

/// The log of the process; writes what is queued when it is dropped.
#[must_use = "without it the last lines are lost"]
pub struct Log {
    writing: Option<Writing>,
}

/// Starts the log, on standard error; `levels` is for where `RUST_LOG` says nothing. A second
/// call changes nothing.
pub fn start(levels: &str) -> Log {
    let levels = EnvFilter::try_from_default_env().unwrap_or_else(|_| levels.into());
    let lines = Lines::default();
    // Without a thread for it there is no log; the service is worth more.
    let writing = lines.written_to(io::stderr()).ok();
    let log = tracing_subscriber::fmt().with_env_filter(levels).with_writer(lines);
    // It would be a line about a line that cannot be written.
    let log = log.log_internal_errors(false);
    let started = if io::stderr().is_terminal() {
        log.with_target(false).finish().try_init()
    } else {
        log.with_ansi(false).json().flatten_event(true).finish().try_init()
    };
    // It fails if the process has a log already, which then stays.
    drop(started);
    Log { writing }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(writing) = &self.writing {
            writing.finish(LAST_LINES);
        }
    }
}
