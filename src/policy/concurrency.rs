//! The bulkhead: so many calls may be under way at a time, and the next one is refused at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::context::Context;
use super::step::Step;
use crate::domain::failure::{Failure, FailureKind};

/// How many calls of one source are under way, and how many may be; for the process.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit {
    in_flight: Arc<AtomicUsize>,
    most: usize,
}

impl ConcurrencyLimit {
    /// A limit of so many calls.
    pub fn new(most: usize) -> Self {
        Self { in_flight: Arc::default(), most }
    }

    /// Another limit that counts the calls that are under way by this one as well.
    #[must_use]
    pub fn with_limit(&self, most: usize) -> Self {
        Self { in_flight: Arc::clone(&self.in_flight), most }
    }

    /// Calls under way at present.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// A place for one call, if there is one; given back when dropped.
    fn try_acquire(&self) -> Option<Permit<'_>> {
        let permit = Permit { in_flight: &self.in_flight };
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        (before < self.most).then_some(permit)
    }

    fn refusal(&self) -> Failure {
        let most = self.most;
        let detail =
            format!("{most} calls are under way already, the most allowed (max_in_flight)");
        Failure::new(FailureKind::TooManyInFlight, detail)
    }
}

/// One call's place among those under way.
struct Permit<'a> {
    in_flight: &'a AtomicUsize,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets no more calls through at a time than the limit.
pub(crate) struct Bulkhead<S> {
    limit: ConcurrencyLimit,
    inner: S,
}

impl<S> Bulkhead<S> {
    pub(crate) fn new(limit: ConcurrencyLimit, inner: S) -> Self {
        Self { limit, inner }
    }
}

impl<In, S: Step<In>> Step<In> for Bulkhead<S> {
    type Out = S::Out;

    fn ready(&self) -> Result<(), Failure> {
        if self.limit.in_flight() >= self.limit.most {
            return Err(self.limit.refusal());
        }
        self.inner.ready()
    }

    async fn call(&self, input: &In, cx: &Context<'_>) -> Result<S::Out, Failure> {
        let _permit = self.limit.try_acquire().ok_or_else(|| self.limit.refusal())?;
        self.inner.call(input, cx).await
    }
}
