//! What an action gives back, as far as it has a type: what a flow can bind.

use crate::domain::action::ActionSpec;
use crate::domain::fields::FieldType;
use crate::domain::inputs::InputKind;

/// What `complete` means in an aggregate.
pub(super) const COMPLETE: &str = "Whether every source gave a definite answer.";
/// What `complete` means in a flat reply.
pub(super) const COMPLETE_FLAT: &str = "Whether every source gave a definite answer, and no field has \
                                        its default in place of a value that came.";

/// One value that a flow can bind.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// Its name in the flow.
    pub(super) name: String,
    /// Where it stands in the reply, as names from the top.
    pub(super) place: Vec<String>,
    /// Its type.
    pub(super) kind: FieldType,
    /// What stands for it when a reply has none, as JSON text.
    pub(super) default: String,
    /// What it means.
    pub(super) description: Option<String>,
}

/// Everything that a flow can bind: the fields of a flat reply, and what is true of every reply.
/// Of an aggregate, the sources' data have no known type and are left out.
pub(super) fn outputs(action: &ActionSpec) -> Vec<Output> {
    let fields = action.output.iter().flat_map(|output| &output.fields).map(|field| Output {
        name: field.name.to_string(),
        place: vec![field.name.to_string()],
        kind: field.kind,
        default: field.default.as_str().to_owned(),
        description: field.description.clone(),
    });
    let mut outputs: Vec<Output> = fields.collect();
    let complete = if action.output.is_some() { COMPLETE_FLAT } else { COMPLETE };
    outputs.push(output("complete", &["complete"], InputKind::Boolean, complete));
    let latency = "The time within the service, milliseconds.";
    outputs.push(output("latency_ms", &["latency_ms"], InputKind::Integer, latency));
    for source in &action.sources {
        for (member, kind, means) in [
            ("outcome", InputKind::String, "What became of the source, in one word."),
            ("status", InputKind::Integer, "The source's HTTP status."),
        ] {
            let name = format!("{source}_{member}");
            let place = match &action.output {
                Some(_) => vec![name.as_str()],
                None => vec!["sources", source.as_str(), member],
            };
            outputs.push(output(&name, &place, kind, means));
        }
    }
    outputs
}

fn output(name: &str, place: &[&str], scalar: InputKind, description: &str) -> Output {
    let kind = FieldType { scalar, is_array: false };
    Output {
        name: name.to_owned(),
        place: place.iter().map(|&part| part.to_owned()).collect(),
        kind,
        default: kind.natural_default().as_str().to_owned(),
        description: Some(description.to_owned()),
    }
}
