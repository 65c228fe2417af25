//! An inner step that does as a test tells it, and what a test needs around a step.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use awc::http::Method;
use awc::http::uri::PathAndQuery;

use super::request::Request;
use super::step::Step;
use crate::clock;
use crate::http::client::{self, Response};
use crate::http::hints::ResponseHints;
use crate::model::failure::{Failure, FailureKind};
use crate::model::id::Id;
use crate::model::record::recorder::{Progress, Recorder};
use crate::model::record::span::Span;
use crate::model::record::target::Target;
use crate::model::time::deadline::Deadline;
use crate::policy::fetch_context::Context;

/// Answers each call with the next result of its script, after a time, and remembers the calls. A
/// call beyond the script never ends.
pub(super) struct Fake<Out> {
    script: RefCell<VecDeque<(Duration, Result<Out, Failure>)>>,
    /// What it refuses calls with as long as it is not ready.
    pub(super) not_ready: RefCell<Option<Failure>>,
    pub(super) calls: RefCell<Vec<Call>>,
    pub(super) under_way: Cell<usize>,
}

/// One call, as the fake saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) target: String,
    /// The value of the credential's header.
    pub(super) credential: Option<String>,
    pub(super) is_probe: bool,
}

impl<Out> Fake<Out> {
    /// Answers at once, in this order.
    pub(super) fn of(script: impl IntoIterator<Item = Result<Out, Failure>>) -> Rc<Self> {
        Self::slow(script.into_iter().map(|result| (Duration::ZERO, result)))
    }

    /// Answers in this order, each after its time.
    pub(super) fn slow(
        script: impl IntoIterator<Item = (Duration, Result<Out, Failure>)>,
    ) -> Rc<Self> {
        Rc::new(Self {
            script: RefCell::new(script.into_iter().collect()),
            not_ready: RefCell::default(),
            calls: RefCell::default(),
            under_way: Cell::default(),
        })
    }

    pub(super) fn count(&self) -> usize {
        self.calls.borrow().len()
    }
}

/// Counts a call as under way until it is dropped.
struct UnderWay<'a>(&'a Cell<usize>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<Out> Step<Request> for Rc<Fake<Out>> {
    type Out = Out;

    fn ready(&self) -> Result<(), Failure> {
        self.not_ready.borrow().clone().map_or(Ok(()), Err)
    }

    async fn call(&self, request: &Request, cx: &Context<'_>) -> Result<Out, Failure> {
        self.ready()?;
        self.calls.borrow_mut().push(Call {
            target: request.http.target.to_string(),
            credential: cx
                .credential
                .map(|credential| credential.value.to_str().unwrap_or_default().to_owned()),
            is_probe: cx.is_probe,
        });
        self.under_way.set(self.under_way.get() + 1);
        let _under_way = UnderWay(&self.under_way);
        let Some((time, result)) = self.script.borrow_mut().pop_front() else {
            return std::future::pending().await;
        };
        let attempt = cx.attempt(clock::now());
        clock::sleep_until(clock::now() + time).await;
        if let Some(permit) = cx.take_permit() {
            permit.sent();
        }
        attempt.end(None, result.as_ref().err().map(|failure| failure.kind), None);
        result
    }
}

/// What is around one fetch.
pub(super) struct Surroundings {
    progress: Arc<Progress>,
    recorder: Recorder,
    pub(super) began: Instant,
}

impl Surroundings {
    pub(super) fn new() -> Self {
        let progress = Arc::new(Progress::default());
        let began = clock::now();
        let recorder = progress.recorder(id(), Target::sample().into(), began);
        Self { progress, recorder, began }
    }

    /// The context of a fetch that has so many milliseconds.
    pub(super) fn context(&self, deadline_ms: u64) -> Context<'_> {
        let deadline = Deadline::after(self.began, Duration::from_millis(deadline_ms));
        let min_fair_time = Duration::from_millis(deadline_ms / 2);
        Context::new(deadline, min_fair_time, self.began, None, &self.recorder)
    }

    /// What was recorded.
    pub(super) fn spans(&self) -> Vec<Span> {
        self.progress.take(&id()).spans
    }

    /// How much time has passed, ms.
    pub(super) fn passed(&self) -> u128 {
        clock::now().saturating_duration_since(self.began).as_millis()
    }
}

fn id() -> Id {
    Id::try_new("crm").expect("an id")
}

/// A rendered request to this path.
pub(super) fn request(target: &str) -> Request {
    let target = PathAndQuery::try_from(target).expect("a path");
    let http = client::Request { method: Method::GET, target, headers: Vec::new(), body: None };
    Request { http, rate_limit_key: None }
}

/// A response with this status and body.
pub(super) fn response(status: u16, body: &str) -> Response {
    let (hints, body) = (ResponseHints::default(), body.to_owned().into());
    Response { status, hints, body, self_delimited: true }
}

/// A failure of this kind after the request was sent.
pub(super) fn failed(kind: FailureKind) -> Failure {
    Failure { request_sent: true, ..Failure::new(kind, format!("{kind:?}")) }
}
