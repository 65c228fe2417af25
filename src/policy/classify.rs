//! Which statuses are an answer, and which failure the others are.

use std::time::Duration;

use super::request::Request;
use super::step::Step;
use crate::config::key::{AnyKey, Key};
use crate::config::list_form::Numbers;
use crate::config::number_form::Time;
use crate::config::plan_lines::PlanLines;
use crate::config::table::Table;
use crate::config::units::show_duration;
use crate::http::client::Response;
use crate::model::failure::{Failure, FailureKind};
use crate::model::header::retry_after::LONGEST_WAIT;
use crate::model::json::Json;
use crate::policy::body_failure::BodyFailureSpec;
use crate::policy::fetch_context::Context;

/// The deepest body that is looked at here.
const DEEPEST: usize = 1000;

/// What is made of a source's responses.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseSpec {
    /// Statuses that are a definite "there is none".
    pub empty_statuses: Vec<u16>,
    /// The longest time that the upstream can hold calls back by `Retry-After`.
    pub max_retry_after: Duration,
    /// Statuses by which an upstream says that a token has ended.
    pub refresh_on: Vec<u16>,
    /// When a success is a failure by its body.
    pub body_failure: BodyFailureSpec,
}

/// Its keys in the source's table.
pub(crate) const KEYS: &[&dyn AnyKey] = &[&EMPTY_STATUSES, &MAX_RETRY_AFTER, &REFRESH_ON];

static EMPTY_STATUSES: Key<Numbers> = Key::new(
    "empty_statuses",
    Numbers(400, 499),
    "Statuses that are a definite \"there is none\", not a failure.",
)
.default(&[404]);

static MAX_RETRY_AFTER: Key<Time> = Key::new(
    "max_retry_after",
    Time(Duration::from_millis(1), LONGEST_WAIT),
    "The longest pause that the upstream can ask for by `Retry-After`.",
)
.default(Duration::from_mins(5));

static REFRESH_ON: Key<Numbers> = Key::new(
    "refresh_on",
    Numbers(400, 499),
    "Statuses by which the upstream says that a token has ended; after another one than 401 only a repeatable request is sent again.",
)
.default(&[UNAUTHORIZED]);

/// By this one a request is refused before it is processed (RFC 9110 section 15.5.2).
const UNAUTHORIZED: u16 = 401;

impl ResponseSpec {
    /// Reads its keys in a source's table; what is wrong is in the report.
    pub(crate) fn read(source: &Table) -> Self {
        Self {
            empty_statuses: source.value(&EMPTY_STATUSES),
            max_retry_after: source.value(&MAX_RETRY_AFTER),
            refresh_on: source.value(&REFRESH_ON),
            body_failure: BodyFailureSpec::read(source),
        }
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self, lines: &mut PlanLines) {
        let longest = show_duration(self.max_retry_after);
        lines.add("retry_after", format!("is waited for up to {longest}"));
    }
}

/// Turns a response that is no answer into its failure.
pub(crate) struct Classified<S> {
    /// The source's name, for the log.
    source: String,
    spec: ResponseSpec,
    inner: S,
}

impl<S> Classified<S> {
    pub(crate) fn new(source: String, spec: ResponseSpec, inner: S) -> Self {
        Self { source, spec, inner }
    }

    /// The failure that a response is, if it is one.
    fn failure(&self, response: &Response, cx: &Context<'_>) -> Option<Failure> {
        let status = response.status;
        // Before all others: whoever is not let in has not been told that there is none.
        let may_have_ended = cx.credential.is_some_and(|credential| credential.may_have_ended);
        if may_have_ended && self.spec.refresh_on.contains(&status) {
            let detail = format!("the upstream refused the token ({status})");
            let failure = Failure::new(FailureKind::TokenRefused, detail);
            let status = Some(status).filter(|status| *status != UNAUTHORIZED);
            return Some(Failure { request_sent: true, status, ..failure });
        }
        if (200..=299).contains(&status) {
            return self.failure_by_body(response, cx);
        }
        if self.spec.empty_statuses.contains(&status) {
            return None;
        }
        if self.spec.body_failure.has_message()
            && let Some(body) = json(response)
        {
            self.tell_why(&body, cx);
        }
        let retry_after =
            response.hints.retry_after.map(|wait| wait.min(self.spec.max_retry_after));
        Some(Failure::of_status(status, retry_after))
    }
}

impl<S> Classified<S> {
    /// The failure that a success is by its body, if it is one. A body that is no JSON is for others to
    /// refuse.
    fn failure_by_body(&self, response: &Response, cx: &Context<'_>) -> Option<Failure> {
        let spec = &self.spec.body_failure;
        if !spec.looks_at_successes() {
            return None;
        }
        let body = json(response).filter(|body| spec.is_failure(body))?;
        self.tell_why(&body, cx);
        let detail =
            format!("the upstream answered {}, and its body says that it failed", response.status);
        Some(Failure { request_sent: true, ..Failure::new(FailureKind::FailedByBody, detail) })
    }

    /// What an upstream says is for operators: it goes into the log and the request's record, not into
    /// a reply.
    fn tell_why(&self, body: &Json, cx: &Context<'_>) {
        if let Some(message) = self.spec.body_failure.message(body) {
            tracing::info!(source = self.source, message, "an upstream says why it failed");
            cx.upstream_said(message);
        }
    }
}

/// The body, if it is JSON that can be looked at.
fn json(response: &Response) -> Option<Json> {
    Json::parse(response.body.clone(), DEEPEST).ok()
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

    fn spec(empty_statuses: &[u16]) -> ResponseSpec {
        let max_retry_after = Duration::from_secs(30);
        ResponseSpec {
            empty_statuses: empty_statuses.to_vec(),
            max_retry_after,
            refresh_on: vec![UNAUTHORIZED],
            body_failure: BodyFailureSpec::none(),
        }
    }

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
            let classified = Classified::new("crm".to_owned(), spec(&[404, 401]), inner);
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
        let classified = Classified::new("crm".to_owned(), spec(&[]), Fake::of([Ok(response)]));
        let around = Surroundings::new();
        let failure = classified.call(&request("/"), &around.context(1000)).await.unwrap_err();
        assert_eq!(failure.retry_after, Some(Duration::from_secs(30)));
        assert!(failure.request_sent);
    }
}
