//! One attempt: one request to the upstream and its response, within one attempt's time.

use std::rc::Rc;
use std::time::Duration;

use awc::http::header::{HeaderName, HeaderValue};

use super::exchange_spec::ExchangeSpec;
use super::failures;
use super::request::Request;
use super::step::Step;
use crate::clock;
use crate::http::client::{HttpClient, Response};
use crate::model::failure::Failure;
use crate::model::time::deadline::Deadline;
use crate::policy::fetch_context::Context;

/// Tells an upstream which span its own ones belong to (W3C Trace Context).
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The innermost step: sends the request, whatever comes of it.
pub(crate) struct Exchange {
    client: Rc<HttpClient>,
    /// One attempt, connect and body included.
    timeout: Duration,
    /// The largest body that is read, bytes.
    max_body: usize,
}

impl Exchange {
    /// Bodies of up to `max_body` bytes are read.
    pub(crate) fn new(client: Rc<HttpClient>, spec: &ExchangeSpec, max_body: usize) -> Self {
        Self { client, timeout: spec.timeout, max_body }
    }
}

impl Step<Request> for Exchange {
    type Out = Response;

    fn ready(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn call(&self, request: &Request, cx: &Context<'_>) -> Result<Response, Failure> {
        let now = clock::now();
        let attempt = cx.attempt(now);
        let deadline = cx.deadline.earlier(Deadline::after(now, self.timeout));
        let traceparent = cx
            .trace
            .and_then(|trace| HeaderValue::try_from(trace.traceparent(attempt.span_id)).ok());
        let own = [
            cx.credential.map(|credential| (credential.name, credential.value)),
            traceparent.as_ref().map(|parent| (&TRACEPARENT, parent)),
        ];
        let (result, sent) = self
            .client
            .send(&request.http, &own, self.max_body, deadline.at(), cx.take_permit())
            .await;
        let status = result.as_ref().ok().map(|response| response.status);
        let min_fair_time = cx.min_fair_time.min(self.timeout / 2);
        let result = result.map_err(|error| failures::of_exchange(&error, sent, min_fair_time));
        attempt.end(status, result.as_ref().err().map(|failure| failure.kind), sent.connect);
        result
    }
}
