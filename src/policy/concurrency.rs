//! The bulkhead: so many calls may be under way at a time, and the next one is refused at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::step::Step;
use crate::config::key::{AnyKey, Key};
use crate::config::number_form::Count;
use crate::config::plan_lines::PlanLines;
use crate::config::table::Table;
use crate::model::failure::{Failure, FailureKind};
use crate::policy::fetch_context::Context;

/// How many calls of a source may be under way at a time, over all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcurrencySpec {
    /// The most.
    pub max_in_flight: usize,
}

/// Its keys in the source's table.
pub(crate) const KEYS: &[&dyn AnyKey] = &[&MAX_IN_FLIGHT];

static MAX_IN_FLIGHT: Key<Count> = Key::new(
    "max_in_flight",
    Count(1, 1_000_000),
    "Calls under way at a time, over all workers; the next one is `overloaded` at once.",
)
.default(256);

impl ConcurrencySpec {
    /// Reads its keys in a source's table; what is wrong is in the report.
    pub(crate) fn read(source: &Table) -> Self {
        Self { max_in_flight: source.value(&MAX_IN_FLIGHT) as usize }
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(self, lines: &mut PlanLines) {
        lines.join("limits", format!("{} calls at a time", self.max_in_flight));
    }
}

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
        let one_more = |under_way: usize| (under_way < self.most).then_some(under_way + 1);
        let taken = self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.ok().map(|_| Permit { in_flight: &self.in_flight })
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

#[cfg(test)]
mod tests {
    use futures_util::future::join3;

    use super::*;
    use crate::model::failure::FailureKind;
    use crate::policy::fake::{Fake, Surroundings, request};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn the_call_above_the_limit_is_refused_at_once_and_the_next_one_is_let_in() {
        let slow = || (Duration::from_millis(50), Ok("answer"));
        let inner = Fake::slow([slow(), slow(), slow()]);
        let bulkhead = Bulkhead::new(ConcurrencyLimit::new(2), inner.clone());
        let around = Surroundings::new();
        let (request, cx) = (request("/"), around.context(1000));
        let third = async {
            let refused = bulkhead.call(&request, &cx).await.expect_err("there is no place");
            assert_eq!(bulkhead.ready().map_err(|failure| failure.kind), Err(refused.kind));
            (refused, around.passed())
        };
        let calls = (bulkhead.call(&request, &cx), bulkhead.call(&request, &cx));
        let (first, second, (refused, at)) = join3(calls.0, calls.1, third).await;
        assert_eq!((first.unwrap(), second.unwrap(), at), ("answer", "answer", 0));
        assert_eq!(refused.kind, FailureKind::TooManyInFlight);
        assert_eq!(
            refused.detail,
            "2 calls are under way already, the most allowed (max_in_flight)"
        );
        assert_eq!(bulkhead.call(&request, &cx).await, Ok("answer"));
        assert_eq!((inner.count(), bulkhead.limit.in_flight()), (3, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_call_gives_its_place_back() {
        let inner = Fake::<()>::of([]);
        let bulkhead = Bulkhead::new(ConcurrencyLimit::new(1), inner.clone());
        let around = Surroundings::new();
        let (request, cx) = (request("/"), around.context(1000));
        let given_up =
            tokio::time::timeout(Duration::from_millis(10), bulkhead.call(&request, &cx));
        assert!(given_up.await.is_err());
        assert_eq!((bulkhead.limit.in_flight(), inner.under_way.get()), (0, 0));
        assert_eq!(bulkhead.ready(), Ok(()));
    }
}
