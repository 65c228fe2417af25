//! Dispatches a request to the sources of its action and collects the replies: to all at once, but
//! for those that use another's data, which are asked the moment that one has answered.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler, Message, Supervised};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::asked::Asked;
use super::reply::{Cancellable, or_if_it_panics};
use crate::actors::observe::Observe;
use crate::actors::source_actor::SourceHandle;
use crate::clock;
use crate::model::action::action_spec::ActionSpec;
use crate::model::id::Id;
use crate::model::inputs::Inputs;
use crate::model::json::Json;
use crate::model::record::recorder::Progress;
use crate::model::reply::aggregate::Aggregate;
use crate::model::reply::outcome::SourceReply;
use crate::model::time::deadline::Deadline;
use crate::policy::request::{FetchRequest, Forwarded};

/// Sources end at the deadline by themselves and say how far they came; one that does not is cut
/// off this much later.
const DEADLINE_GRACE: Duration = Duration::from_millis(10);

/// Ask every source of an action, until the deadline or until a required one has failed.
#[derive(Message)]
#[rtype(result = "Aggregate")]
pub struct RunAction {
    /// The action.
    pub action: Arc<ActionSpec>,
    /// What the caller sent, checked.
    pub inputs: Arc<Inputs>,
    /// What goes on to the sources from the caller's headers.
    pub forwarded: Arc<Forwarded>,
    /// When the request arrived.
    pub started: Instant,
    /// When the reply must leave.
    pub deadline: Deadline,
    /// Where what the sources do is written down, for whoever tells of the request.
    pub progress: Arc<Progress>,
}

/// One worker's dispatcher.
pub struct CoordinatorActor {
    sources: Rc<[Rc<SourceHandle>]>,
}

impl CoordinatorActor {
    /// A coordinator of these sources, which live in the same thread.
    pub fn new(sources: Rc<[Rc<SourceHandle>]>) -> Self {
        Self { sources }
    }
}

impl Actor for CoordinatorActor {
    type Context = Context<Self>;
}

impl Supervised for CoordinatorActor {}

impl Handler<Observe> for CoordinatorActor {
    type Result = ();

    fn handle(&mut self, observe: Observe, _: &mut Self::Context) {
        observe.answer();
    }
}

impl Handler<RunAction> for CoordinatorActor {
    type Result = Cancellable<Aggregate>;

    fn handle(&mut self, request: RunAction, _: &mut Self::Context) -> Self::Result {
        let sources = Rc::clone(&self.sources);
        Cancellable::new(async move {
            let asked = sources_of(&sources, &request);
            let replies = or_if_it_panics(collect(&asked, &request), Vec::new).await;
            finish(&asked, &request, replies)
        })
    }
}

/// The sources of the action, in the order of the configuration; of several with the same id, that of
/// the tenant that the request is about.
fn sources_of(sources: &[Rc<SourceHandle>], request: &RunAction) -> Vec<Asked> {
    let find = |id: &Id| {
        sources.iter().find(|source| {
            let spec = source.spec();
            spec.id == *id && spec.is_chosen(&request.action, &request.inputs)
        })
    };
    let found = request.action.sources.iter().filter_map(find);
    found.map(|source| Asked::new(source, &request.progress, request.started)).collect()
}

/// Asks the sources and keeps what comes in time, in the order in which it comes.
async fn collect(asked: &[Asked], request: &RunAction) -> Vec<SourceReply> {
    let action = &request.action;
    let at_once = asked.iter().filter(|source| action.waits_for(source.id()).is_empty());
    let mut pending: FuturesUnordered<_> =
        at_once.map(|source| ask(source, request, Vec::new(), request.started)).collect();
    let mut replies: Vec<SourceReply> = Vec::with_capacity(action.sources.len());
    let all = async {
        while let Some(reply) = pending.next().await {
            let has_failed = action.fails_by(&reply);
            replies.push(reply);
            if has_failed {
                return;
            }
            for dependency in &action.dependencies {
                if dependency.is_released_by_last_of(&replies)
                    && let Some(source) = asked.iter().find(|one| *one.id() == dependency.source)
                {
                    let data = data_of(&dependency.waits_for, &replies);
                    pending.push(ask(source, request, data, clock::now()));
                }
            }
        }
    };
    clock::until(request.deadline.at() + DEADLINE_GRACE, all).await;
    replies
}

/// Asks one source, which has all that it needs since `ready_since`.
fn ask<'a>(
    source: &'a Asked,
    request: &RunAction,
    data: Vec<(Id, Json)>,
    ready_since: Instant,
) -> impl Future<Output = SourceReply> + use<'a> {
    source.ask(FetchRequest {
        inputs: Arc::clone(&request.inputs),
        forwarded: Arc::clone(&request.forwarded),
        sources: data,
        ready_since,
        deadline: request.deadline,
        min_fair_time: request.action.deadline / 2,
        recorder: source.recorder().clone(),
    })
}

/// What these sources sent. What stands in for the data of a source without any is not its data.
fn data_of(ids: &[Id], replies: &[SourceReply]) -> Vec<(Id, Json)> {
    let named = replies.iter().filter(|reply| ids.contains(&reply.source));
    let with_data = named.filter(|reply| reply.outcome.has_data());
    with_data.map(|reply| (reply.source.clone(), reply.data.clone())).collect()
}

/// Puts the replies into the order of the configuration. A source without one ran out of time, alone
/// or while it waited for another, or was not waited for because a required one had failed, or met a
/// fault of ours.
fn finish(asked: &[Asked], request: &RunAction, mut replies: Vec<SourceReply>) -> Aggregate {
    let now = clock::now();
    let has_failed = replies.iter().any(|reply| request.action.fails_by(reply));
    let come: Vec<Id> = replies.iter().map(|reply| reply.source.clone()).collect();
    // It depends on the moment whether the end of a source's time or that of the whole is seen first.
    let waits_for = |id: &Id| request.action.waits_for(id).iter().find(|one| !come.contains(one));
    let in_order = asked.iter().map(|source| {
        let come = replies.iter().position(|reply| reply.source == *source.id());
        match come {
            Some(index) => replies.swap_remove(index),
            None if request.deadline.has_passed(now) => match waits_for(source.id()) {
                Some(other) => source.unasked(other),
                None => source.late(),
            },
            None if has_failed => source.abandoned(),
            None => source.internal(),
        }
    });
    let replies = in_order.collect();
    let echoed = request
        .inputs
        .echoed()
        .map(|(name, value)| (name.to_string(), Json::from_parts(value.to_json().into_bytes())));
    let echoed = echoed.collect();
    Aggregate { echoed, replies, latency: now - request.started, flow_latency_ms: None }
}
