//! A worker's own set: coordinator, sources, connections.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::{Addr, Supervisor};
use tokio_rustls::rustls::ClientConfig;

use super::StartError;
use super::credentials::SharedAuth;
use crate::actors::coordinator::CoordinatorActor;
use crate::actors::source::SourceHandle;
use crate::actors::supervision::{Living, Respawning, Restarts};
use crate::api::state::{Shared, Worker};
use crate::domain::ids::Id;
use crate::domain::source::SourceSpec;
use crate::upstream::clock;
use crate::upstream::fetch::Source;
use crate::upstream::origin::{Connecting, Origin, OriginError};
use crate::upstream::prepare::RequestPlan;
use crate::upstream::shared::SourceShared;
use crate::upstream::tls;

/// One source's parts that all workers share.
#[derive(Clone)]
pub(super) struct SourceParts {
    pub(super) spec: Arc<SourceSpec>,
    pub(super) shared: Arc<SourceShared>,
    tls: Option<Arc<ClientConfig>>,
    auth: SharedAuth,
    plan: RequestPlan,
}

/// Makes the set of each worker thread.
#[derive(Clone)]
pub(super) struct WorkerFactory {
    pub(super) sources: Arc<[SourceParts]>,
    pub(super) shared: Arc<Shared>,
    pub(super) restarts: Arc<Restarts>,
    pub(super) living: Arc<Living>,
    /// How many worker threads there are.
    pub(super) workers: usize,
    /// How many sets were made.
    pub(super) begun: Arc<AtomicUsize>,
}

/// Prepares what all workers share of each source, and makes sure that a worker can be made.
pub(super) fn share_sources(
    sources: Vec<SourceSpec>,
    credentials: &[(Id, SharedAuth)],
) -> Result<Vec<SourceParts>, StartError> {
    sources.into_iter().map(|spec| share(spec, credentials)).collect()
}

fn share(spec: SourceSpec, credentials: &[(Id, SharedAuth)]) -> Result<SourceParts, StartError> {
    let id = spec.id.clone();
    let tls = tls::for_endpoint(spec.url.endpoint(), spec.extra_ca.as_deref());
    let tls = tls.map_err(|source| StartError::Tls { id: id.clone(), source })?;
    let auth = credentials.iter().find(|(id, _)| spec.credential.as_ref() == Some(id));
    let shared = SourceShared::try_new(&spec)
        .map_err(|source| StartError::Breaker { id: id.clone(), source })?;
    let parts = SourceParts {
        shared: Arc::new(shared),
        plan: RequestPlan::new(&spec),
        auth: auth.map_or(SharedAuth::None, |(_, auth)| auth.clone()),
        spec: Arc::new(spec),
        tls,
    };
    parts.origin(1, 0).map_err(|source| StartError::Origin { id, source })?;
    Ok(parts)
}

impl SourceParts {
    /// Connections for one of so many workers.
    fn origin(&self, workers: usize, worker: usize) -> Result<Origin, OriginError> {
        let spec = &self.spec;
        let connecting = Connecting {
            connect_timeout: spec.connect_timeout,
            max_connections: part_of(spec.max_connections, workers, worker).max(1),
            max_idle_connections: part_of(spec.max_idle_connections, workers, worker),
            tls: self.tls.clone(),
        };
        Origin::try_new(spec.url.endpoint(), connecting)
    }
}

/// What one of so many workers gets of a whole.
fn part_of(whole: usize, workers: usize, worker: usize) -> usize {
    whole / workers + usize::from(worker < whole % workers)
}

impl WorkerFactory {
    /// A set for the current thread.
    pub(super) fn make(&self) -> Worker {
        let worker = self.begun.fetch_add(1, Ordering::Relaxed) % self.workers;
        let sources = self.sources.iter().filter_map(|parts| {
            let origin = parts.origin(self.workers, worker);
            // The same was tried when the service started.
            let origin = origin.inspect_err(|error| tracing::error!(%error, "no source")).ok()?;
            let source = Source::new(
                Arc::clone(&parts.spec),
                Arc::clone(&parts.shared),
                origin,
                parts.auth.local(),
                parts.plan.clone(),
            );
            let restarts = Arc::clone(&self.restarts);
            Some(SourceHandle::start(Rc::new(source), restarts, Arc::clone(&self.living)))
        });
        let sources: Rc<[SourceHandle]> = sources.collect();
        let factory: Box<dyn Fn() -> Addr<CoordinatorActor>> = Box::new(move || {
            let sources = Rc::clone(&sources);
            Supervisor::start(move |_| CoordinatorActor::new(sources))
        });
        let restarts = Arc::clone(&self.restarts);
        let coordinator = Respawning::new("coordinator".into(), restarts, clock::now(), factory);
        Worker { shared: Arc::clone(&self.shared), coordinator }
    }
}

#[cfg(test)]
mod tests {
    use super::part_of;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_of_all_workers_are_the_whole(whole in 0_usize..10_000, workers in 1_usize..64) {
            let parts: Vec<_> = (0..workers).map(|worker| part_of(whole, workers, worker)).collect();
            prop_assert_eq!(parts.iter().sum::<usize>(), whole);
            prop_assert!(parts.iter().max() <= parts.iter().min().map(|least| least + 1).as_ref());
        }
    }
}
