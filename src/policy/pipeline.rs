//! The order of the policies around one source's exchanges, as one type.

use std::rc::Rc;
use std::sync::Arc;

use super::answer::Answer;
use super::auth::Auth;
use super::classify::Classified;
use super::concurrency::Bulkhead;
use super::exchange::Exchange;
use super::parse::{BodyRules, Parsed};
use super::render::Rendered;
use super::request::FetchRequest;
use super::source_spec::SourceSpec;
use super::step::Step;
use crate::http::client::HttpClient;
use crate::model::failure::Failure;
use crate::policy::auth::authorized::Authorized;
use crate::policy::breaker::guarded::Guarded;
use crate::policy::fetch_context::Context;
use crate::policy::paging::paged::Paged;
use crate::policy::rate_limit::limited::Limited;
use crate::policy::retry::retried::Retried;
use crate::policy::source_state::SourceState;

/// Outermost first: to read this type is to read what happens to a fetch. What could be answered
/// without the upstream stands outside of the bulkhead; each page is a call of its own to what
/// stands below; each attempt needs a credential, a closed circuit and a permit anew.
type Steps = Rendered<Bulkhead<Paged<Parsed<Retried<Attempt>>>>>;

/// One attempt. The circuit is looked at before a token is waited for, and again after.
type Attempt = Authorized<Guarded<Classified<Limited<Exchange>>>>;

/// One source as one worker asks it.
pub struct Pipeline {
    spec: Arc<SourceSpec>,
    state: Arc<SourceState>,
    client: Rc<HttpClient>,
    steps: Steps,
}

impl Pipeline {
    /// A pipeline that sends through `client` and keeps within the limits of the process in `state`.
    pub fn new(
        spec: Arc<SourceSpec>,
        state: Arc<SourceState>,
        client: HttpClient,
        auth: Auth,
    ) -> Self {
        let client = Rc::new(client);
        let steps = build(&spec, &state, &client, auth);
        Self { spec, state, client, steps }
    }

    /// The source as it was configured.
    pub fn spec(&self) -> &Arc<SourceSpec> {
        &self.spec
    }

    /// Makes a connection before there is a request for it. One that fails is logged only: what it
    /// is worth is seen by the first request.
    pub async fn warm_up(&self) {
        if let Err(failure) = self.client.warm_up().await {
            let source = self.state.name();
            tracing::info!(source, error = %failure, "no connection before the first request");
        }
        self.state.warmed_up();
    }

    /// Asks the upstream, with all pages and retries, and ends by the deadline.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn fetch(&self, request: &FetchRequest) -> Result<Answer, Failure> {
        tracing::trace!(
            source = self.state.name(),
            endpoint = self.spec.url.endpoint().authority(),
            "a fetch begins"
        );
        let cx = Context::new(
            request.deadline,
            request.min_fair_time,
            request.ready_since,
            request.forwarded.trace.as_ref(),
            &request.recorder,
        );
        self.steps.call(request, &cx).await
    }
}

fn build(
    spec: &Arc<SourceSpec>,
    state: &SourceState,
    client: &Rc<HttpClient>,
    auth: Auth,
) -> Steps {
    let name = || spec.name();
    let exchange = Exchange::new(Rc::clone(client), spec.timeout, spec.max_response);
    let limited = Limited::new(Arc::clone(&state.limiter), spec.max_retry_after, exchange);
    let classified = Classified::new(spec.empty_statuses.clone(), spec.max_retry_after, limited);
    let guarded = Guarded::new(name(), Arc::clone(&state.breaker), classified);
    let authorized = Authorized::new(name(), auth, Arc::clone(&state.token_refusals), guarded);
    let budget = Arc::clone(&state.retry_budget);
    let retried = Retried::new(spec.retry, spec.repeatable, budget, authorized);
    let rules = BodyRules {
        empty_statuses: spec.empty_statuses.clone(),
        empty_body: spec.empty_body,
        max_depth: spec.max_depth,
    };
    let parsed = Parsed::new(rules, retried);
    let paged = Paged::new(spec.paging.clone(), spec.url.endpoint().clone(), parsed);
    let bulkhead = Bulkhead::new(state.concurrency.clone(), paged);
    Rendered::new(Arc::clone(spec), bulkhead)
}
