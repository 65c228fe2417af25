//! What a worker's request handlers work with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::Addr;

use super::admission::Admission;
use super::auth::ApiKeys;
use super::body::BodyLimits;
use crate::actors::coordinator::CoordinatorActor;
use crate::actors::supervision::Respawning;
use crate::domain::action::ActionSpec;
use crate::domain::ids::Id;
use crate::domain::observer::Observer;
use crate::domain::source::SourceSpec;

/// What holds for the whole process.
pub struct Shared {
    /// The actions, in the order of the configuration.
    pub actions: Vec<Arc<ActionSpec>>,
    /// The sources, for their fallbacks.
    pub sources: Vec<Arc<SourceSpec>>,
    /// The action of an event that names none.
    pub default_action: Option<Id>,
    /// Who may ask.
    pub api_keys: ApiKeys,
    /// How many requests may be under way.
    pub admission: Admission,
    /// How much of a body is taken.
    pub body_limits: BodyLimits,
    /// Whether the service is going down.
    pub draining: Arc<Draining>,
    /// Who is told of each answered request.
    pub observer: Arc<dyn Observer>,
}

/// What one worker thread has.
pub struct Worker {
    /// What holds for the whole process.
    pub shared: Arc<Shared>,
    /// The thread's own coordinator.
    pub coordinator: Respawning<CoordinatorActor, Box<dyn Fn() -> Addr<CoordinatorActor>>>,
}

impl Shared {
    /// The action of this name.
    pub fn action(&self, name: &str) -> Option<&Arc<ActionSpec>> {
        self.actions.iter().find(|action| action.id.as_str() == name)
    }

    /// The names of all actions.
    pub fn action_names(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().map(|action| action.id.as_str())
    }
}

/// Whether the service is going down: then each reply ends its connection, and `/readyz` says no.
#[derive(Debug, Default)]
pub struct Draining(AtomicBool);

impl Draining {
    /// Says that the service is going down.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
