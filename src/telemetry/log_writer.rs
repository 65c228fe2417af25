//! Writes the log's lines in a thread of its own, many at a time.
//!
//! Whoever logs never waits for whoever reads: lines beyond [`MOST_WAITING`] are lost. The thread is
//! woken for the first line of a batch, not for each: at thousands of lines a second the wakes would
//! cost more than the lines.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// So many bytes of lines wait to be written; further lines are lost.
const MOST_WAITING: usize = 4 << 20;
/// How long the thread lets lines gather once there is one.
const GATHERING: Duration = Duration::from_millis(5);

/// The lines that wait to be written. Clones are the same queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    is_over: bool,
}

impl Lines {
    /// Begins to write the lines to `output`. A line that cannot be written is lost: there is
    /// nowhere to say so.
    pub(super) fn written_to(&self, output: impl Write + Send + 'static) -> io::Result<Writing> {
        let lines = self.clone();
        let (done_to, done) = mpsc::channel();
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            lines.write_until_over(output);
            // Whoever waits for it may have lost patience.
            let _: Result<(), _> = done_to.send(());
        })?;
        Ok(Writing { lines: self.clone(), done })
    }

    fn write_until_over(&self, mut output: impl Write) {
        let mut batch = Vec::new();
        while self.next_batch(&mut batch) {
            let _: io::Result<()> = output.write_all(&batch).and_then(|()| output.flush());
            batch.clear();
        }
    }

    /// Waits for lines and takes them all into `batch`; `false` once there will be none any more.
    fn next_batch(&self, batch: &mut Vec<u8>) -> bool {
        let is_idle = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.is_over;
        let waiting = self.0.changed.wait_while(self.lock(), is_idle);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let gathered = self.0.changed.wait_timeout_while(waiting, GATHERING, |it| !it.is_over);
        let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut waiting.bytes, batch);
        !batch.is_empty()
    }

    /// Nothing panics while it holds the lock: a poisoned one is still sound.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &Lines {
    /// Takes a whole line, or loses it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.lock();
        let is_first = waiting.bytes.is_empty();
        if waiting.bytes.len() + line.len() <= MOST_WAITING {
            waiting.bytes.extend_from_slice(line);
        }
        drop(waiting);
        if is_first {
            self.0.changed.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// The thread that writes.
#[derive(Debug)]
pub(super) struct Writing {
    lines: Lines,
    done: mpsc::Receiver<()>,
}

impl Writing {
    /// Lets it write what waits, for so long at most: its reader may not read, and the end of the
    /// process must not wait for that.
    pub(super) fn finish(&self, patience: Duration) {
        self.lines.lock().is_over = true;
        self.lines.0.changed.notify_all();
        let _: Result<(), _> = self.done.recv_timeout(patience);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what is written, once it may.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_lines_are_there_in_order_once_it_has_finished() {
        let (lines, kept) = (Lines::default(), Kept::default());
        let writing = lines.written_to(kept.clone()).unwrap();
        let expected = (0..1000).map(|number| number.to_string() + "\n").collect::<String>();
        for line in expected.split_inclusive('\n') {
            (&lines).write_all(line.as_bytes()).unwrap();
        }
        writing.finish(Duration::from_secs(10));
        assert_eq!(String::from_utf8_lossy(&kept.0.lock().unwrap()), expected);
    }

    #[test]
    fn a_reader_that_reads_nothing_costs_lines_and_no_time() {
        let (lines, kept) = (Lines::default(), Kept::default());
        let blocked = kept.0.lock().unwrap();
        let writing = lines.written_to(kept.clone()).unwrap();
        let line = [b'x'; 1024];
        for _ in 0..20_000 {
            (&lines).write_all(&line).unwrap();
        }
        assert!(lines.lock().bytes.len() <= MOST_WAITING);
        writing.finish(Duration::from_millis(10));
        drop(blocked);
    }
}
