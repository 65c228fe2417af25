//! The log: JSON lines for machines, plain lines in a terminal; levels by `RUST_LOG`.
//!
//! A thread of its own writes it. Whoever logs never waits for whoever reads: lines that find the
//! queue full are lost.

use std::io::{self, BufWriter, IsTerminal as _, Stderr, Write};
use std::sync::mpsc;
use std::time::Duration;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Lines that wait to be written, some 4 MB at most.
const QUEUED_LINES: usize = 8192;
/// How long the end of the process waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_millis(1200);

/// The log of the process; writes what is queued when it is dropped.
#[must_use = "without it the last lines are lost"]
pub struct Log {
    worker: Option<WorkerGuard>,
}

/// Starts the log, on standard error; `levels` is for where `RUST_LOG` says nothing. A second
/// call changes nothing.
pub fn start(levels: &str) -> Log {
    let levels = EnvFilter::try_from_default_env().unwrap_or_else(|_| levels.into());
    let queue = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUED_LINES)
        .thread_name("log");
    let (writer, worker) = queue.finish(Output(BufWriter::new(io::stderr())));
    let log = tracing_subscriber::fmt().with_env_filter(levels).with_writer(writer);
    // It would be a line about a line that cannot be written.
    let log = log.log_internal_errors(false);
    let started = if io::stderr().is_terminal() {
        log.with_target(false).finish().try_init()
    } else {
        log.with_ansi(false).json().flatten_event(true).finish().try_init()
    };
    // It fails if the process has a log already, which then stays.
    drop(started);
    Log { worker: Some(worker) }
}

impl Drop for Log {
    fn drop(&mut self) {
        let worker = self.worker.take();
        let (written_to, written) = mpsc::channel();
        // In a thread that may be left behind: the worker's end can hang on a reader that does not
        // read, and the end of the process must not.
        std::thread::spawn(move || {
            drop(worker);
            let _ = written_to.send(());
        });
        let _ = written.recv_timeout(LAST_LINES);
    }
}

/// Standard error, written whenever the queue is empty. A line that cannot be written, because
/// whoever read it has ended, is lost: there is nowhere to say so.
struct Output(BufWriter<Stderr>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(self.0.write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        drop(self.0.flush());
        Ok(())
    }
}
