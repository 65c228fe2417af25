//! A worker's own set: coordinator, sources, connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::{Addr, Supervisor};
use tokio::sync::watch;
use tokio_rustls::rustls::ClientConfig;

use super::StartError;
use super::credentials::{Credential, SharedAuth};
use super::deployment::Deployment;
use super::descriptors::UpstreamShare;
use crate::actors::coordinator::CoordinatorActor;
use crate::actors::source::SourceHandle;
use crate::actors::supervision::{Living, Respawning, Restarts};
use crate::api::state::{Serving, Worker};
use crate::clock;
use crate::http::client::{Connecting, HttpClient, HttpClientError};
use crate::http::tls;
use crate::policy::pipeline::Pipeline;
use crate::policy::source_spec::SourceSpec;
use crate::policy::state::SourceState;

/// One source's parts that all workers share.
#[derive(Clone)]
pub(super) struct SourceParts {
    pub(super) spec: Arc<SourceSpec>,
    pub(super) state: Arc<SourceState>,
    tls: Option<Arc<ClientConfig>>,
    auth: SharedAuth,
}

/// Makes the set of each worker thread.
#[derive(Clone)]
pub(super) struct WorkerFactory {
    /// What is in force, now and later.
    pub(super) deployments: watch::Receiver<Arc<Deployment>>,
    /// How much of its connections each source gets.
    pub(super) upstreams: Arc<UpstreamShare>,
    pub(super) restarts: Arc<Restarts>,
    pub(super) living: Arc<Living>,
    /// How many worker threads there are.
    pub(super) workers: usize,
    /// How many sets were made.
    pub(super) begun: Arc<AtomicUsize>,
}

/// Prepares what all workers share of each source, and makes sure that a worker can be made. What
/// is configured as `before` goes on with its state.
pub(super) fn share_sources(
    sources: Vec<SourceSpec>,
    credentials: &[Credential],
    before: &[SourceParts],
) -> Result<Vec<SourceParts>, StartError> {
    let share_one = |spec: SourceSpec| {
        let auth =
            credentials.iter().find(|known| spec.credential.as_ref() == Some(&known.spec.id));
        let auth = auth.map_or(SharedAuth::None, |known| known.auth.clone());
        let before = before
            .iter()
            .find(|parts| (&parts.spec.id, parts.spec.tenant()) == (&spec.id, spec.tenant()));
        match before {
            Some(parts) if *parts.spec == spec && parts.auth.is(&auth) => Ok(parts.clone()),
            Some(_) | None => share(spec, auth, before),
        }
    };
    sources.into_iter().map(share_one).collect()
}

fn share(
    spec: SourceSpec,
    auth: SharedAuth,
    before: Option<&SourceParts>,
) -> Result<SourceParts, StartError> {
    let id = spec.id.clone();
    let tls = tls::for_endpoint(spec.url.endpoint(), spec.extra_ca.as_deref());
    let tls = tls.map_err(|source| StartError::Tls { id: id.clone(), source })?;
    let state = match before {
        Some(before) => before.state.following(&before.spec, &spec),
        None => SourceState::try_new(&spec),
    };
    let state = state.map_err(|source| StartError::Breaker { id: id.clone(), source })?;
    let parts = SourceParts { state: Arc::new(state), auth, spec: Arc::new(spec), tls };
    parts
        .client(1, 0, &UpstreamShare::default())
        .map_err(|source| StartError::HttpClient { id, source })?;
    Ok(parts)
}

impl SourceParts {
    /// Connections for one of so many workers.
    fn client(
        &self,
        workers: usize,
        worker: usize,
        share: &UpstreamShare,
    ) -> Result<HttpClient, HttpClientError> {
        let spec = &self.spec;
        let (most, most_idle) =
            (share.of(spec.max_connections), share.of(spec.max_idle_connections));
        let connecting = Connecting {
            connect_timeout: spec.connect_timeout,
            max_connections: part_of(most, workers, worker).max(1),
            max_idle_connections: part_of(most_idle, workers, worker),
            tls: self.tls.clone(),
        };
        HttpClient::try_new(spec.url.endpoint(), connecting)
    }
}

/// What one of so many workers gets of a whole.
fn part_of(whole: usize, workers: usize, worker: usize) -> usize {
    whole / workers + usize::from(worker < whole % workers)
}

impl WorkerFactory {
    /// The current thread's set, which follows every reload.
    pub(super) fn make(&self) -> Worker {
        let index = self.begun.fetch_add(1, Ordering::Relaxed) % self.workers;
        let mut deployments = self.deployments.clone();
        let set = WorkerSet { index, factory: self.clone(), handles: RefCell::default() };
        let first = set.serving(&deployments.borrow_and_update());
        let seen = RefCell::new(deployments.clone());
        let worker = Worker::new(first, move || {
            let mut seen = seen.borrow_mut();
            // An error means that there will be no other one.
            let is_newer = seen.has_changed().unwrap_or(false);
            is_newer.then(|| set.serving(&seen.borrow_and_update()))
        });
        // A thread without requests lets go of the old configuration all the same.
        let idle = worker.clone();
        actix_rt::spawn(async move {
            while deployments.changed().await.is_ok() {
                drop(idle.serving());
            }
        });
        worker
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
    fn serving(&self, deployment: &Deployment) -> Serving {
        let handles = deployment.sources.iter().filter_map(|parts| {
            let known =
                self.handles.borrow().iter().find(|known| known.is_of(&parts.spec)).cloned();
            known.or_else(|| self.start_source(parts))
        });
        let handles: Vec<_> = handles.collect();
        self.handles.replace(handles.clone());
        let sources: Rc<[Rc<SourceHandle>]> = handles.into();
        let factory: Box<dyn Fn() -> Addr<CoordinatorActor>> = Box::new(move || {
            let sources = Rc::clone(&sources);
            Supervisor::start(move |_| CoordinatorActor::new(sources))
        });
        let restarts = Arc::clone(&self.factory.restarts);
        let coordinator = Respawning::new("coordinator".into(), restarts, clock::now(), factory);
        Serving { shared: Arc::clone(&deployment.shared), coordinator }
    }

    fn start_source(&self, parts: &SourceParts) -> Option<Rc<SourceHandle>> {
        let factory = &self.factory;
        let client = parts.client(factory.workers, self.index, &factory.upstreams);
        // The same was tried when the configuration was taken.
        let client = client.inspect_err(|error| tracing::error!(%error, "no source")).ok()?;
        let pipeline = Rc::new(Pipeline::new(
            Arc::clone(&parts.spec),
            Arc::clone(&parts.state),
            client,
            parts.auth.local(),
        ));
        if parts.spec.prewarm {
            let cold = Rc::clone(&pipeline);
            actix_rt::spawn(async move { cold.warm_up().await });
        }
        let (restarts, living) = (&self.factory.restarts, &self.factory.living);
        let (restarts, living) = (Arc::clone(restarts), Arc::clone(living));
        Some(Rc::new(SourceHandle::start(pipeline, restarts, living)))
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
