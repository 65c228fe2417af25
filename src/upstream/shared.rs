//! What holds for one source in the whole process, whichever worker asks it.
//!
//! Owned by no actor: it outlives their restarts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limiter::Limiter;
use crate::domain::breaker::{Breaker, BreakerSpecError};
use crate::domain::budget::RetryBudget;
use crate::domain::source::SourceSpec;
use crate::domain::token_refusals::TokenRefusals;

/// The limits of one source, shared by all workers.
#[derive(Debug)]
pub struct SourceShared {
    name: String,
    /// The rate limit.
    pub limiter: Arc<Limiter>,
    breaker: Arc<Mutex<Breaker>>,
    retry_budget: Arc<Mutex<RetryBudget>>,
    in_flight: Arc<AtomicUsize>,
    max_in_flight: usize,
    /// Belongs to the credential's tokens: another credential begins afresh.
    token_refusals: Mutex<TokenRefusals>,
    /// How many workers have not made their first connection yet, where they are to.
    cold: Arc<AtomicUsize>,
}

impl SourceShared {
    /// Fresh limits for a source.
    ///
    /// # Errors
    /// If the breaker's numbers make no sense.
    pub fn try_new(spec: &SourceSpec) -> Result<Self, BreakerSpecError> {
        Ok(Self {
            name: spec.name(),
            limiter: Arc::new(Limiter::new(&spec.name(), spec.rate_limit.clone())),
            breaker: Arc::new(Mutex::new(Breaker::try_new(spec.breaker)?)),
            retry_budget: Arc::new(Mutex::new(spec.retry_budget.clone())),
            in_flight: Arc::default(),
            max_in_flight: spec.max_in_flight,
            token_refusals: Mutex::default(),
            cold: Arc::default(),
        })
    }

    /// The limits of the same source once its configuration was replaced: whatever is configured
    /// as it was keeps its state. Another upstream begins afresh.
    ///
    /// # Errors
    /// If the breaker's numbers make no sense.
    pub fn following(
        &self,
        before: &SourceSpec,
        now: &SourceSpec,
    ) -> Result<Self, BreakerSpecError> {
        let mut next = Self::try_new(now)?;
        if before.url.endpoint() != now.url.endpoint() {
            return Ok(next);
        }
        next.in_flight = Arc::clone(&self.in_flight);
        if before.rate_limit == now.rate_limit {
            next.limiter = Arc::clone(&self.limiter);
        }
        if before.breaker == now.breaker {
            next.breaker = Arc::clone(&self.breaker);
        }
        if before.retry_budget == now.retry_budget {
            next.retry_budget = Arc::clone(&self.retry_budget);
        }
        Ok(next)
    }

    /// The source's name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The circuit breaker; held only for a moment, never across an await.
    pub fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The retry budget; held only for a moment, never across an await.
    pub fn retry_budget(&self) -> MutexGuard<'_, RetryBudget> {
        self.retry_budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its refusals of tokens are worth; held only for a moment, never across an await.
    pub fn token_refusals(&self) -> MutexGuard<'_, TokenRefusals> {
        self.token_refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls under way at present.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
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

    /// A slot for one call, if there is one; given back when dropped.
    pub fn try_enter(self: &Arc<Self>) -> Option<InFlight> {
        let entered = InFlight { shared: Arc::clone(self) };
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        (before < self.max_in_flight).then_some(entered)
    }
}

/// One call's slot among those under way.
#[derive(Debug)]
pub struct InFlight {
    shared: Arc<SourceShared>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
