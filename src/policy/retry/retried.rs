//! The only place that retries: another attempt where the failure, the policy, the budget and the
//! deadline allow it.

use std::sync::{Arc, Mutex};

use crate::clock;
use crate::model::failure::{Again, Failure};
use crate::model::record::span::SpanKind;
use crate::policy::fetch_context::{Context, MINIMUM_USEFUL, Sendings};
use crate::policy::lock::lock;
use crate::policy::retry::budget::RetryBudget;
use crate::policy::retry::decision::{Decision, RetryPolicy, Situation, decide};
use crate::policy::retry::retry_spec::RetrySpec;
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
    pub(crate) fn new(spec: &RetrySpec, budget: Arc<Mutex<RetryBudget>>, inner: S) -> Self {
        Self { policy: spec.policy, repeatable: spec.repeatable, budget, inner }
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

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;
    use crate::model::failure::{FailureKind, GiveUp};
    use crate::model::record::span::Span;
    use crate::policy::fake::{Fake, Surroundings, failed, request};
    use crate::policy::retry::backoff::Backoff;

    fn retried(
        inner: &Rc<Fake<&'static str>>,
        budget_ratio: f64,
    ) -> Retried<Rc<Fake<&'static str>>> {
        let wait = Duration::from_millis(100);
        let policy = RetryPolicy::try_new(3, Backoff::try_new(wait, wait).unwrap()).unwrap();
        let budget = RetryBudget::try_new(budget_ratio, 0, Duration::from_secs(10)).unwrap();
        let spec = RetrySpec { policy, budget: budget.clone(), repeatable: true };
        Retried::new(&spec, Arc::new(Mutex::new(budget)), Rc::clone(inner))
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again_after_a_wait_that_is_recorded() {
        let inner = Fake::of([Err(failed(FailureKind::Unavailable)), Ok("answer")]);
        let around = Surroundings::new();
        let retried = retried(&inner, 1.0);
        assert_eq!(retried.call(&request("/"), &around.context(1000)).await, Ok("answer"));
        let spans = around.spans();
        let backoff = spans.iter().find(|span| span.kind == SpanKind::Backoff).unwrap();
        assert!(backoff.end - backoff.start >= Duration::from_millis(50));
        let resends: Vec<_> = spans
            .iter()
            .filter_map(Span::attempt)
            .map(|attempt| (attempt.number, attempt.resend))
            .collect();
        assert_eq!(resends, [(1, 0), (2, 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_that_could_not_be_sent_leaves_the_failure_before_it() {
        let untried = Failure::new(FailureKind::NoPermit, "no room");
        let inner = Fake::of([Err(failed(FailureKind::Unavailable)), Err(untried.clone())]);
        let around = Surroundings::new();
        let failure = retried(&inner, 1.0).call(&request("/"), &around.context(1000)).await;
        assert_eq!(failure, Err(failed(FailureKind::Unavailable)));
        let inner = Fake::of([Err(untried.clone())]);
        let failure = retried(&inner, 1.0).call(&request("/"), &around.context(1000)).await;
        assert_eq!(failure, Err(untried), "there was none before it");
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_attempts_the_budget_or_the_time() {
        let unavailable = || Err(failed(FailureKind::Unavailable));
        let later =
            Failure { retry_after: Some(Duration::from_secs(5)), ..failed(FailureKind::Throttled) };
        let wait = Duration::from_secs(5);
        for (budget, script, calls, gave_up) in [
            (1.0, vec![unavailable(), unavailable(), unavailable()], 3, GiveUp::AttemptsUsedUp),
            (0.0, vec![unavailable()], 1, GiveUp::BudgetSpent),
            (1.0, vec![Err(failed(FailureKind::Rejected))], 1, GiveUp::Final),
            (1.0, vec![Err(failed(FailureKind::TokenRefused))], 1, GiveUp::Final),
            (1.0, vec![Err(later)], 1, GiveUp::NoTimeLeft { wait }),
        ] {
            let inner = Fake::of(script);
            let around = Surroundings::new();
            let retried = retried(&inner, budget);
            // As many requests went well before as pay for the retries.
            for _ in 0..10 {
                lock(&retried.budget).record_request(clock::now());
            }
            let failure = retried.call(&request("/"), &around.context(1000)).await.unwrap_err();
            assert_eq!((inner.count(), failure.gave_up), (calls, Some(gave_up)));
            assert!(around.passed() < 1000);
        }
    }
}
