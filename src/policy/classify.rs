//! Which statuses are an answer, and which failure the others are.

use std::time::Duration;

use super::context::Context;
use super::request::Request;
use super::step::Step;
use crate::domain::failure::{Failure, FailureKind};
use crate::http::client::Response;

/// Turns a response that is no answer into its failure.
pub(crate) struct Classified<S> {
    /// Statuses that are a definite "there is none".
    empty_statuses: Vec<u16>,
    /// The longest time for which an upstream is believed that it wants to be left alone.
    max_retry_after: Duration,
    inner: S,
}

impl<S> Classified<S> {
    pub(crate) fn new(empty_statuses: Vec<u16>, max_retry_after: Duration, inner: S) -> Self {
        Self { empty_statuses, max_retry_after, inner }
    }

    /// The failure that a response is, if it is one.
    fn failure(&self, response: &Response, cx: &Context<'_>) -> Option<Failure> {
        let status = response.status;
        // Before all others: whoever is not let in has not been told that there is none.
        if status == 401 && cx.credential.is_some_and(|credential| credential.may_have_ended) {
            let detail = "the upstream refused the token (401)";
            let failure = Failure::new(FailureKind::TokenRefused, detail);
            return Some(Failure { request_sent: true, ..failure });
        }
        if (200..=299).contains(&status) || self.empty_statuses.contains(&status) {
            return None;
        }
        let retry_after = response.hints.retry_after.map(|wait| wait.min(self.max_retry_after));
        Some(Failure::of_status(status, retry_after))
    }
}

impl<S: Step<Request, Out = Response>> Step<Request> for Classified<S> {
    type Out = Response;

    fn ready(&self) -> Result<(), Failure> {
        self.inner.ready()
    }

    async fn call(&self, request: &Request, cx: &Context<'_>) -> Result<Response, Failure> {
        let response = self.inner.call(request, cx).await?;
        match self.failure(&response, cx) {
            None => Ok(response),
            Some(failure) => {
                cx.attempt_failed(failure.kind);
                Err(failure)
            }
        }
    }
}
