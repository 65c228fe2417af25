//! What holds for one source in the whole process, whichever worker asks it.
//!
//! Owned by no actor: it outlives their restarts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::policy::auth::token_refusals::TokenRefusals;
use crate::policy::breaker::breaker_spec::BreakerSpecError;
use crate::policy::breaker::circuit_breaker::{Breaker, BreakerSnapshot};
use crate::policy::concurrency::ConcurrencyLimit;
use crate::policy::lock::lock;
use crate::policy::rate_limit::limiter::{Limiter, LimiterSnapshot};
use crate::policy::retry::budget::{RetryBudget, RetryBudgetSnapshot};
use crate::policy::source_spec::SourceSpec;

/// The limits of one source, shared by all workers.
#[derive(Debug)]
pub struct SourceState {
    name: String,
    pub(super) concurrency: ConcurrencyLimit,
    pub(super) limiter: Arc<Limiter>,
    pub(super) breaker: Arc<Mutex<Breaker>>,
    pub(super) retry_budget: Arc<Mutex<RetryBudget>>,
    /// Belongs to the credential's tokens: another credential begins afresh.
    pub(super) token_refusals: Arc<Mutex<TokenRefusals>>,
    /// How many workers have not made their first connection yet, where they are to.
    cold: Arc<AtomicUsize>,
}

impl SourceState {
    /// Fresh limits for a source.
    ///
    /// # Errors
    /// If the breaker's numbers make no sense.
    pub fn try_new(spec: &SourceSpec) -> Result<Self, BreakerSpecError> {
        Ok(Self {
            name: spec.name(),
            concurrency: ConcurrencyLimit::new(spec.max_in_flight),
            limiter: Arc::new(Limiter::new(&spec.name(), spec.rate_limit.clone())),
            breaker: Arc::new(Mutex::new(Breaker::try_new(spec.breaker)?)),
            retry_budget: Arc::new(Mutex::new(spec.retry_budget.clone())),
            token_refusals: Arc::default(),
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
        next.concurrency = self.concurrency.with_limit(now.max_in_flight);
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

    /// Calls under way at present.
    pub fn in_flight(&self) -> usize {
        self.concurrency.in_flight()
    }

    /// The rate limit at one moment.
    pub fn rate_limit(&self, now: Instant) -> LimiterSnapshot {
        self.limiter.snapshot(now)
    }

    /// The circuit breaker at one moment.
    pub fn circuit(&self, now: Instant) -> BreakerSnapshot {
        lock(&self.breaker).snapshot(now)
    }

    /// The retry budget at one moment.
    pub fn retry_budget(&self, now: Instant) -> RetryBudgetSnapshot {
        lock(&self.retry_budget).snapshot(now)
    }

    /// Until when its refusals of tokens do not count, if they do not at present.
    pub fn token_refusals_ignored_until(&self, now: Instant) -> Option<Instant> {
        lock(&self.token_refusals).ignored_until(now)
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
