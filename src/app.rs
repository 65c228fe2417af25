//! The composition root: the only place where things are wired together.

mod credentials;
mod servers;
mod start_error;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use actix_server::ServerHandle;

use crate::actors::source::Crash;
use crate::actors::supervision::{Living, Restarts};
use crate::api::admin::Overview;
use crate::api::admission::Admission;
use crate::api::auth::{ApiKey, ApiKeys};
use crate::api::body::BodyLimits;
use crate::api::state::Shared;
use crate::domain::observer::{Observer, Observers};
use crate::settings::{ServerSpec, Settings};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::recent::Recent;
use crate::telemetry::request_log::RequestLog;
use crate::upstream::clock;

pub use start_error::StartError;

/// How long requests are still taken once the service is told to stop: enough for those that were
/// sent before to be read.
const LAST_REQUESTS: Duration = Duration::from_millis(100);

/// A service that is up.
pub struct Running {
    /// Where actions are served.
    pub address: SocketAddr,
    /// Where the operators' routes are served.
    pub admin_address: SocketAddr,
    /// The last requests.
    pub recent: Arc<Recent>,
    shared: Arc<Shared>,
    living: Arc<Living>,
    grace: Duration,
    public: ServerHandle,
    admin: ServerHandle,
}

/// Starts the service in the current actix system.
///
/// # Errors
/// [`StartError`]: an address that cannot be listened on, an unusable certificate or secret.
pub fn start(settings: Settings) -> Result<Running, StartError> {
    let Settings { server, credentials, sources, actions } = settings;
    let public_socket = servers::bind("listen", server.listen)?;
    let admin_socket = servers::bind("admin_listen", server.admin_listen)?;
    let address = servers::local_address(&public_socket, server.listen);
    let admin_address = servers::local_address(&admin_socket, server.admin_listen);

    let restarts = Arc::new(Restarts::default());
    let credentials = credentials::start(credentials, &restarts)?;
    let parts = workers::share_sources(sources, &credentials)?;
    let recent = Arc::new(Recent::default());
    let metrics = Arc::new(Metrics::try_new()?);
    let observers: Vec<Arc<dyn Observer>> =
        vec![Arc::new(RequestLog), Arc::clone(&metrics) as _, Arc::clone(&recent) as _];
    let shared = Arc::new(Shared {
        actions: actions.into_iter().map(Arc::new).collect(),
        sources: parts.iter().map(|part| Arc::clone(&part.spec)).collect(),
        default_action: server.default_action.clone(),
        api_keys: ApiKeys::new(api_keys(&server)),
        admission: Admission::new(server.max_concurrent_requests),
        body_limits: BodyLimits { max_body: server.max_body, timeout: server.body_timeout },
        draining: Arc::default(),
        observer: Arc::new(Observers(observers)),
    });
    let limits = parts.iter().map(|part| (part.spec.id.clone(), Arc::clone(&part.shared)));
    let overview = Overview {
        shared: Arc::clone(&shared),
        sources: limits.collect(),
        credentials: credentials.iter().filter_map(|(_, auth)| auth.token_handle()).collect(),
        metrics,
        restarts: Arc::clone(&restarts),
    };
    let living = Arc::new(Living::default());
    let workers = workers::WorkerFactory {
        sources: parts.into(),
        shared: Arc::clone(&shared),
        restarts,
        living: Arc::clone(&living),
        workers: server.workers,
        begun: Arc::new(AtomicUsize::new(0)),
    };
    let public = servers::public(&server, public_socket, workers, &shared.draining)?;
    let admin = servers::admin(&server, admin_socket, &Arc::new(overview))?;
    let running = Running {
        address,
        admin_address,
        recent,
        shared,
        living,
        grace: server.shutdown_grace,
        public: public.handle(),
        admin: admin.handle(),
    };
    actix_rt::spawn(public);
    actix_rt::spawn(admin);
    Ok(running)
}

impl Running {
    /// Stops: lets requests under way end within `shutdown_grace`, and accepts nothing new.
    ///
    /// First each reply ends its connection while new requests are still taken: a request that was
    /// sent before the stop and not read yet would be lost with its connection otherwise.
    pub async fn stop(&self) {
        self.shared.draining.begin();
        let began = clock::now();
        clock::sleep_until(began + LAST_REQUESTS.min(self.grace)).await;
        let ended = clock::until(began + self.grace, self.public.stop(true)).await.is_some();
        if !ended {
            tracing::warn!("requests were still under way at the end of shutdown_grace");
            self.public.stop(false).await;
        }
        self.admin.stop(false).await;
    }

    /// Makes every actor of a source panic, as a bug would. For tests of supervision.
    pub async fn crash_source(&self, id: &str) {
        for actor in self.living.of(id) {
            // The actor dies over it, so there is never an answer.
            let _: Result<(), _> = actor.send(Crash).await;
        }
    }
}

fn api_keys(server: &ServerSpec) -> Vec<ApiKey> {
    let keys = server.api_keys.iter();
    keys.map(|key| ApiKey { name: key.name.clone(), key: key.key.clone() }).collect()
}
