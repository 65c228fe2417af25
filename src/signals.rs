//! What the process is told from outside: to stop, or to take its configuration anew.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGTERM and SIGINT (Ctrl-C), either of which ends the process at once as long as
/// nobody listens.
///
/// A process that cannot listen for a signal is stopped by it all the same, only not gracefully.
pub fn stops() -> Stops {
    let [terminate, interrupt] = [SignalKind::terminate(), SignalKind::interrupt()];
    Stops { terminate: Listener::new(terminate), interrupt: Listener::new(interrupt) }
}

/// Listens for requests to stop from its creation on.
pub struct Stops {
    terminate: Listener,
    interrupt: Listener,
}

impl Stops {
    /// Resolves at the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            () = self.terminate.next() => {}
            () = self.interrupt.next() => {}
        }
    }
}

/// Listens for SIGHUP, which ends the process as long as nobody listens.
pub fn hangups() -> Listener {
    Listener::new(SignalKind::hangup())
}

/// Listens for one kind of signal from its creation on.
pub struct Listener(Option<Signal>);

impl Listener {
    fn new(kind: SignalKind) -> Self {
        let listening = signal(kind);
        let listening =
            listening.inspect_err(|error| tracing::warn!(%error, "cannot listen for a signal"));
        Self(listening.ok())
    }

    /// Resolves at the next one.
    pub async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}
