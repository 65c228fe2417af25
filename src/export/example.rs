//! Examples for documents, made by the code that makes real requests' replies.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::domain::action::ActionSpec;
use crate::domain::aggregate::Aggregate;
use crate::domain::inputs::{InputKind, InputSpec};
use crate::domain::json::Json;
use crate::domain::outcome::{Outcome, SourceReply};
use crate::domain::source::SourceSpec;
use crate::domain::target::Target;

/// A request with all of the action's inputs.
pub(super) fn inputs(action: &ActionSpec) -> Value {
    let members = action.inputs.iter().map(|input| (input.name.to_string(), of_input(input)));
    Value::Object(members.collect())
}

fn of_input(input: &InputSpec) -> Value {
    if let Some(default) = &input.default {
        return serde_json::from_str(&default.to_json()).unwrap_or_default();
    }
    match input.kind {
        InputKind::String => {
            let text: String = "c-1001".chars().take(input.max_length).collect();
            json!(text)
        }
        InputKind::Integer => json!(1_764_000_000_000_i64),
        InputKind::Number => json!(1.5),
        InputKind::Boolean => json!(true),
    }
}

/// The action's reply when its last source did not answer in time.
pub(super) fn reply(action: &ActionSpec, sources: &[SourceSpec]) -> Value {
    let aggregate = aggregate(action, sources);
    let text = match &action.output {
        None => aggregate.to_json(),
        Some(output) => output.flatten(&aggregate, action.max_reply).json,
    };
    serde_json::from_slice(&text).unwrap_or_default()
}

fn aggregate(action: &ActionSpec, sources: &[SourceSpec]) -> Aggregate {
    let last = action.sources.last();
    let specs = action.sources.iter().filter_map(|id| sources.iter().find(|spec| spec.id == *id));
    let replies = specs.map(|spec| {
        let came = action.sources.len() == 1 || Some(&spec.id) != last;
        let outcome = if came { Outcome::Ok } else { Outcome::Timeout };
        SourceReply {
            source: spec.id.clone(),
            target: Arc::new(Target::of(spec)),
            outcome,
            status: outcome.default_status(),
            error: (!came).then(|| "no reply in time".into()),
            attempts: 1,
            latency: if came { Duration::from_millis(41) } else { action.deadline },
            data: if came {
                Json::from_value(&json!({ "…": "…" }))
            } else {
                spec.fallback.clone()
            },
            spans: Vec::new(),
        }
    });
    let replies: Vec<SourceReply> = replies.collect();
    let latency = replies.iter().map(|reply| reply.latency).max().unwrap_or_default();
    let echoed = action.inputs.iter().filter(|input| input.echo);
    let echoed = echoed.map(|input| (input.name.to_string(), Json::from_value(&of_input(input))));
    Aggregate { echoed: echoed.collect(), replies, latency, flow_latency_ms: None }
}

/// What an event carries the inputs in.
pub(super) fn event(action: &ActionSpec) -> Value {
    let members = [("action", json!(action.id.as_str())), ("input", inputs(action))];
    Value::Object(Map::from_iter(members.map(|(name, value)| (name.to_owned(), value))))
}
