//! Examples for documents, made by the code that makes real requests' replies.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::model::action::action_spec::ActionSpec;
use crate::model::inputs::{InputKind, InputSpec, Inputs};
use crate::model::json::Json;
use crate::model::reply::aggregate::Aggregate;
use crate::model::reply::outcome::{Outcome, SourceReply};
use crate::policy::source_spec::SourceSpec;

/// A request with the action's inputs, which the service takes. `None` if it needs an input for which
/// nothing can be made up, because of its `pattern` for example.
pub(super) fn inputs(action: &ActionSpec) -> Option<Value> {
    let mut members = Map::new();
    for input in &action.inputs {
        match of_input(input) {
            Some(value) => drop(members.insert(input.name.to_string(), value)),
            None if input.required => return None,
            None => {}
        }
    }
    Some(Value::Object(members))
}

/// A value that the input takes: the configured example, or one that is made up.
fn of_input(input: &InputSpec) -> Option<Value> {
    let configured = input.example.as_ref().or(input.default.as_ref());
    let value = match configured {
        Some(value) => serde_json::from_str(&value.to_json()).ok()?,
        None => made_up(input),
    };
    let alone = Map::from_iter([(input.name.to_string(), value.clone())]);
    Inputs::from_object(&alone, std::slice::from_ref(input)).is_ok().then_some(value)
}

fn made_up(input: &InputSpec) -> Value {
    // Of the values that choose a credential one is shown and no more: who calls for one tenant need
    // not know the others.
    if let Some((value, _)) = input.credentials.first() {
        return json!(value);
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
            target: Arc::new(spec.target()),
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
        }
    });
    let replies: Vec<SourceReply> = replies.collect();
    let latency = replies.iter().map(|reply| reply.latency).max().unwrap_or_default();
    let echoed = action.inputs.iter().filter(|input| input.echo);
    let echoed = echoed.map(|input| {
        let value = of_input(input).unwrap_or_else(|| made_up(input));
        (input.name.to_string(), Json::from_value(&value))
    });
    Aggregate { echoed: echoed.collect(), replies, latency, flow_latency_ms: None }
}

/// What an event carries the inputs in; `None` as for [`inputs`].
pub(super) fn event(action: &ActionSpec) -> Option<Value> {
    let members = [("action", json!(action.id.as_str())), ("input", inputs(action)?)];
    Some(Value::Object(Map::from_iter(members.map(|(name, value)| (name.to_owned(), value)))))
}
