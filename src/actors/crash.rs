//! Makes source actors panic, for the tests of supervision.

use std::sync::{Mutex, PoisonError};

use actix::{Message, Recipient, WeakRecipient};

use crate::model::id::Id;

/// Panic in the handler, as a bug would. Tests of supervision send it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Crash;

/// The source actors that were started, so that a test can make them panic. It keeps none alive.
#[derive(Debug, Default)]
pub struct Living {
    actors: Mutex<Vec<(Id, WeakRecipient<Crash>)>>,
}

impl Living {
    /// Notes an actor; those that are gone are forgotten.
    pub fn add(&self, id: Id, actor: WeakRecipient<Crash>) {
        let mut actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        actors.retain(|(_, actor)| living(actor).is_some());
        actors.push((id, actor));
    }

    /// The living actors of this source.
    pub fn of(&self, id: &str) -> Vec<Recipient<Crash>> {
        let actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        let of_source = actors.iter().filter(|(of, _)| of.as_str() == id);
        of_source.filter_map(|(_, actor)| living(actor)).collect()
    }
}

fn living(actor: &WeakRecipient<Crash>) -> Option<Recipient<Crash>> {
    actor.upgrade().filter(Recipient::connected)
}
