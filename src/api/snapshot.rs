//! What a worker's request handlers work with.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use actix::Addr;
use bytes::Bytes;

use crate::actors::coordinator::CoordinatorActor;
use crate::actors::supervision::SupervisedAddr;
use crate::api::access::callers::Access;
use crate::api::admission::Admission;
use crate::api::draining::Draining;
use crate::api::request_body::BodyLimits;
use crate::model::action::action_spec::ActionSpec;
use crate::model::id::Id;
use crate::model::record::observer::Observer;
use crate::policy::source_spec::SourceSpec;

/// What one configuration says, for all workers. A reload makes a new one.
pub struct Shared {
    /// The actions, in the order of the configuration.
    pub actions: Vec<Arc<ActionSpec>>,
    /// The sources, for their fallbacks.
    pub sources: Vec<Arc<SourceSpec>>,
    /// The action of an event that names none.
    pub default_action: Option<Id>,
    /// Who may ask.
    pub access: Access,
    /// The `OpenAPI` document of the actions.
    pub openapi: Bytes,
    /// How many requests may be under way.
    pub admission: Admission,
    /// How much of a body is taken.
    pub body_limits: BodyLimits,
    /// The share of requests that are traced where no caller has decided it; absent: traces are
    /// sent nowhere.
    pub sample_ratio: Option<f64>,
    /// Whether the service is going down.
    pub draining: Arc<Draining>,
    /// Who is told of each answered request.
    pub observer: Arc<dyn Observer>,
}

/// What one request is served with from its head to its end, whatever is reloaded meanwhile.
pub struct Snapshot {
    /// The configuration.
    pub shared: Arc<Shared>,
    /// This thread's coordinator of the configuration's sources.
    pub coordinator: SupervisedAddr<CoordinatorActor, Box<dyn Fn() -> Addr<CoordinatorActor>>>,
}

/// What one worker thread has.
#[derive(Clone)]
pub struct Worker {
    current: Rc<RefCell<Rc<Snapshot>>>,
    newer: Rc<dyn Fn() -> Option<Snapshot>>,
}

impl Worker {
    /// A worker that begins with `first`. `newer` is asked before each request, and says what to
    /// serve it with if the configuration was replaced since it was asked last.
    pub fn new(first: Snapshot, newer: impl Fn() -> Option<Snapshot> + 'static) -> Self {
        Self { current: Rc::new(RefCell::new(Rc::new(first))), newer: Rc::new(newer) }
    }

    /// What to serve a request with that begins now.
    pub fn snapshot(&self) -> Rc<Snapshot> {
        if let Some(newer) = (self.newer)() {
            self.current.replace(Rc::new(newer));
        }
        Rc::clone(&self.current.borrow())
    }
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
