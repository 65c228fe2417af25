//! The only place that retries: another attempt where the failure, the policy, the budget and the
//! deadline allow it.

use std::sync::{Arc, Mutex};

use super::budget::RetryBudget;
use super::decision::{Decision, RetryPolicy, Situation, decide};
use crate::clock;
use crate::domain::failure::{Again, Failure};
use crate::domain::trace::SpanKind;
use crate::policy::context::{Context, MINIMUM_USEFUL, Sendings};
use crate::policy::lock::lock;
use crate::policy::step::Step;

/// Sends a request again where that may help.
pub(crate) struct Retried<S> {
    policy: RetryPolicy,
    /// Whether the upstream may safely receive a request twice.
    repeatable: bool,
    /// What all requests together may cause; for the process.
    budget: Arc<Mutex<RetryBudget>>,
    inner: S,
}

impl<S> Retried<S> {
    pub(crate) fn new(
        policy: RetryPolicy,
        repeatable: bool,
        budget: Arc<Mutex<RetryBudget>>,
        inner: S,
    ) -> Self {
        Self { policy, repeatable, budget, inner }
    }

    fn decide(&self, failure: &Failure, attempts_made: u32, cx: &Context<'_>) -> Decision {
        let situation = Situation {
            attempts_made,
            repeatable: self.repeatable,
            deadline: cx.deadline,
            now: clock::now(),
            minimum_useful: MINIMUM_USEFUL,
        };
        let mut budget = || lock(&self.budget).try_withdraw(clock::now());
        decide(failure, situation, &self.policy, fastrand::f64(), &mut budget)
    }
}

impl<In, S: Step<In>> Step<In> for Retried<S> {
    type Out = S::Out;

    fn ready(&self) -> Result<(), Failure> {
        self.inner.ready()
    }

    async fn call(&self, input: &In, cx: &Context<'_>) -> Result<S::Out, Failure> {
        lock(&self.budget).record_request(clock::now());
        let sendings = Sendings::default();
        let cx = cx.of_request(&sendings);
        let mut attempts_made = 0;
        let mut last = None;
        loop {
            let failure = match self.inner.call(input, &cx).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            // A retry that could not even be sent: what the upstream said before counts.
            if failure.facts().again == Again::NotAttempted {
                return Err(last.unwrap_or(failure));
            }
            attempts_made += 1;
            match self.decide(&failure, attempts_made, &cx) {
                Decision::RetryAfter(wait) => cx.spend(SpanKind::Backoff, wait).await,
                Decision::GiveUp(reason) => {
                    return Err(Failure { gave_up: Some(reason), ..failure });
                }
            }
            last = Some(failure);
        }
    }
}
