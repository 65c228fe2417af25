//! Runs an action whose inputs are checked, and writes its reply.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::actors::coordinator::RunAction;
use crate::api::observation::Observation;
use crate::api::problem::Problem;
use crate::api::scope::RequestScope;
use crate::api::{flat_reply_task, request_context};
use crate::clock;
use crate::model::action::action_spec::ActionSpec;
use crate::model::action::fields::FlatReply;
use crate::model::id::Id;
use crate::model::inputs::{InputValue, Inputs};
use crate::model::json::Json;
use crate::model::record::recorder::Progress;
use crate::model::record::request_record::SourceRecord;
use crate::model::reply::aggregate::Aggregate;
use crate::model::reply::members::FLOW_TIMESTAMP;
use crate::model::time::deadline::Deadline;

/// The header that tells every source's time (W3C Server Timing).
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// An aggregate, written.
pub struct Reply {
    /// The aggregate's JSON text.
    pub json: Vec<u8>,
    /// The value of the `Server-Timing` header.
    pub server_timing: HeaderValue,
}

/// Runs an action whose inputs are checked.
///
/// # Errors
/// 400 for headers that make no sense, 502 or 504 for a required source that failed where the
/// action is to fail then, 500 for a fault of ours.
pub async fn run(
    scope: &RequestScope<'_>,
    action: &Arc<ActionSpec>,
    inputs: Inputs,
    observation: &mut Observation<'_>,
) -> Result<Reply, Problem> {
    let RequestScope { id, started, .. } = scope;
    let request_id = id.to_str().unwrap_or_default();
    if !inputs.ignored().is_empty() {
        let names = inputs.ignored();
        tracing::debug!(request_id, action = %action.id, ?names, "unknown inputs ignored");
    }
    let deadline = deadline(action, scope.headers(), *started)?;
    observation.deadline = Some(deadline.at());
    let flow_latency_ms = flow_latency_ms(&inputs);
    let progress = Arc::new(Progress::default());
    observation.progress = Some(Arc::clone(&progress));
    let message = RunAction {
        action: Arc::clone(action),
        inputs: Arc::new(inputs),
        forwarded: Arc::new(request_context::forwarded(id, observation.trace.as_ref())),
        started: *started,
        deadline,
        progress: Arc::clone(&progress),
    };
    let coordinator =
        scope.snapshot.coordinator.addr(clock::now()).map_err(|_| Problem::internal())?;
    let mut aggregate = coordinator.send(message).await.map_err(|_| Problem::internal())?;
    aggregate.flow_latency_ms = flow_latency_ms;
    let null = Json::null();
    let fallback = |id: &Id| {
        let source = scope.shared().sources.iter().find(|source| source.id == *id);
        source.map_or(&null, |source| &source.fallback)
    };
    let (mut json, complete) = match &action.output {
        None => {
            let json = aggregate.to_json_within(action.max_reply, fallback);
            (json, aggregate.is_complete())
        }
        Some(output) => {
            let flat;
            (aggregate, flat) =
                flat_reply_task::flatten(output, aggregate, action.max_reply, deadline).await?;
            noted(flat, action, observation)
        }
    };
    // Only now: a required source whose data gave way for the size has failed as well.
    let problem = required_failed(action, &aggregate);
    if let Some(problem) = &problem {
        json = aggregate.to_json_within(problem.room_for_aggregate(action.max_reply), fallback);
    }
    let server_timing = HeaderValue::try_from(aggregate.server_timing());
    let server_timing = server_timing.map_err(|_| Problem::internal())?;
    observation.complete = Some(complete);
    let records = aggregate.replies.into_iter().map(|reply| {
        let taken = progress.take(&reply.source);
        SourceRecord::of(reply, taken)
    });
    observation.sources = records.collect();
    match problem {
        None => Ok(Reply { json, server_timing }),
        Some(problem) => Err(problem.with_aggregate(json, (SERVER_TIMING, server_timing))),
    }
}

/// A flat reply's text, and whether it is complete; notes the fields that do not have what came for
/// them.
fn noted(
    reply: FlatReply,
    action: &ActionSpec,
    observation: &mut Observation<'_>,
) -> (Vec<u8>, bool) {
    let FlatReply { json, complete, wrong_types, left_out } = reply;
    if !left_out.is_empty() {
        let (request_id, fields) = (observation.id().to_str().unwrap_or_default(), &left_out);
        tracing::debug!(request_id, action = %action.id, ?fields, "left out for the reply's size or time");
    }
    observation.wrong_types = wrong_types;
    observation.left_out = left_out;
    (json, complete)
}

/// The action's deadline, or the caller's if that is earlier.
fn deadline(
    action: &ActionSpec,
    headers: &HeaderMap,
    started: Instant,
) -> Result<Deadline, Problem> {
    let requested = request_context::requested_timeout(headers)?;
    let time = requested.map_or(action.deadline, |requested| requested.min(action.deadline));
    Ok(Deadline::after(started, time))
}

/// The problem that is answered instead of the aggregate, if the action is to fail by it.
fn required_failed(action: &ActionSpec, aggregate: &Aggregate) -> Option<Problem> {
    let replies = aggregate.replies.iter();
    let failed: Vec<_> = replies.filter(|reply| action.fails_by(reply)).collect();
    (!failed.is_empty()).then(|| Problem::required_failed(&failed))
}

/// Now less the flow's own time, where it sent one.
fn flow_latency_ms(inputs: &Inputs) -> Option<i64> {
    let Some(InputValue::Integer(sent)) = inputs.get(FLOW_TIMESTAMP) else { return None };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_millis();
    i64::try_from(now).ok()?.checked_sub(*sent)
}
