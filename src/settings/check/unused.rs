//! Warns of what nothing uses: most likely a name is misspelt somewhere, or something was forgotten.

use crate::model::action::action_spec::ActionSpec;
use crate::model::id::Id;
use crate::model::inputs::InputSpec;
use crate::model::reply::members::FLOW_TIMESTAMP;
use crate::model::template::Reference;
use crate::policy::source_spec::SourceSpec;

use super::locator::Locator;
use super::parts::Parts;

/// Warns of sources, credentials and inputs that nothing uses.
pub(super) fn check(parts: &Parts, locator: &Locator) {
    for source in parts.sources {
        if !parts.actions.iter().any(|action| action.sources.contains(&source.id)) {
            let text = "no action asks this source";
            locator.warn(&["sources", source.id.as_str()], text);
        }
    }
    for credential in parts.credentials {
        if !is_used(&credential.id, parts) {
            let text = "no source has this credential, and no input chooses it";
            locator.warn(&["credentials", credential.id.as_str()], text);
        }
    }
    for action in parts.actions {
        for input in action.inputs.iter().filter(|input| !reaches_something(input, action, parts)) {
            let path = ["actions", action.id.as_str(), "inputs", input.name.as_str()];
            locator.warn(&path, "no source of the action uses this input, and it is not echoed");
        }
    }
}

fn is_used(credential: &Id, parts: &Parts) -> bool {
    let mut inputs = parts.actions.iter().flat_map(|action| &action.inputs);
    parts.sources.iter().any(|source| source.credential.as_ref() == Some(credential))
        || inputs.any(|input| input.credentials.iter().any(|(_, chosen)| chosen == credential))
}

/// Whether the input's value goes anywhere. Of an action with a source that has a mistake nothing is
/// known.
fn reaches_something(input: &InputSpec, action: &ActionSpec, parts: &Parts) -> bool {
    let uses = |source: &SourceSpec| {
        let is_named = |reference: &Reference| match reference {
            Reference::Input(name) => *name == input.name,
            Reference::Source { .. } => false,
        };
        source.placeholders().any(|placed| is_named(&placed.placeholder.reference))
            || source.tenancy.as_ref().is_some_and(|tenancy| tenancy.input == input.name)
    };
    let asked = |id: &Id| parts.sources.iter().find(|source| source.id == *id);
    let tells_its_time = input.name.as_str() == FLOW_TIMESTAMP;
    input.echo || tells_its_time || action.sources.iter().any(|id| asked(id).is_none_or(uses))
}
