//! One endpoint that a Data Action calls, as it was configured, checked.

use std::time::Duration;

use crate::model::action::fields::OutputSpec;
use crate::model::id::{Id, InputName};
use crate::model::inputs::{InputSpec, Inputs};
use crate::model::reply::outcome::SourceReply;

/// A configured action, checked.
#[derive(Debug, Clone)]
pub struct ActionSpec {
    /// The name in the request's path.
    pub id: Id,
    /// The sources to ask, in the order of the reply.
    pub sources: Vec<Id>,
    /// Those of the sources that use another's data; the others are asked at once.
    pub dependencies: Vec<Dependency>,
    /// Those of the sources without whose definite answer the reply is of little use.
    pub required: Vec<Id>,
    /// What is answered when a required source gives no definite answer.
    pub on_required_failure: OnRequiredFailure,
    /// From the request's head to the reply.
    pub deadline: Duration,
    /// The largest reply, bytes.
    pub max_reply: usize,
    /// The flat reply that is answered instead of the aggregate, if there is one.
    pub output: Option<OutputSpec>,
    /// What a caller sends, in the order of the configuration.
    pub inputs: Vec<InputSpec>,
}

/// A source that uses the data of others and is asked when they have settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The source that waits.
    pub source: Id,
    /// The sources it waits for, all of the same action; following them never leads in a circle.
    pub waits_for: Vec<Id>,
}

/// What is answered when a required source gives no definite answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRequiredFailure {
    /// The aggregate, as always: HTTP 200.
    Partial,
    /// A problem that carries the aggregate, as soon as it is certain: HTTP 502 or 504.
    Fail,
}

impl ActionSpec {
    /// The credential that the value of this input stands for.
    pub fn credential_chosen(&self, input: &InputName, inputs: &Inputs) -> Option<&Id> {
        let spec = self.inputs.iter().find(|spec| spec.name == *input)?;
        spec.credential_of(inputs.get(input.as_str())?)
    }

    /// The sources whose data this one uses; none for most.
    pub fn waits_for(&self, source: &Id) -> &[Id] {
        let found = self.dependencies.iter().find(|dependency| dependency.source == *source);
        found.map_or(&[], |dependency| &dependency.waits_for)
    }

    /// Whether the action as a whole fails by this reply.
    pub fn fails_by(&self, reply: &SourceReply) -> bool {
        match self.on_required_failure {
            OnRequiredFailure::Partial => false,
            OnRequiredFailure::Fail => {
                !reply.outcome.is_definite() && self.required.contains(&reply.source)
            }
        }
    }
}

impl Dependency {
    /// Whether all it waits for has settled with the newest of the replies, the last one.
    pub fn is_released_by_last_of(&self, replies: &[SourceReply]) -> bool {
        let has_settled = |id: &Id| replies.iter().any(|reply| reply.source == *id);
        let newest_counts =
            replies.last().is_some_and(|last| self.waits_for.contains(&last.source));
        newest_counts && self.waits_for.iter().all(has_settled)
    }
}
