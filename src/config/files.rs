//! Reads the files that the configuration names, and the configuration itself: no more than they may
//! hold, and for no longer than they may take.
//!
//! A file may lie on a volume of the network that hangs. Then `open` and `read` do not return, and
//! nothing can call them back. So each file is read in a thread of its own, which is left behind when
//! the time is over; as long as it hangs, no other is sent after the same file.

use std::cell::Cell;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::units::{show_duration, show_size};

/// How long one file may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for each further file once one of the same configuration has not come in time: most
/// likely they lie on the same volume.
const PATIENCE_AFTER_A_HANG: Duration = Duration::from_millis(500);

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// TOML. It may come through a pipe too: `--config <(sops -d my.toml)`.
    Configuration,
    /// Certificates in PEM: as a rule a few, of authorities some hundreds.
    Certificates,
    /// A password, a key, a URL: whatever is not to be shown.
    Secret,
}

impl FileKind {
    /// How much such a file may hold, bytes.
    fn limit(self) -> u64 {
        match self {
            Self::Configuration | Self::Certificates => 1 << 20,
            Self::Secret => 64 << 10,
        }
    }

    fn may_be_pipe(self) -> bool {
        match self {
            Self::Configuration => true,
            Self::Certificates | Self::Secret => false,
        }
    }
}

/// Why a file is not read. The texts say nothing of what it holds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// What the system says.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A device could do anything when it is opened; a pipe would have to be written to each time.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// It holds more than such a file does.
    #[error("it is larger than {}", show_size(*.0))]
    TooLarge(u64),
    /// It did not come in this time.
    #[error("it did not come within {}", show_duration(*.0))]
    TooSlow(Duration),
    /// The thread that an earlier attempt has left behind has not come back.
    #[error("it hangs: an earlier attempt to read it has not ended")]
    Hangs,
}

#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Whether one of them did not come in time.
    one_hangs: Cell<bool>,
}

impl Files {
    /// What the file holds.
    ///
    /// # Errors
    /// [`FileError`]: it cannot be read, is too large, takes too long, or is no regular file.
    pub(crate) fn read(&self, path: &Path, kind: FileKind) -> Result<Vec<u8>, FileError> {
        let patience = if self.one_hangs.get() { PATIENCE_AFTER_A_HANG } else { PATIENCE };
        let contents = read_within(patience, path, move |path| read_checked(path, kind));
        if matches!(contents, Err(FileError::TooSlow(_) | FileError::Hangs)) {
            self.one_hangs.set(true);
        }
        contents
    }

    /// The same for a file that holds text.
    ///
    /// # Errors
    /// As [`Files::read`], and for what is not UTF-8.
    pub(crate) fn read_text(&self, path: &Path, kind: FileKind) -> Result<String, FileError> {
        let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8");
        Ok(String::from_utf8(self.read(path, kind)?).map_err(not_text)?)
    }
}

/// The threads that were left behind, each with the file that it is at.
static LEFT_BEHIND: Mutex<Vec<(PathBuf, JoinHandle<()>)>> = Mutex::new(Vec::new());

/// What `read` makes of the file, in a thread of its own, if it comes in time.
fn read_within(
    patience: Duration,
    path: &Path,
    read: impl FnOnce(&Path) -> Result<Vec<u8>, FileError> + Send + 'static,
) -> Result<Vec<u8>, FileError> {
    if hangs(path) {
        return Err(FileError::Hangs);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let of_thread = path.to_owned();
    let work = move || {
        // Nobody waits any more for what comes too late.
        let _: Result<(), _> = sender.send(read(&of_thread));
    };
    let thread = thread::Builder::new().name("read-file".to_owned()).spawn(work)?;
    match receiver.recv_timeout(patience) {
        Ok(contents) => contents,
        Err(RecvTimeoutError::Timeout) => {
            left_behind(|threads| threads.push((path.to_owned(), thread)));
            Err(FileError::TooSlow(patience))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(io::Error::other("a fault in the service: reading it panicked").into())
        }
    }
}

/// Whether a thread that was left behind is still at this file.
fn hangs(path: &Path) -> bool {
    left_behind(|threads| {
        threads.retain(|(_, thread)| !thread.is_finished());
        threads.iter().any(|(known, _)| known == path)
    })
}

fn left_behind<T>(look: impl FnOnce(&mut Vec<(PathBuf, JoinHandle<()>)>) -> T) -> T {
    look(&mut LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner))
}

fn read_checked(path: &Path, kind: FileKind) -> Result<Vec<u8>, FileError> {
    // Before it is opened, which alone may set something off; and after, because another file may
    // have taken its place in between.
    check_type(&fs::metadata(path)?, kind)?;
    let file = File::open(path)?;
    check_type(&file.metadata()?, kind)?;
    let mut contents = Vec::new();
    file.take(kind.limit() + 1).read_to_end(&mut contents)?;
    let is_within = u64::try_from(contents.len()).is_ok_and(|length| length <= kind.limit());
    if is_within { Ok(contents) } else { Err(FileError::TooLarge(kind.limit())) }
}

fn check_type(metadata: &Metadata, kind: FileKind) -> Result<(), FileError> {
    let file_type = metadata.file_type();
    if file_type.is_file() || (file_type.is_fifo() && kind.may_be_pipe()) {
        return Ok(());
    }
    Err(FileError::NotRegular(if file_type.is_dir() {
        "a directory"
    } else if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }))
}

#[cfg(test)]
#[path = "tests/files_tests.rs"]
mod tests;
