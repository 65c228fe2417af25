//! A worker's own set: coordinator, sources, connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::{Addr, Supervisor};
use tokio::sync::watch;

use super::deployment::Deployment;
use super::sources::SourceParts;
use super::upstream_share::UpstreamShare;
use crate::actors::coordinator::CoordinatorActor;
use crate::actors::source_actor::SourceHandle;
use crate::actors::supervision::{Restarts, SupervisedAddr};
use crate::api::snapshot::{Snapshot, Worker};
use crate::clock;
use crate::policy::source_pipeline::SourcePipeline;

/// Makes the set of each worker thread.
#[derive(Clone)]
pub(super) struct WorkerFactory {
    /// What is in force, now and later.
    pub(super) deployments: watch::Receiver<Arc<Deployment>>,
    /// How much of its connections each source gets.
    pub(super) upstreams: Arc<UpstreamShare>,
    pub(super) restarts: Arc<Restarts>,
    /// How many worker threads there are.
    pub(super) workers: usize,
    /// How many sets were made.
    pub(super) begun: Arc<AtomicUsize>,
}

impl WorkerFactory {
    /// The current thread's set, which follows every reload.
    pub(super) fn make(&self) -> Worker {
        let index = self.begun.fetch_add(1, Ordering::Relaxed) % self.workers;
        let mut deployments = self.deployments.clone();
        let set = WorkerSet { index, factory: self.clone(), handles: RefCell::default() };
        let first = set.snapshot(&deployments.borrow_and_update());
        let seen = RefCell::new(deployments.clone());
        let worker = Worker::new(first, move || {
            let mut seen = seen.borrow_mut();
            // An error means that there will be no other one.
            let is_newer = seen.has_changed().unwrap_or(false);
            is_newer.then(|| set.snapshot(&seen.borrow_and_update()))
        });
        // A thread without requests lets go of the old configuration all the same.
        let idle = worker.clone();
        actix_rt::spawn(async move {
            while deployments.changed().await.is_ok() {
                drop(idle.snapshot());
            }
        });
        worker
    }

    /// What one actor of a source owns: its steps, with connections of their own.
    fn pipeline(&self, parts: &SourceParts, worker: usize) -> Option<Rc<SourcePipeline>> {
        let client = parts.client(self.workers, worker, &self.upstreams);
        // The same was tried when the configuration was taken.
        let client = client.inspect_err(|error| tracing::error!(%error, "no source")).ok()?;
        let (spec, state) = (Arc::clone(&parts.spec), Arc::clone(&parts.state));
        let pipeline = Rc::new(SourcePipeline::new(spec, state, client, parts.auth()));
        if parts.spec.policies.exchange.prewarm {
            let cold = Rc::clone(&pipeline);
            actix_rt::spawn(async move { cold.warm_up().await });
        }
        Some(pipeline)
    }
}

/// One worker thread's actors.
struct WorkerSet {
    /// Which of the workers it is.
    index: usize,
    factory: WorkerFactory,
    /// The sources of the configuration that was seen last.
    handles: RefCell<Vec<Rc<SourceHandle>>>,
}

impl WorkerSet {
    /// What to serve with under this configuration. A source that is configured as before keeps
    /// its actor and its connections.
    fn snapshot(&self, deployment: &Deployment) -> Snapshot {
        let handles = deployment.sources.iter().map(|parts| {
            let known =
                self.handles.borrow().iter().find(|known| known.is_of(&parts.spec)).cloned();
            known.unwrap_or_else(|| self.start_source(parts))
        });
        let handles: Vec<_> = handles.collect();
        self.handles.replace(handles.clone());
        let sources: Rc<[Rc<SourceHandle>]> = handles.into();
        let factory: Box<dyn Fn() -> Addr<CoordinatorActor>> = Box::new(move || {
            let sources = Rc::clone(&sources);
            Supervisor::start(move |_| CoordinatorActor::new(sources))
        });
        let restarts = Arc::clone(&self.factory.restarts);
        let coordinator =
            SupervisedAddr::new("coordinator".into(), restarts, clock::now(), factory);
        Snapshot { shared: Arc::clone(&deployment.shared), coordinator }
    }

    fn start_source(&self, parts: &SourceParts) -> Rc<SourceHandle> {
        let (index, factory, parts) = (self.index, self.factory.clone(), parts.clone());
        let (spec, restarts) = (Arc::clone(&parts.spec), Arc::clone(&factory.restarts));
        let make = move || factory.pipeline(&parts, index);
        Rc::new(SourceHandle::start(spec, restarts, make))
    }
}
