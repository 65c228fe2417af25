//! Which statuses are an answer, and which failure the others are.

use std::time::Duration;

use super::request::Request;
use super::step::Step;
use crate::http::client::Response;
use crate::model::failure::{Failure, FailureKind};
use crate::policy::fetch_context::Context;

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

#[cfg(test)]
mod tests {
    use awc::http::header::{AUTHORIZATION, HeaderValue};

    use super::*;
    use crate::policy::fake::{Fake, Surroundings, request, response};
    use crate::policy::fetch_context::Credential;

    /// What a status comes to, without a credential, with a secret and with a token.
    async fn kinds(status: u16) -> [Option<FailureKind>; 3] {
        let value = HeaderValue::from_static("secret");
        let credential =
            |may_have_ended| Credential { name: &AUTHORIZATION, value: &value, may_have_ended };
        let mut kinds = [None; 3];
        for (kind, credential) in
            kinds.iter_mut().zip([None, Some(credential(false)), Some(credential(true))])
        {
            let inner = Fake::of([Ok(response(status, ""))]);
            let classified = Classified::new(vec![404, 401], Duration::from_secs(30), inner);
            let around = Surroundings::new();
            let cx = around.context(1000);
            let cx = credential.map_or(cx, |credential| cx.signed(credential));
            *kind = classified.call(&request("/"), &cx).await.err().map(|failure| failure.kind);
            let recorded = around.spans()[0].attempt().and_then(|attempt| attempt.failure);
            assert_eq!(recorded, *kind, "the attempt is recorded as what it came to");
        }
        kinds
    }

    #[tokio::test]
    async fn a_status_is_an_answer_or_its_failure() {
        for status in [200, 204, 299, 404] {
            assert_eq!(kinds(status).await, [None; 3], "{status}");
        }
        for status in [302, 403, 429, 500, 503] {
            let kind = Some(FailureKind::of_status(status));
            assert_eq!(kinds(status).await, [kind; 3], "{status}");
        }
    }

    #[tokio::test]
    async fn a_401_for_a_token_is_no_answer_even_where_a_401_says_that_there_is_none() {
        assert_eq!(kinds(401).await, [None, None, Some(FailureKind::TokenRefused)]);
    }

    #[tokio::test]
    async fn an_upstream_is_believed_no_longer_than_it_may_be() {
        let mut response = response(503, "");
        response.hints.retry_after = Some(Duration::from_hours(1));
        let classified =
            Classified::new(Vec::new(), Duration::from_secs(30), Fake::of([Ok(response)]));
        let around = Surroundings::new();
        let failure = classified.call(&request("/"), &around.context(1000)).await.unwrap_err();
        assert_eq!(failure.retry_after, Some(Duration::from_secs(30)));
        assert!(failure.request_sent);
    }
}
