//! Work that may block, off the event loops.

use std::io;

use tokio::sync::oneshot;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum NoResult {
    /// The system gives no thread.
    #[error("no thread can be started: {0}")]
    NoThread(#[from] io::Error),
    /// The work panicked.
    #[error("a fault in the service; its log has more")]
    Panicked(#[from] oneshot::error::RecvError),
}

/// What `work` gives, done in a thread of its own: what hangs in it holds nothing else up. It goes on
/// if nobody waits for it any more. It is none of the runtime's threads: the end of the process would
/// wait for these.
///
/// # Errors
/// [`NoResult`]: the thread could not be started, or the work panicked.
pub async fn in_a_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoResult> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Nobody waits for it any more, perhaps.
        let _: Result<(), T> = sender.send(work());
    })?;
    Ok(receiver.await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn others_go_on_while_the_work_blocks() {
        let (go, wait) = std::sync::mpsc::channel();
        let work = in_a_thread("test", move || wait.recv());
        let other = async { go.send(7).expect("it waits") };
        let (result, ()) = tokio::join!(work, other);
        assert_eq!(result.expect("no panic"), Ok(7));
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let result = in_a_thread("test", || panic!("as a fault would")).await;
        assert!(matches!(result, Err::<(), _>(NoResult::Panicked(_))));
    }
}
