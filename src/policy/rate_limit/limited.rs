//! No request leaves without a permit, and every response is listened to.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::http::client::Response;
use crate::model::failure::Failure;
use crate::model::record::span::SpanKind;
use crate::policy::fetch_context::Context;
use crate::policy::rate_limit::limiter::Limiter;
use crate::policy::rate_limit::throttle::{self, ThrottleSpec};
use crate::policy::request::Request;
use crate::policy::step::Step;

/// Lets no request through without a permit of its key's bucket.
pub(crate) struct Limited<S> {
    limiter: Arc<Limiter>,
    throttle: ThrottleSpec,
    /// The longest time for which `Retry-After` can hold requests back.
    max_retry_after: Duration,
    inner: S,
}

impl<S> Limited<S> {
    pub(crate) fn new(
        limiter: Arc<Limiter>,
        throttle: ThrottleSpec,
        max_retry_after: Duration,
        inner: S,
    ) -> Self {
        Self { limiter, throttle, max_retry_after, inner }
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
        let (hints, status) = (&response.hints, response.status);
        throttle::heard(hints, status, &bucket, self.throttle, self.max_retry_after);
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::rc::Rc;

    use super::*;
    use crate::model::failure::FailureKind;
    use crate::policy::fake::{Fake, Surroundings, request, response};
    use crate::policy::rate_limit::rate_limit_spec::RateLimitSpec;

    /// One request in so many milliseconds.
    fn limited(inner: &Rc<Fake<Response>>, per_ms: u64) -> Limited<Rc<Fake<Response>>> {
        let spec = RateLimitSpec {
            requests: NonZeroU32::MIN,
            per: Duration::from_millis(per_ms),
            burst: NonZeroU32::MIN,
            key: None,
            max_wait: Duration::from_mins(1),
        };
        let limiter = Arc::new(Limiter::new("crm", Some(spec)));
        let heeded = throttle::Heeded::Auto;
        let throttle =
            ThrottleSpec { rate_limit_headers: heeded, max_pause: Duration::from_secs(30) };
        Limited::new(limiter, throttle, Duration::from_secs(30), Rc::clone(inner))
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_its_permit_and_the_wait_is_recorded() {
        let inner = Fake::of([Ok(response(200, "1")), Ok(response(200, "2"))]);
        let (limited, around) = (limited(&inner, 500), Surroundings::new());
        let cx = around.context(5000);
        for _ in 0..2 {
            limited.call(&request("/"), &cx).await.unwrap();
        }
        assert!((500..600).contains(&around.passed()), "{}", around.passed());
        let waits: Vec<_> =
            around.spans().into_iter().filter(|span| span.kind == SpanKind::RateLimit).collect();
        assert_eq!(waits.len(), 1, "one that took no time is none: {waits:?}");
        assert!(waits[0].end - waits[0].start >= Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_that_cannot_come_in_time_is_a_failure_at_once() {
        let inner = Fake::of([Ok(response(200, "1"))]);
        let (limited, around) = (limited(&inner, 10_000), Surroundings::new());
        let cx = around.context(5000);
        limited.call(&request("/"), &cx).await.unwrap();
        let failure = limited.call(&request("/"), &cx).await.unwrap_err();
        assert_eq!((failure.kind, around.passed()), (FailureKind::NoPermit, 0));
        assert_eq!(inner.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_dropped_before_it_was_sent_leaves_room_for_the_next() {
        let inner = Fake::slow([(Duration::from_secs(1), Ok(response(200, "late")))]);
        let (limited, around) = (limited(&inner, 60_000), Surroundings::new());
        let (request, cx) = (request("/"), around.context(5000));
        for _ in 0..2 {
            let time = Duration::from_millis(10);
            let given_up = tokio::time::timeout(time, limited.call(&request, &cx)).await;
            assert!(given_up.is_err(), "it hangs, but has had its permit");
        }
        assert_eq!(inner.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_holds_everybody_back_as_long_as_it_asks_for() {
        let mut throttled = response(429, "");
        throttled.hints.retry_after = Some(Duration::from_secs(2));
        let inner = Fake::of([Ok(throttled), Ok(response(200, "1"))]);
        let (limited, around) = (limited(&inner, 1), Surroundings::new());
        let cx = around.context(60_000);
        assert_eq!(limited.call(&request("/"), &cx).await.unwrap().status, 429);
        limited.call(&request("/other"), &cx).await.unwrap();
        assert!((2000..=2200).contains(&around.passed()), "{}", around.passed());
    }
}
