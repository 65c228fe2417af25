//! What an action gives back, as far as it has a type: what a flow can bind.

use crate::model::action::action_spec::ActionSpec;
use crate::model::action::fields::FieldType;
use crate::model::inputs::InputKind;
use crate::model::reply::members::{self, COMPLETE, COMPLETE_FLAT, LATENCY, Member, MemberType};

/// One value that a flow can bind.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// Its name in the flow.
    pub(super) name: String,
    /// Where it stands in the reply, as names from the top.
    pub(super) place: Vec<String>,
    pub(super) kind: FieldType,
    /// What stands for it when a reply has none, as JSON text.
    pub(super) default: String,
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
    let complete = if action.output.is_some() { &COMPLETE_FLAT } else { &COMPLETE };
    outputs.extend([complete, &LATENCY].map(|member| output(member, member.name, &[member.name])));
    for source in &action.sources {
        for member in members::OF_SOURCE_IN_FLAT_REPLY {
            let name = member.name_of(source.as_str());
            let place = match &action.output {
                Some(_) => vec![name.as_str()],
                None => vec![members::SOURCES.name, source.as_str(), member.name],
            };
            outputs.push(output(member, &name, &place));
        }
    }
    outputs
}

fn output(member: &Member, name: &str, place: &[&str]) -> Output {
    let scalar = match member.kind {
        MemberType::Boolean => InputKind::Boolean,
        MemberType::Integer => InputKind::Integer,
        MemberType::String | MemberType::StringOrNull | MemberType::Object | MemberType::Any => {
            InputKind::String
        }
    };
    let kind = FieldType { scalar, is_array: false };
    Output {
        name: name.to_owned(),
        place: place.iter().map(|&part| part.to_owned()).collect(),
        kind,
        default: kind.natural_default().as_str().to_owned(),
        description: Some(member.means.to_owned()),
    }
}
