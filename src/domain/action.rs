//! One endpoint that a Data Action calls, as it was configured, checked.

use std::time::Duration;

use super::ids::Id;
use super::inputs::InputSpec;

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
