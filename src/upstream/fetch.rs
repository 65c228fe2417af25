//! Asks one source once per request: limits, token, attempts, and what comes of them.
//!
//! The only place that retries. One call goes through the gates in this order: a slot among
//! those under way, a token, the circuit breaker, a permit of the rate limiter, the exchange; and
//! then, where [`decide`] says so, again from the token on. While the breaker is open, no token is
//! waited for.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use awc::http::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::auth::{Auth, Token};
use super::call_log::{CallLog, Made};
use super::clock;
use super::error::{self, unusable};
use super::limiter::{Bucket, Permit};
use super::origin::{Origin, Prepared, Reply, Sent};
use super::pages;
use super::prepare::RequestPlan;
use super::probe::Pass;
use super::shared::SourceShared;
use crate::domain::deadline::Deadline;
use crate::domain::failure::{Blame, Failure, FailureKind};
use crate::domain::ids::Id;
use crate::domain::inputs::Inputs;
use crate::domain::json::Json;
use crate::domain::outcome::{Outcome, SourceReply};
use crate::domain::retry::{Decision, Situation, decide};
use crate::domain::source::{EmptyBody, SourceSpec};
use crate::domain::target::Target;
use crate::domain::template::Values;
use crate::domain::trace::SpanKind;
use crate::domain::trace_context::TraceContext;

/// An attempt that has less time than this is not worth its load on the upstream.
const MINIMUM_USEFUL: Duration = Duration::from_millis(1);

/// Tells an upstream which span its own ones belong to (W3C Trace Context).
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What goes on to the sources from the caller's request.
#[derive(Debug, Clone, Default)]
pub struct Forwarded {
    /// Header names and values, checked.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The trace, of which each attempt is a span.
    pub trace: Option<TraceContext>,
}

impl Forwarded {
    /// What an attempt says of its own span.
    fn traceparent(&self, span_id: u64) -> Option<HeaderValue> {
        HeaderValue::try_from(self.trace.as_ref()?.traceparent(span_id)).ok()
    }
}

/// One request to one source.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// What the caller sent, checked.
    pub inputs: Arc<Inputs>,
    /// What goes on to the source from the caller's headers.
    pub forwarded: Arc<Forwarded>,
    /// The data of the sources that this one waited for; one without data is left out.
    pub sources: Vec<(Id, Json)>,
    /// When the request arrived.
    pub started: Instant,
    /// When nothing was waited for any more: `started`, or later if other sources' data was.
    pub ready: Instant,
    /// When the answer must be there.
    pub deadline: Deadline,
    /// An upstream that was given less time than this is not to blame for a timeout.
    pub patience: Duration,
}

/// One source as one worker asks it.
pub struct Source {
    spec: Arc<SourceSpec>,
    pub(super) shared: Arc<SourceShared>,
    origin: Origin,
    pub(super) auth: Auth,
    plan: RequestPlan,
    target: Arc<Target>,
}

/// What a source answered.
pub(super) enum Answer {
    /// The upstream's data.
    Data { status: u16, data: Json },
    /// A definite "there is none".
    Empty { status: u16 },
    /// Some pages, but not all.
    Part { data: Json, why: Cow<'static, str> },
}

impl Source {
    /// A source that sends through `origin` and keeps within the process-wide `shared` limits.
    pub fn new(
        spec: Arc<SourceSpec>,
        shared: Arc<SourceShared>,
        origin: Origin,
        auth: Auth,
        plan: RequestPlan,
    ) -> Self {
        let target = Arc::new(Target::of(&spec));
        Self { spec, shared, origin, auth, plan, target }
    }

    /// The source's name.
    pub fn id(&self) -> &Id {
        &self.spec.id
    }

    /// The source as it was configured.
    pub fn spec(&self) -> &SourceSpec {
        &self.spec
    }

    /// Makes a connection before there is a request for it. One that fails is logged only: what it
    /// is worth is seen by the first request.
    pub async fn warm_up(&self) {
        if let Err(failure) = self.origin.warm_up().await {
            let source = self.shared.name();
            tracing::info!(source, error = %failure, "no connection before the first request");
        }
        self.shared.warmed_up();
    }

    /// Asks the upstream, with all pages and retries, and ends by the deadline.
    pub async fn fetch(&self, request: &FetchRequest) -> SourceReply {
        let mut log = CallLog::default();
        if request.ready > request.started {
            log.waited(request.started, request.ready);
        }
        let answer = self.answer(request, &mut log).await;
        self.reply(answer, log, request.started, request.ready)
    }

    async fn answer(&self, request: &FetchRequest, log: &mut CallLog) -> Result<Answer, Failure> {
        let limit = self.spec.max_in_flight;
        let _slot = self.shared.try_enter().ok_or_else(|| too_many_in_flight(limit))?;
        let values = Values { inputs: &request.inputs, sources: &request.sources };
        let prepared = self.plan.prepare(&self.spec, &values, &request.forwarded)?;
        let bucket = self.bucket(&values)?;
        let call = Call { source: self, request, bucket: &bucket };
        match &self.spec.paging {
            // In a box: its future is large, and most sources have no pages.
            Some(paging) => Box::pin(pages::collect(&call, paging, prepared, log)).await,
            None => self.judge(call.run(&prepared, log).await?),
        }
    }

    fn bucket(&self, values: &Values<'_>) -> Result<Arc<Bucket>, Failure> {
        let key = self.spec.rate_limit.as_ref().and_then(|limit| limit.key.as_ref());
        let key = key.map(|key| key.render(values)).transpose()?;
        Ok(self.shared.limiter.bucket(key.as_deref()))
    }

    /// What a whole reply says.
    pub(super) fn judge(&self, reply: Reply) -> Result<Answer, Failure> {
        let status = reply.status;
        if self.spec.empty_statuses.contains(&status) {
            return Ok(Answer::Empty { status });
        }
        let data = if reply.body.is_empty() {
            self.empty_body(&reply)?
        } else {
            Json::parse(reply.body, self.spec.max_depth)?
        };
        Ok(Answer::Data { status, data })
    }

    /// The data of a success whose body is empty.
    fn empty_body(&self, reply: &Reply) -> Result<Json, Failure> {
        match self.spec.empty_body.with_status(reply.status) {
            EmptyBody::Null if reply.self_delimited => Ok(Json::null()),
            EmptyBody::Null => Err(unusable(
                "the reply is not usable: the body is empty and has no length, so it may be cut off",
            )),
            EmptyBody::BadPayload => {
                Err(unusable("the reply is not usable: the body is empty (empty_body)"))
            }
        }
    }

    fn reply(
        &self,
        answer: Result<Answer, Failure>,
        log: CallLog,
        started: Instant,
        ready: Instant,
    ) -> SourceReply {
        let now = clock::now();
        let latency = now.saturating_duration_since(started);
        let (outcome, status, error, data) = match answer {
            Ok(Answer::Data { status, data }) => (Outcome::Ok, status, None, data),
            Ok(Answer::Empty { status }) => (
                Outcome::NotFound,
                status,
                Some(Cow::Borrowed("not found")),
                self.spec.empty_data.clone(),
            ),
            Ok(Answer::Part { data, why }) => {
                (Outcome::Truncated, Outcome::Truncated.default_status(), Some(why), data)
            }
            Err(failure) => (
                failure.facts().outcome,
                failure.shown_status(),
                Some(failure.explain(now.saturating_duration_since(ready))),
                self.spec.fallback.clone(),
            ),
        };
        let source = self.spec.id.clone();
        let target = Arc::clone(&self.target);
        let (attempts, spans) = (log.attempts, log.spans);
        SourceReply { source, target, outcome, status, error, attempts, latency, data, spans }
    }

    /// The reply of a source that ran out of time without a word.
    pub fn late_reply(&self, started: Instant) -> SourceReply {
        self.reply_without_a_call(Failure::timeout(), started)
    }

    /// The reply of a source that was never asked, because it waited for `other` until the deadline.
    pub fn unasked_reply(&self, other: &Id, started: Instant) -> SourceReply {
        let detail = format!("not asked: {other} had not answered in time");
        self.reply_without_a_call(Failure::new(FailureKind::Unasked, detail), started)
    }

    /// The reply of a source that was not waited for, because a required one had failed.
    pub fn abandoned_reply(&self, started: Instant) -> SourceReply {
        let detail = "not waited for: a required source failed";
        self.reply_without_a_call(Failure::new(FailureKind::NotWaitedFor, detail), started)
    }

    /// The reply of a source that met a fault of ours.
    pub fn internal_reply(&self, started: Instant) -> SourceReply {
        self.reply_without_a_call(Failure::internal(), started)
    }

    fn reply_without_a_call(&self, error: Failure, started: Instant) -> SourceReply {
        self.reply(Err(error), CallLog::default(), started, started)
    }
}

/// One request to one source on its way: what all its attempts have in common.
pub(super) struct Call<'a> {
    pub(super) source: &'a Source,
    pub(super) request: &'a FetchRequest,
    bucket: &'a Arc<Bucket>,
}

impl Call<'_> {
    /// One reply, after as many attempts as the policy, the budget and the deadline allow.
    pub(super) async fn run(
        &self,
        prepared: &Prepared,
        log: &mut CallLog,
    ) -> Result<Reply, Failure> {
        self.source.shared.retry_budget().record_request(clock::now());
        let mut tried = Tried::default();
        loop {
            let error = match self.attempt(prepared, &mut tried, log).await {
                Ok(reply) => return Ok(reply),
                // A retry that could not even be sent: what the upstream said before counts.
                Err((error, None)) => return Err(tried.last.unwrap_or(error)),
                Err((error, Some(_))) => error,
            };
            match self.decide(&error, &tried) {
                Decision::RetryAfter(wait) => log.spend(SpanKind::Backoff, wait).await,
                Decision::RetryWithNewToken => tried.new_tokens += 1,
                Decision::GiveUp(reason) => {
                    return Err(Failure { gave_up: Some(reason), ..error });
                }
            }
            tried.last = Some(error);
        }
    }

    fn decide(&self, failure: &Failure, tried: &Tried) -> Decision {
        let situation = Situation {
            attempts_made: tried.attempts - tried.new_tokens,
            repeatable: self.source.spec.repeatable,
            deadline: self.request.deadline,
            now: clock::now(),
            unauthorized_before: tried.new_tokens > 0,
            minimum_useful: MINIMUM_USEFUL,
        };
        let mut budget = || self.source.shared.retry_budget().try_withdraw(clock::now());
        decide(failure, situation, &self.source.spec.retry, fastrand::f64(), &mut budget)
    }

    /// One attempt; an error without [`Sent`] means that nothing was tried.
    async fn attempt(
        &self,
        prepared: &Prepared,
        tried: &mut Tried,
        log: &mut CallLog,
    ) -> Result<Reply, (Failure, Option<Sent>)> {
        let not_tried = |error: Failure| (error, None);
        let source = self.source;
        Pass::refuse_if_open(&source.shared).map_err(not_tried)?;
        let token = self.token(tried, log).await.map_err(not_tried)?;
        let pass = Pass::take(&source.shared).map_err(not_tried)?;
        let permit = self.permit(log).await.map_err(not_tried)?;

        tried.attempts += 1;
        let began = clock::now();
        let deadline = self.request.deadline.at().min(began + source.spec.timeout);
        let credential = match (&source.auth, &token) {
            (Auth::Static { name, value }, _) => Some((name, value)),
            (_, Some(token)) => Some((&AUTHORIZATION, &token.authorization)),
            (Auth::None | Auth::Token(_), None) => None,
        };
        let span_id = fastrand::u64(1..);
        let traceparent = self.request.forwarded.traceparent(span_id);
        let own = [credential, traceparent.as_ref().map(|parent| (&TRACEPARENT, parent))];
        let max_body = source.spec.max_response;
        let (reply, sent) =
            source.origin.send(prepared, &own, max_body, deadline, Some(permit)).await;
        let status = reply.as_ref().ok().map(|reply| reply.status);
        let min_fair_time = self.request.patience.min(source.spec.timeout / 2);
        let result = reply
            .map_err(|error| error::of_exchange(&error, sent.sent, min_fair_time))
            .and_then(|reply| self.check(reply, token.as_ref(), tried));
        let failure = result.as_ref().err().map(|failure| failure.kind);
        let is_probe = pass.is_probe();
        let breaker = pass.settle(failure.map_or(Blame::Healthy, |kind| kind.facts().blame));
        let made = Made { span_id, resend: tried.attempts - 1, status, failure, is_probe, breaker };
        log.attempt(began, made, sent);
        result.map_err(|error| (error, Some(sent)))
    }

    async fn permit(&self, log: &mut CallLog) -> Result<Permit, Failure> {
        let now = clock::now();
        let permit = self.bucket.acquire(self.request.deadline.at()).await;
        log.span_if_long(SpanKind::RateLimit, now);
        Ok(permit?)
    }

    /// Turns a reply that is no answer into its error, and listens to what it says about limits.
    fn check(
        &self,
        reply: Reply,
        token: Option<&Token>,
        tried: &mut Tried,
    ) -> Result<Reply, Failure> {
        let longest = self.source.spec.max_retry_after;
        reply.hints.obey(reply.status, self.bucket, longest);
        if reply.status == 401
            && let (Auth::Token(provider), Some(token)) = (&self.source.auth, token)
        {
            tried.refused = token.generation;
            return Err(self.token_refused(provider.as_ref(), token.generation, tried));
        }
        // What an upstream in trouble says tells nothing of the token.
        if tried.new_tokens > 0 && reply.status < 500 && reply.status != 429 {
            self.source.shared.token_refusals().healed(clock::now());
        }
        let definite = (200..=299).contains(&reply.status)
            || self.source.spec.empty_statuses.contains(&reply.status);
        if definite {
            return Ok(reply);
        }
        let retry_after = reply.hints.retry_after.map(|wait| wait.min(longest));
        Err(Failure::of_status(reply.status, retry_after))
    }
}

fn too_many_in_flight(limit: usize) -> Failure {
    let detail = format!("{limit} calls are under way already, the most allowed (max_in_flight)");
    Failure::new(FailureKind::TooManyInFlight, detail)
}

/// What the attempts so far have come to.
#[derive(Default)]
pub(super) struct Tried {
    attempts: u32,
    /// The generation of the last token that the upstream refused.
    pub(super) refused: u64,
    /// Attempts that were made because of a new token.
    pub(super) new_tokens: u32,
    last: Option<Failure>,
}
