//! No request leaves without a permit, and every response is listened to.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use super::limiter::Limiter;
use super::throttle;
use crate::domain::failure::Failure;
use crate::domain::trace::SpanKind;
use crate::http::client::Response;
use crate::policy::context::Context;
use crate::policy::request::Request;
use crate::policy::step::Step;

/// Lets no request through without a permit of its key's bucket.
pub(crate) struct Limited<S> {
    limiter: Arc<Limiter>,
    /// The longest time that the upstream can hold requests back.
    max_retry_after: Duration,
    inner: S,
}

impl<S> Limited<S> {
    pub(crate) fn new(limiter: Arc<Limiter>, max_retry_after: Duration, inner: S) -> Self {
        Self { limiter, max_retry_after, inner }
    }
}

impl<S: Step<Request, Out = Response>> Step<Request> for Limited<S> {
    type Out = Response;

    fn ready(&self) -> Result<(), Failure> {
        self.inner.ready()
    }

    async fn call(&self, request: &Request, cx: &Context<'_>) -> Result<Response, Failure> {
        let bucket = self.limiter.bucket(request.rate_limit_key.as_deref());
        let permit = {
            let _span = cx.span(SpanKind::RateLimit);
            bucket.acquire(cx.deadline.at()).await?
        };
        let permit = Cell::new(Some(permit));
        let response = self.inner.call(request, &cx.permitted(&permit)).await?;
        throttle::heard(&response.hints, response.status, &bucket, self.max_retry_after);
        Ok(response)
    }
}
