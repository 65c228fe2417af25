//! How much of its connections each source gets, where the process may open fewer than it has been
//! configured with.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How much of its connections each source gets.
#[derive(Debug)]
pub(super) struct UpstreamShare {
    given: AtomicUsize,
    wanted: AtomicUsize,
}

impl Default for UpstreamShare {
    fn default() -> Self {
        Self { given: AtomicUsize::new(1), wanted: AtomicUsize::new(1) }
    }
}

impl UpstreamShare {
    /// The part of a source's number of connections that it gets; all, if there are enough.
    pub(super) fn of(&self, connections: usize) -> usize {
        let given = self.given.load(Ordering::Relaxed);
        let wanted = self.wanted.load(Ordering::Relaxed).max(1);
        if given >= wanted { connections } else { connections.saturating_mul(given) / wanted }
    }

    pub(super) fn set(&self, given: usize, wanted: usize) {
        self.given.store(given, Ordering::Relaxed);
        self.wanted.store(wanted, Ordering::Relaxed);
    }
}
