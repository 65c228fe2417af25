//! A pass through the circuit breaker that is always given back, also when the call is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock;
use super::shared::SourceShared;
use crate::domain::breaker::{self, State};
use crate::domain::failure::{Blame, Failure, FailureKind};
use crate::domain::trace::BreakerChange;

/// Leave to make one attempt; dropped without a verdict, it counts for nothing.
pub(super) struct Pass {
    shared: Arc<SourceShared>,
    pass: Option<breaker::Pass>,
}

impl Pass {
    /// Looks whether the circuit is open, without taking a pass: what takes time before the
    /// attempt, such as a wait for a token, must not hold a probe's place.
    pub(super) fn refuse_if_open(shared: &SourceShared) -> Result<(), Failure> {
        let now = clock::now();
        match shared.breaker().state(now) {
            State::Open { until } => Err(circuit_open(until.saturating_duration_since(now))),
            State::Closed | State::HalfOpen => Ok(()),
        }
    }

    /// Asks the breaker.
    pub(super) fn take(shared: &Arc<SourceShared>) -> Result<Self, Failure> {
        let now = clock::now();
        let (pass, has_changed) = {
            let mut breaker = shared.breaker();
            let changes = breaker.changes();
            (breaker.try_pass(now), breaker.changes() != changes)
        };
        let pass =
            pass.map_err(|rejected| circuit_open(rejected.until.saturating_duration_since(now)))?;
        if has_changed {
            tracing::info!(source = shared.name(), "the source is tried again");
        }
        Ok(Self { shared: Arc::clone(shared), pass: Some(pass) })
    }

    /// Whether the attempt tries an upstream that is left alone otherwise.
    pub(super) fn is_probe(&self) -> bool {
        self.pass.as_ref().is_some_and(breaker::Pass::is_probe)
    }

    /// Tells the breaker what became of the attempt. Says how that changed it.
    pub(super) fn settle(mut self, blame: Blame) -> Option<BreakerChange> {
        let pass = self.pass.take()?;
        let now = clock::now();
        let (before, after) = {
            let mut breaker = self.shared.breaker();
            let before = breaker.state(now);
            match blame {
                Blame::Healthy => breaker.on_success(pass, now),
                Blame::Upstream => breaker.on_failure(pass, now, fastrand::f64()),
                Blame::Nobody => breaker.on_neutral(pass),
            }
            (before, breaker.state(now))
        };
        self.log_change(before, after, now)
    }
}

impl Pass {
    /// A failing source is logged when it begins to fail and when it is back, not each time.
    fn log_change(&self, before: State, after: State, now: Instant) -> Option<BreakerChange> {
        let source = self.shared.name();
        match (before, after) {
            (State::Closed | State::HalfOpen, State::Open { until }) => {
                let open_for = until.saturating_duration_since(now);
                let open_ms = u64::try_from(open_for.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(source, open_ms, "the source fails: it is left alone for a while");
                Some(BreakerChange::Opened)
            }
            (State::HalfOpen | State::Open { .. }, State::Closed) => {
                tracing::info!(source, "the source answers again");
                Some(BreakerChange::Closed)
            }
            (State::Closed, State::Closed | State::HalfOpen)
            | (State::HalfOpen, State::HalfOpen)
            | (State::Open { .. }, State::HalfOpen | State::Open { .. }) => None,
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.shared.breaker().on_neutral(pass);
        }
    }
}

fn circuit_open(retry_in: Duration) -> Failure {
    let detail = format!(
        "the source failed too often and is left alone for another {} ms",
        retry_in.as_millis()
    );
    Failure::new(FailureKind::CircuitOpen, detail)
}
