//! No request leaves while the circuit is open, and what becomes of the others is told to the breaker.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::clock;
use crate::model::circuit::Circuit;
use crate::model::failure::{Blame, Failure, FailureKind};
use crate::model::record::span::BreakerChange;
use crate::policy::breaker::circuit_breaker::{self, Breaker};
use crate::policy::fetch_context::Context;
use crate::policy::lock::lock;
use crate::policy::step::Step;

/// Lets no call through while the circuit is open.
pub(crate) struct Guarded<S> {
    /// The source's name, for the log.
    source: String,
    breaker: Arc<Mutex<Breaker>>,
    inner: S,
}

impl<S> Guarded<S> {
    pub(crate) fn new(source: String, breaker: Arc<Mutex<Breaker>>, inner: S) -> Self {
        Self { source, breaker, inner }
    }

    fn permit(&self) -> Result<Permit<'_>, Failure> {
        let now = clock::now();
        let (permit, has_changed) = {
            let mut breaker = lock(&self.breaker);
            let changes = breaker.changes();
            (breaker.try_acquire(now), breaker.changes() != changes)
        };
        let permit = permit.map_err(|rejected| circuit_open(rejected.until, now))?;
        if has_changed {
            tracing::info!(source = self.source, "circuit half-open: the source is tried again");
        }
        Ok(Permit { source: &self.source, breaker: &self.breaker, leave: Some(permit) })
    }
}

impl<In, S: Step<In>> Step<In> for Guarded<S> {
    type Out = S::Out;

    /// Takes no permit: what takes time before the call, such as a wait for a token, must not hold a
    /// probe's place.
    fn ready(&self) -> Result<(), Failure> {
        let now = clock::now();
        let circuit = lock(&self.breaker).circuit(now);
        match circuit {
            Circuit::Open { until } => Err(circuit_open(until, now)),
            Circuit::Closed | Circuit::HalfOpen => self.inner.ready(),
        }
    }

    async fn call(&self, input: &In, cx: &Context<'_>) -> Result<S::Out, Failure> {
        let permit = self.permit()?;
        let cx_of_attempt = if permit.is_probe() { cx.as_probe() } else { *cx };
        let result = self.inner.call(input, &cx_of_attempt).await;
        let blame =
            result.as_ref().map_or_else(|failure| failure.facts().blame, |_| Blame::Healthy);
        if let Some(change) = permit.record(blame) {
            cx.breaker_changed(change);
        }
        result
    }
}

fn circuit_open(until: Instant, now: Instant) -> Failure {
    let detail = format!(
        "the source failed too often and is left alone for another {} ms",
        until.saturating_duration_since(now).as_millis()
    );
    Failure::new(FailureKind::CircuitOpen, detail)
}

/// Leave to make one attempt; dropped without a result, it counts for nothing.
struct Permit<'a> {
    source: &'a str,
    breaker: &'a Mutex<Breaker>,
    leave: Option<circuit_breaker::Permit>,
}

impl Permit<'_> {
    /// Whether the attempt tries an upstream whose circuit is not closed.
    fn is_probe(&self) -> bool {
        self.leave.as_ref().is_some_and(circuit_breaker::Permit::is_probe)
    }

    /// Tells the breaker what became of the attempt. Says how that changed it.
    fn record(mut self, blame: Blame) -> Option<BreakerChange> {
        let permit = self.leave.take()?;
        let now = clock::now();
        let (before, after) = {
            let mut breaker = lock(self.breaker);
            let before = breaker.circuit(now);
            match blame {
                Blame::Healthy => breaker.on_success(permit, now),
                Blame::Upstream => breaker.on_failure(permit, now, fastrand::f64()),
                Blame::Nobody => breaker.on_neutral(permit),
            }
            (before, breaker.circuit(now))
        };
        self.log_change(before, after, now)
    }

    /// A failing source is logged when it begins to fail and when it is back, not each time.
    fn log_change(&self, before: Circuit, after: Circuit, now: Instant) -> Option<BreakerChange> {
        let source = self.source;
        match (before, after) {
            (Circuit::Closed | Circuit::HalfOpen, Circuit::Open { until }) => {
                let open_for = until.saturating_duration_since(now);
                let open_ms = u64::try_from(open_for.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(source, open_ms, "circuit opened: the source fails too often");
                Some(BreakerChange::Opened)
            }
            (Circuit::HalfOpen | Circuit::Open { .. }, Circuit::Closed) => {
                tracing::info!(source, "circuit closed: the source answers again");
                Some(BreakerChange::Closed)
            }
            (Circuit::Closed, Circuit::Closed | Circuit::HalfOpen)
            | (Circuit::HalfOpen, Circuit::HalfOpen)
            | (Circuit::Open { .. }, Circuit::HalfOpen | Circuit::Open { .. }) => None,
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.leave.take() {
            lock(self.breaker).on_neutral(permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;
    use crate::model::record::span::Span;
    use crate::policy::breaker::breaker_spec::BreakerSpec;
    use crate::policy::fake::{Fake, Surroundings, failed, request};

    type Inner = Rc<Fake<&'static str>>;

    /// Opens with the second failure of two, for one second; one probe closes it.
    fn guarded(inner: &Inner) -> Guarded<Inner> {
        let spec = BreakerSpec {
            window: Duration::from_secs(10),
            min_requests: 2,
            failure_ratio: 1.0,
            open_for: Duration::from_secs(1),
            max_open_for: Duration::from_secs(1),
            probes: 1,
        };
        let breaker = Arc::new(Mutex::new(Breaker::new(spec)));
        Guarded::new("crm".to_owned(), breaker, Rc::clone(inner))
    }

    fn bad() -> Result<&'static str, Failure> {
        Err(failed(FailureKind::Unavailable))
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_circuit_refuses_without_a_call_until_a_probe_has_succeeded() {
        let inner = Fake::of([bad(), bad(), Ok("answer"), Ok("answer")]);
        let (guarded, around) = (guarded(&inner), Surroundings::new());
        let (request, cx) = (request("/"), around.context(60_000));
        for _ in 0..2 {
            assert_eq!(guarded.ready(), Ok(()));
            assert_eq!(guarded.call(&request, &cx).await, bad());
        }
        let refused = guarded.call(&request, &cx).await.unwrap_err();
        assert_eq!((refused.kind, inner.count()), (FailureKind::CircuitOpen, 2));
        assert!(refused.detail.starts_with("the source failed too often and is left alone for"));
        assert_eq!(guarded.ready(), Err(refused));
        clock::sleep_until(clock::now() + Duration::from_secs(2)).await;
        assert_eq!(guarded.ready(), Ok(()), "it can be tried");
        for _ in 0..2 {
            assert_eq!(guarded.call(&request, &cx).await, Ok("answer"));
        }
        let probes: Vec<_> = inner.calls.borrow().iter().map(|call| call.is_probe).collect();
        assert_eq!(probes, [false, false, true, false]);
        let changes: Vec<_> = around
            .spans()
            .iter()
            .filter_map(Span::attempt)
            .map(|attempt| attempt.breaker)
            .collect();
        let (opened, closed) = (Some(BreakerChange::Opened), Some(BreakerChange::Closed));
        assert_eq!(changes, [None, opened, closed, None]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_probe_gives_its_place_to_the_next_one() {
        let inner = Fake::of([bad(), bad()]);
        let (guarded, around) = (guarded(&inner), Surroundings::new());
        let (request, cx) = (request("/"), around.context(60_000));
        for _ in 0..2 {
            guarded.call(&request, &cx).await.unwrap_err();
        }
        clock::sleep_until(clock::now() + Duration::from_secs(2)).await;
        for _ in 0..2 {
            let time = Duration::from_millis(10);
            let given_up = tokio::time::timeout(time, guarded.call(&request, &cx)).await;
            assert!(given_up.is_err(), "it was let through, and hangs");
        }
        assert_eq!(inner.count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_nobodys_fault_opens_no_circuit() {
        for kind in FailureKind::ALL {
            let inner = Fake::of((0..5).map(|_| Err(failed(kind))));
            let (guarded, around) = (guarded(&inner), Surroundings::new());
            let (request, cx) = (request("/"), around.context(60_000));
            for _ in 0..5 {
                guarded.call(&request, &cx).await.unwrap_err();
            }
            let expected = if kind.facts().blame == Blame::Upstream { 2 } else { 5 };
            assert_eq!(inner.count(), expected, "{kind:?}");
        }
    }
}
