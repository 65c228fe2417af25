//! One endpoint that a Data Action calls, as it was configured, checked.

use std::time::Duration;

use super::ids::Id;
use super::inputs::InputSpec;
use super::source::SourceSpec;
use super::template::{HeaderTemplate, Reference};

/// A configured action, checked.
#[derive(Debug, Clone)]
pub struct ActionSpec {
    /// The name in the request's path.
    pub id: Id,
    /// The sources to ask, in the order of the reply.
    pub sources: Vec<Id>,
    /// From the request's head to the reply.
    pub deadline: Duration,
    /// The largest reply, bytes.
    pub max_reply: usize,
    /// What a caller sends, in the order of the configuration.
    pub inputs: Vec<InputSpec>,
}

impl ActionSpec {
    /// Notes for each input where the action's sources put it.
    pub fn place_inputs(&mut self, sources: &[SourceSpec]) {
        for source in sources.iter().filter(|source| self.sources.contains(&source.id)) {
            for input in &mut self.inputs {
                let is_it = |reference: &Reference| match reference {
                    Reference::Input(name) => *name == input.name,
                    Reference::Source { .. } => false,
                };
                let mut in_headers = source.headers.iter().flat_map(HeaderTemplate::references);
                input.places.header |= in_headers.any(is_it);
                input.places.path |= source.url.references_in_path().any(is_it);
            }
        }
    }
}
