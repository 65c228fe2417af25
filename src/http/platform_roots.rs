//! The authorities that the platform trusts, read within a time limit.
//!
//! They stand in files, which `SSL_CERT_FILE` and `SSL_CERT_DIR` may put on a volume of the network. If
//! that hangs, so does whoever reads them: a thread of its own, which is left behind then.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// How long all the files may take together; as long as one of the configuration.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum NoRoots {
    /// A file hangs.
    #[error("they did not come within {} s (SSL_CERT_FILE and SSL_CERT_DIR say where they are)", .0.as_secs())]
    TooSlow(Duration),
    /// The thread that an earlier attempt has left behind has not come back.
    #[error("they hang: an earlier attempt to read them has not ended")]
    Hang,
    /// No thread could be started, or it panicked.
    #[error("they cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// The thread that was left behind.
static LEFT_BEHIND: Mutex<Option<JoinHandle<()>>> = Mutex::new(None);

/// The platform's authorities; Mozilla's list if the platform has none.
///
/// # Errors
/// [`NoRoots`].
pub fn read() -> Result<RootCertStore, NoRoots> {
    let certificates = within(PATIENCE, &LEFT_BEHIND, |sender| {
        // Nobody waits any more for what comes too late.
        let _: Result<(), _> = sender.send(rustls_native_certs::load_native_certs().certs);
    })?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(roots)
}

type Certificates = Vec<CertificateDer<'static>>;

/// What `work` sends, if it comes in time. One thread at most is left behind.
fn within(
    patience: Duration,
    left_behind: &Mutex<Option<JoinHandle<()>>>,
    work: impl FnOnce(SyncSender<Certificates>) + Send + 'static,
) -> Result<Certificates, NoRoots> {
    // Nothing panics while it holds the lock: a poisoned one is still sound.
    let mut left_behind = left_behind.lock().unwrap_or_else(PoisonError::into_inner);
    if left_behind.as_ref().is_some_and(|thread| !thread.is_finished()) {
        return Err(NoRoots::Hang);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("read-roots".to_owned()).spawn(|| work(sender))?;
    match receiver.recv_timeout(patience) {
        Ok(certificates) => Ok(certificates),
        Err(RecvTimeoutError::Timeout) => {
            *left_behind = Some(thread);
            Err(NoRoots::TooSlow(patience))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(io::Error::other("a fault in the service").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_always_roots() {
        assert!(!read().unwrap().is_empty());
    }

    #[test]
    fn reading_that_hangs_is_given_up_and_nobody_is_sent_after_it() {
        let left_behind = Mutex::new(None);
        let (go, wait) = mpsc::channel::<()>();
        let hangs = move |_sender| {
            // Until the other end is gone.
            let _: Result<(), _> = wait.recv();
        };
        let given_up = within(Duration::from_millis(1), &left_behind, hangs);
        assert!(matches!(given_up, Err(NoRoots::TooSlow(_))));
        let next = within(PATIENCE, &left_behind, |_| ());
        assert!(matches!(next, Err(NoRoots::Hang)));
        drop(go);
        let thread = left_behind.lock().unwrap().take();
        thread.expect("it was left behind").join().expect("no panic");
        assert!(within(PATIENCE, &left_behind, |sender| drop(sender.send(Vec::new()))).is_ok());
    }
}
