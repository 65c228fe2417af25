//! Answers for one source in one worker.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix::{Actor, Addr, Context, Handler, Message, Supervised, Supervisor};

use super::reply::{Cancellable, or_if_it_panics};
use super::supervision::{Living, Respawning, Restarts};
use crate::domain::ids::Id;
use crate::domain::outcome::SourceReply;
use crate::domain::source::SourceSpec;
use crate::upstream::clock;
use crate::upstream::fetch::{FetchRequest, Source};

/// Ask this source, until the request's deadline.
#[derive(Message)]
#[rtype(result = "SourceReply")]
pub struct Fetch(pub FetchRequest);

/// Panic in the handler, as a bug would. Tests of supervision send it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Crash;

/// One source in one worker thread: a thin shell around [`Source`].
pub struct SourceActor {
    source: Rc<Source>,
}

impl Actor for SourceActor {
    type Context = Context<Self>;
}

impl Supervised for SourceActor {}

impl Handler<Fetch> for SourceActor {
    type Result = Cancellable<SourceReply>;

    fn handle(&mut self, Fetch(request): Fetch, _: &mut Self::Context) -> Self::Result {
        let source = Rc::clone(&self.source);
        Cancellable::new(async move {
            let instead = || source.internal_reply(request.started);
            or_if_it_panics(source.fetch(&request), instead).await
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
    source: Rc<Source>,
    actor: Respawning<SourceActor, Box<dyn Fn() -> Addr<SourceActor>>>,
}

impl SourceHandle {
    /// Starts the actor of `source` in this thread.
    pub fn start(source: Rc<Source>, restarts: Arc<Restarts>, living: Arc<Living>) -> Self {
        let name = format!("source {}", source.id()).into();
        let for_actor = Rc::clone(&source);
        let factory: Box<dyn Fn() -> Addr<SourceActor>> = Box::new(move || {
            let source = Rc::clone(&for_actor);
            let id = source.id().clone();
            let actor = Supervisor::start(move |_| SourceActor { source });
            living.add(id, actor.downgrade().recipient());
            actor
        });
        Self { source, actor: Respawning::new(name, restarts, clock::now(), factory) }
    }

    /// The source as it was configured.
    pub fn spec(&self) -> &SourceSpec {
        self.source.spec()
    }

    /// Whether it asks by this very configuration, that of an earlier handle.
    pub fn is_of(&self, spec: &Arc<SourceSpec>) -> bool {
        std::ptr::eq(self.source.spec(), Arc::as_ptr(spec))
    }

    /// Asks the actor; an actor that is down or dies over it leaves an `internal` reply.
    pub fn ask(&self, fetch: Fetch) -> impl Future<Output = SourceReply> + use<> {
        let source = Rc::clone(&self.source);
        let started = fetch.0.started;
        let sent = self.actor.addr(clock::now()).map(|actor| actor.send(fetch));
        async move {
            match sent {
                Ok(reply) => reply.await.unwrap_or_else(|_| source.internal_reply(started)),
                Err(_) => source.internal_reply(started),
            }
        }
    }

    /// The reply of a source that ran out of time without a word.
    pub fn late_reply(&self, started: Instant) -> SourceReply {
        self.source.late_reply(started)
    }

    /// The reply of a source that was never asked, because it waited for `other` until the deadline.
    pub fn unasked_reply(&self, other: &Id, started: Instant) -> SourceReply {
        self.source.unasked_reply(other, started)
    }

    /// The reply of a source that was not waited for, because a required one had failed.
    pub fn abandoned_reply(&self, started: Instant) -> SourceReply {
        self.source.abandoned_reply(started)
    }

    /// The reply of a source that met a fault of ours.
    pub fn internal_reply(&self, started: Instant) -> SourceReply {
        self.source.internal_reply(started)
    }
}
