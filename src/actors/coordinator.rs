//! Dispatches a request to all sources of its action at once and collects the replies.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler, Message, Supervised};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::reply::Cancellable;
use super::source::{Fetch, SourceHandle};
use crate::domain::action::ActionSpec;
use crate::domain::aggregate::Aggregate;
use crate::domain::deadline::Deadline;
use crate::domain::ids::Id;
use crate::domain::inputs::Inputs;
use crate::domain::json::Json;
use crate::domain::outcome::SourceReply;
use crate::upstream::clock;
use crate::upstream::fetch::{FetchRequest, Forwarded};

/// Sources end at the deadline by themselves and say how far they came; one that does not is cut
/// off this much later.
const LAST_CALL: Duration = Duration::from_millis(10);

/// Ask every source of an action, until the deadline.
#[derive(Message, Clone)]
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
}

/// One worker's dispatcher.
pub struct CoordinatorActor {
    sources: Rc<[SourceHandle]>,
}

impl CoordinatorActor {
    /// A coordinator of these sources, which live in the same thread.
    pub fn new(sources: Rc<[SourceHandle]>) -> Self {
        Self { sources }
    }
}

impl Actor for CoordinatorActor {
    type Context = Context<Self>;
}

impl Supervised for CoordinatorActor {}

impl Handler<RunAction> for CoordinatorActor {
    type Result = Cancellable<Aggregate>;

    fn handle(&mut self, request: RunAction, _: &mut Self::Context) -> Self::Result {
        let sources = Rc::clone(&self.sources);
        let (on_panic_sources, on_panic_request) = (Rc::clone(&sources), request.clone());
        Cancellable::new(
            async move {
                let replies = collect(&sources, &request).await;
                finish(&sources, &request, replies)
            },
            move || finish(&on_panic_sources, &on_panic_request, Vec::new()),
        )
    }
}

/// Asks all sources at once and keeps what comes in time, in the order in which it comes.
async fn collect(sources: &[SourceHandle], request: &RunAction) -> Vec<SourceReply> {
    let patience = request.action.deadline / 2;
    let asked = request.action.sources.iter().filter_map(|id| find(sources, id));
    let mut pending: FuturesUnordered<_> = asked
        .map(|source| {
            let fetch = Fetch(FetchRequest {
                inputs: Arc::clone(&request.inputs),
                forwarded: Arc::clone(&request.forwarded),
                started: request.started,
                deadline: request.deadline,
                patience,
            });
            source.ask(fetch)
        })
        .collect();
    let mut replies = Vec::with_capacity(pending.len());
    let all = async {
        while let Some(reply) = pending.next().await {
            replies.push(reply);
        }
    };
    clock::until(request.deadline.at() + LAST_CALL, all).await;
    replies
}

/// Puts the replies into the order of the configuration; a source without one ran out of time, or
/// met a fault of ours if there was time left.
fn finish(
    sources: &[SourceHandle],
    request: &RunAction,
    mut replies: Vec<SourceReply>,
) -> Aggregate {
    let now = clock::now();
    let in_order = request.action.sources.iter().filter_map(|id| {
        let come = replies.iter().position(|reply| reply.source == *id);
        let source = find(sources, id)?;
        Some(match come {
            Some(index) => replies.swap_remove(index),
            None if request.deadline.has_passed(now) => source.late_reply(request.started),
            None => source.internal_reply(request.started),
        })
    });
    let replies = in_order.collect();
    let echoed = request
        .inputs
        .echoed()
        .map(|(name, value)| (name.to_string(), Json::from_parts(value.to_json().into_bytes())));
    let echoed = echoed.collect();
    Aggregate { echoed, replies, latency: now - request.started, flow_latency_ms: None }
}

fn find<'a>(sources: &'a [SourceHandle], id: &Id) -> Option<&'a SourceHandle> {
    sources.iter().find(|source| source.id() == id)
}
