//! Answers for one source in one worker.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, MailboxError, Message, Supervised, Supervisor};

use crate::actors::observe::{Observe, SourceLatency};
use crate::actors::reply::Cancellable;
use crate::actors::supervision::{Restarts, SupervisedAddr};
use crate::clock;
use crate::model::failure::Failure;
use crate::model::record::target::Target;
use crate::model::time::latency_histogram::LatencyHistogram;
use crate::policy::answer::Answer;
use crate::policy::request::FetchRequest;
use crate::policy::source_pipeline::SourcePipeline;
use crate::policy::source_spec::SourceSpec;

/// Ask this source, until the request's deadline.
#[derive(Message)]
#[rtype(result = "Result<Answer, Failure>")]
pub struct Fetch(pub FetchRequest);

/// One source in one worker thread. It owns the source's steps, their connections, and how long its
/// fetches took: what one actor broke is gone with it.
pub struct SourceActor {
    /// The source's name, with the tenant if there is one.
    name: Arc<str>,
    /// Absent: none could be made, as is logged.
    pipeline: Option<Rc<SourcePipeline>>,
    latency: Rc<RefCell<LatencyHistogram>>,
}

impl Actor for SourceActor {
    type Context = Context<Self>;
}

impl Supervised for SourceActor {}

impl Handler<Observe> for SourceActor {
    type Result = ();

    fn handle(&mut self, observe: Observe, _: &mut Self::Context) {
        let counts = self.latency.borrow_mut().counts(clock::now());
        observe.answer_with(SourceLatency { source: Arc::clone(&self.name), counts });
    }
}

impl Handler<Fetch> for SourceActor {
    type Result = Cancellable<Result<Answer, Failure>>;

    fn handle(&mut self, Fetch(request): Fetch, _: &mut Self::Context) -> Self::Result {
        let (pipeline, latency) = (self.pipeline.clone(), Rc::clone(&self.latency));
        // A panic in here leaves the asker without an answer: it knows what that means.
        Cancellable::new(async move {
            let Some(pipeline) = pipeline else { return Err(Failure::internal()) };
            let _measured = Measured { request: &request, latency };
            pipeline.fetch(&request).await
        })
    }
}

/// A fetch whose time counts when it ends, also if it is given up: those are the long ones.
struct Measured<'a> {
    request: &'a FetchRequest,
    latency: Rc<RefCell<LatencyHistogram>>,
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        // One that was refused by our own limits says nothing of how long the source takes.
        if self.request.recorder.attempts() > 0 {
            let now = clock::now();
            let took = now.saturating_duration_since(self.request.ready_since);
            self.latency.borrow_mut().record(took, now);
        }
    }
}

type SourceActorFactory = Box<dyn Fn() -> Addr<SourceActor>>;

/// A source's actor as the coordinator of the same thread sees it. The actor behind it is made anew
/// when it panics, or one of its fetches does.
pub struct SourceHandle {
    spec: Arc<SourceSpec>,
    target: Arc<Target>,
    actor: SupervisedAddr<SourceActor, SourceActorFactory>,
}

impl SourceHandle {
    /// Starts the actor of a source in this thread; `make` is asked for what each new one owns.
    pub fn start(
        spec: Arc<SourceSpec>,
        restarts: Arc<Restarts>,
        make: impl Fn() -> Option<Rc<SourcePipeline>> + 'static,
    ) -> Self {
        let of = Arc::<str>::from(spec.name());
        let factory: SourceActorFactory = Box::new(move || {
            let (name, pipeline) = (Arc::clone(&of), make());
            let latency = Rc::new(RefCell::new(LatencyHistogram::new(clock::now())));
            Supervisor::start(move |_| SourceActor { name, pipeline, latency })
        });
        let name = format!("source {}", spec.id).into();
        let target = Arc::new(spec.target());
        Self { spec, target, actor: SupervisedAddr::new(name, restarts, clock::now(), factory) }
    }

    /// The source as it was configured.
    pub fn spec(&self) -> &SourceSpec {
        &self.spec
    }

    /// What its requests have in common.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Whether it asks by this very configuration, that of an earlier handle.
    pub fn is_of(&self, spec: &Arc<SourceSpec>) -> bool {
        Arc::ptr_eq(&self.spec, spec)
    }

    /// Asks the actor. If it panics over it before a call to the upstream has begun, the next one is
    /// asked; if a call has begun, or the next one panics as well, the failure is `internal`: nothing
    /// is ever sent twice because of a fault of ours.
    pub async fn ask(&self, request: FetchRequest) -> Result<Answer, Failure> {
        let again = request.clone();
        let answer = match self.ask_once(request).await {
            Err(Panicked) if again.recorder.attempts() == 0 => self.ask_once(again).await,
            answer => answer,
        };
        answer.unwrap_or_else(|Panicked| Err(Failure::internal()))
    }

    async fn ask_once(&self, request: FetchRequest) -> Result<Result<Answer, Failure>, Panicked> {
        let Ok(actor) = self.actor.addr(clock::now()) else { return Ok(Err(Failure::internal())) };
        match actor.send(Fetch(request)).await {
            Ok(answer) => Ok(answer),
            Err(MailboxError::Closed | MailboxError::Timeout) => {
                self.actor.replace(&actor);
                Err(Panicked)
            }
        }
    }
}

/// The actor panicked, or the fetch that it had begun for us.
struct Panicked;
