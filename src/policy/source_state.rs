//! What holds for one source in the whole process, whichever worker asks it.
//!
//! Owned by no actor: it outlives their restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::policy::pipeline::PolicyStates;
use crate::policy::source_spec::SourceSpec;

/// What all workers share of one source.
#[derive(Debug)]
pub struct SourceState {
    name: String,
    /// Limits, circuit breaker and the like.
    pub policies: PolicyStates,
    /// How many workers have not made their first connection yet, where they are to.
    cold: Arc<AtomicUsize>,
}

impl SourceState {
    /// A fresh state for a source.
    pub fn new(spec: &SourceSpec) -> Self {
        let policies = PolicyStates::new(&spec.name(), &spec.policies);
        Self { name: spec.name(), policies, cold: Arc::default() }
    }

    /// The state of the same source once its configuration was replaced: whatever is configured as
    /// it was keeps its state. Another upstream begins afresh.
    #[must_use]
    pub fn following(&self, before: &SourceSpec, now: &SourceSpec) -> Self {
        if before.request.url.endpoint() != now.request.url.endpoint() {
            return Self::new(now);
        }
        let policies = self.policies.following(&now.name(), &before.policies, &now.policies);
        Self { name: now.name(), policies, cold: Arc::default() }
    }

    /// The source's name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// So many workers are about to make their first connection.
    pub fn expect_warm_ups(&self, workers: usize) {
        self.cold.store(workers, Ordering::Relaxed);
    }

    /// One of them has tried.
    pub fn warmed_up(&self) {
        // Those that come after the start were not expected.
        let less = |cold: usize| cold.checked_sub(1);
        let _: Result<_, _> = self.cold.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Whether some of them have not tried yet.
    pub fn is_cold(&self) -> bool {
        self.cold.load(Ordering::Relaxed) > 0
    }
}
