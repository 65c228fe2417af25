//! Who is told what happened, without those who tell it knowing whom.

use std::time::Instant;

use super::aggregate::Aggregate;
use super::ids::Id;

/// One answered request.
#[derive(Debug)]
pub struct Answered<'a> {
    /// The request's id, as it was echoed.
    pub request_id: &'a str,
    /// The action.
    pub action: &'a Id,
    /// When the request arrived.
    pub started: Instant,
    /// When the reply had to leave.
    pub deadline: Instant,
    /// What it was answered.
    pub aggregate: Aggregate,
}

/// Is told of every answered request. Called on the request's way: it must be quick.
pub trait Observer: Send + Sync {
    /// A request was answered with an aggregate.
    fn answered(&self, answered: Answered<'_>);
}
