//! Answers for one source in one worker.

use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, Message, Supervised, Supervisor};

use crate::actors::crash::{Crash, Living};
use crate::actors::reply::{Cancellable, or_if_it_panics};
use crate::actors::supervision::{Respawning, Restarts};
use crate::clock;
use crate::model::failure::Failure;
use crate::model::record::target::Target;
use crate::policy::answer::Answer;
use crate::policy::pipeline::Pipeline;
use crate::policy::request::FetchRequest;
use crate::policy::source_spec::SourceSpec;

/// Ask this source, until the request's deadline.
#[derive(Message)]
#[rtype(result = "Result<Answer, Failure>")]
pub struct Fetch(pub FetchRequest);

/// One source in one worker thread: a thin shell around its [`Pipeline`].
pub struct SourceActor {
    pipeline: Rc<Pipeline>,
}

impl Actor for SourceActor {
    type Context = Context<Self>;
}

impl Supervised for SourceActor {}

impl Handler<Fetch> for SourceActor {
    type Result = Cancellable<Result<Answer, Failure>>;

    fn handle(&mut self, Fetch(request): Fetch, _: &mut Self::Context) -> Self::Result {
        let pipeline = Rc::clone(&self.pipeline);
        Cancellable::new(async move {
            let instead = || Err(Failure::internal());
            or_if_it_panics(pipeline.fetch(&request), instead).await
        })
    }
}

impl Handler<Crash> for SourceActor {
    type Result = ();

    fn handle(&mut self, Crash: Crash, _: &mut Self::Context) {
        panic!("asked to crash");
    }
}

/// A source's actor as the coordinator of the same thread sees it.
pub struct SourceHandle {
    spec: Arc<SourceSpec>,
    target: Arc<Target>,
    actor: Respawning<SourceActor, Box<dyn Fn() -> Addr<SourceActor>>>,
}

impl SourceHandle {
    /// Starts the actor of a source in this thread.
    pub fn start(pipeline: Rc<Pipeline>, restarts: Arc<Restarts>, living: Arc<Living>) -> Self {
        let spec = Arc::clone(pipeline.spec());
        let id = spec.id.clone();
        let name = format!("source {id}").into();
        let factory: Box<dyn Fn() -> Addr<SourceActor>> = Box::new(move || {
            let pipeline = Rc::clone(&pipeline);
            let actor = Supervisor::start(move |_| SourceActor { pipeline });
            living.add(id.clone(), actor.downgrade().recipient());
            actor
        });
        let target = Arc::new(spec.target());
        Self { spec, target, actor: Respawning::new(name, restarts, clock::now(), factory) }
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

    /// Asks the actor; an actor that is down or dies over it leaves an `internal` failure.
    pub fn ask(&self, fetch: Fetch) -> impl Future<Output = Result<Answer, Failure>> + use<> {
        let sent = self.actor.addr(clock::now()).map(|actor| actor.send(fetch));
        async move {
            match sent {
                Ok(reply) => reply.await.unwrap_or_else(|_| Err(Failure::internal())),
                Err(_) => Err(Failure::internal()),
            }
        }
    }
}
