//! Whether the service is going down, for all who have to know.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether the service is going down: then each reply ends its connection, and `/readyz` says no.
#[derive(Debug, Default)]
pub struct Draining {
    is_on: AtomicBool,
    begins: Notify,
}

impl Draining {
    /// Says that the service is going down.
    pub fn begin(&self) {
        self.is_on.store(true, Ordering::Relaxed);
        self.begins.notify_waiters();
    }

    /// Whether it is.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Resolves once it is.
    pub async fn begun(&self) {
        // Made first, so that a beginning between the two is not missed.
        let begins = self.begins.notified();
        if !self.is_on() {
            begins.await;
        }
    }
}
