//! One source as one worker asks it.

use std::rc::Rc;
use std::sync::Arc;

use super::answer::Answer;
use super::auth::Auth;
use super::pipeline::{self, Steps};
use super::request::FetchRequest;
use super::source_spec::SourceSpec;
use super::step::Step;
use crate::http::client::HttpClient;
use crate::model::failure::Failure;
use crate::policy::fetch_context::Context;
use crate::policy::source_state::SourceState;

/// One source as one worker asks it.
pub struct SourcePipeline {
    spec: Arc<SourceSpec>,
    state: Arc<SourceState>,
    client: Rc<HttpClient>,
    steps: Steps,
}

impl SourcePipeline {
    /// A pipeline that sends through `client` and keeps within the limits of the process in `state`.
    pub fn new(
        spec: Arc<SourceSpec>,
        state: Arc<SourceState>,
        client: HttpClient,
        auth: Auth,
    ) -> Self {
        let client = Rc::new(client);
        let steps = pipeline::build(
            state.name(),
            &spec.request,
            &spec.policies,
            &state.policies,
            Rc::clone(&client),
            auth,
        );
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
            endpoint = self.spec.request.url.endpoint().authority(),
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
