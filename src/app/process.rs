//! What there is once in a process, whatever the configuration says.

use std::sync::Arc;

use actix::{Arbiter, ArbiterHandle};

use crate::actors::supervision::Restarts;
use crate::api::access::auth_failures::AuthFailures;
use crate::api::draining::Draining;
use crate::model::record::observer::Observer;

/// What every configuration is put in force with.
pub(super) struct Process {
    /// Where the credentials' actors live.
    pub(super) arbiter: ArbiterHandle,
    pub(super) restarts: Arc<Restarts>,
    pub(super) draining: Arc<Draining>,
    /// Refusals of unknown keys on the two ports.
    pub(super) callers_refused: Arc<AuthFailures>,
    pub(super) operators_refused: Arc<AuthFailures>,
    pub(super) observer: Arc<dyn Observer>,
}

impl Process {
    /// The process whose main thread this is; the observer is told of each request that is over.
    pub(super) fn new(observer: Arc<dyn Observer>) -> Self {
        let draining = Arc::<Draining>::default();
        Self {
            arbiter: Arbiter::current(),
            restarts: Arc::default(),
            callers_refused: Arc::new(AuthFailures::new("listen", Arc::clone(&draining))),
            operators_refused: Arc::new(AuthFailures::new("admin_listen", Arc::clone(&draining))),
            draining,
            observer,
        }
    }
}
