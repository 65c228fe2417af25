//! The composition root: the only place where things are wired together.

mod blocking;
mod changes;
mod credentials;
mod deployment;
mod descriptors;
mod reloader;
mod servers;
mod sources;
mod start_error;
mod upstream_share;
mod who_may_ask;
mod workers;

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::Arbiter;
use actix_server::ServerHandle;
use arc_swap::ArcSwap;
use tokio::sync::watch;

use self::deployment::{Deployment, Process};
use self::descriptors::Descriptors;
use crate::actors::observe;
use crate::actors::supervision::Restarts;
use crate::api::access::auth_failures::AuthFailures;
use crate::api::admin::faults::Faults;
use crate::api::admin::reload::{Kept, Reload as _, Reloaded};
use crate::api::admin::{Overview, Viewers};
use crate::api::draining::Draining;
use crate::app::reloader::Reloader;
use crate::clock;
use crate::model::record::observer::{Observer, Observers};
use crate::settings::{ServerTls, Settings};
use crate::telemetry::large_replies::LargeReplies;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::recent::Recent;
use crate::telemetry::request_log::RequestLog;
use crate::telemetry::traces::Traces;

pub use crate::api::admin::faults;
pub use blocking::{NoResult, in_a_thread};
pub use reloader::Load;
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
    traces: Option<Arc<Traces>>,
    draining: Arc<Draining>,
    reloader: Arc<Reloader>,
    grace: Duration,
    public: ServerHandle,
    admin: ServerHandle,
}

/// Starts the service in the current actix system. `load` is asked for what `settings` have become
/// when the service is told to reload.
///
/// # Errors
/// [`StartError`]: an address that cannot be listened on, an unusable certificate or secret.
pub fn start(settings: Settings, load: Load) -> Result<Running, StartError> {
    start_with_faults(settings, load, None)
}

/// The same in front of upstreams that can be made to misbehave from the admin address.
///
/// # Errors
/// As [`start`].
pub fn start_with_faults(
    settings: Settings,
    load: Load,
    faults: Option<Arc<dyn Faults>>,
) -> Result<Running, StartError> {
    let (listen, admin_listen) = (settings.server.listen, settings.server.admin_listen);
    let public_socket = servers::bind("listen", listen)?;
    let admin_socket = servers::bind("admin_listen", admin_listen)?;
    let address = servers::local_address(&public_socket, listen);
    let admin_address = servers::local_address(&admin_socket, admin_listen);

    let restarts = Arc::new(Restarts::default());
    actix_rt::spawn(ask_the_actors(Arc::downgrade(&restarts)));
    let recent = Arc::new(Recent::default());
    let metrics = Arc::new(Metrics::try_new()?);
    // From the start, so that the first change of each part can be seen as one.
    for part in changes::PARTS {
        metrics.count_changes(part, 0);
    }
    let scheme = if settings.server.tls.is_some() { "https" } else { "http" };
    let traces = settings.traces.as_ref().map(|export| Traces::start(export, scheme));
    let traces = traces.transpose()?.map(Arc::new);
    let mut observers: Vec<Arc<dyn Observer>> = vec![
        Arc::new(RequestLog),
        Arc::new(LargeReplies::default()),
        Arc::clone(&metrics) as _,
        Arc::clone(&recent) as _,
    ];
    observers.extend(traces.iter().map(|traces| Arc::clone(traces) as _));
    let draining = Arc::<Draining>::default();
    let process = Process {
        arbiter: Arbiter::current(),
        restarts: Arc::clone(&restarts),
        draining: Arc::clone(&draining),
        callers_refused: Arc::new(AuthFailures::new("listen", Arc::clone(&draining))),
        operators_refused: Arc::new(AuthFailures::new("admin_listen", Arc::clone(&draining))),
        observer: Arc::new(Observers(observers)),
    };
    let deployment = Deployment::build(settings, None, &process)?;
    let descriptors = Descriptors::claim(&deployment)?;
    let (callers, operators) = (Arc::clone(&descriptors.public), Arc::clone(&descriptors.admin));
    let upstreams = Arc::clone(&descriptors.upstreams);
    let server = deployment.server.clone();
    let parts = Arc::new(ArcSwap::from_pointee(deployment.parts(&process)));
    let status = std::sync::Mutex::new(reloader::succeeded(&deployment.config_hash));
    let (deployments, in_force) = watch::channel(Arc::new(deployment));
    let in_force_tls = |tls: &ServerTls| Arc::new(ArcSwap::new(Arc::clone(&tls.config)));
    let tls = server.tls.as_ref().map(in_force_tls);
    let admin_tls = server.admin_tls.as_ref().map(in_force_tls);
    let reloader = Arc::new(Reloader {
        load,
        process,
        descriptors,
        deployments,
        parts: Arc::clone(&parts),
        tls: tls.clone(),
        admin_tls: admin_tls.clone(),
        metrics: Arc::clone(&metrics),
        one_at_a_time: Arc::default(),
        status,
    });
    let overview = Arc::new(Overview {
        parts,
        reload: Arc::clone(&reloader) as _,
        faults,
        draining: Arc::clone(&draining),
        metrics,
        restarts: Arc::clone(&restarts),
        recent: Arc::clone(&recent),
        viewers: Arc::<Viewers>::default(),
    });
    let workers = workers::WorkerFactory {
        deployments: in_force,
        upstreams,
        restarts,
        workers: server.workers,
        begun: Arc::new(AtomicUsize::new(0)),
    };
    let public = servers::public(&server, public_socket, workers, tls, &callers)?;
    let admin = servers::admin(&server, admin_socket, admin_tls, &operators, &overview)?;
    let running = Running {
        address,
        admin_address,
        recent,
        traces,
        draining,
        reloader,
        grace: server.shutdown_grace,
        public: public.handle(),
        admin: admin.handle(),
    };
    actix_rt::spawn(public);
    actix_rt::spawn(admin);
    Ok(running)
}

/// Asks the actors again and again whether they answer, as long as there are any.
async fn ask_the_actors(restarts: Weak<Restarts>) {
    while let Some(restarts) = restarts.upgrade() {
        restarts.observed().ask(clock::now());
        drop(restarts);
        clock::sleep_until(clock::now() + observe::INTERVAL).await;
    }
}

impl Running {
    /// Reads the configuration anew and puts it in force as a whole; requests under way end as
    /// they began. It takes as long as the files take.
    ///
    /// # Errors
    /// [`Kept`]: what is wrong with it. The one in force stays then.
    pub async fn reload(&self) -> Result<Reloaded, Kept> {
        Arc::clone(&self.reloader).reload().await
    }

    /// Stops: lets requests under way end within `shutdown_grace`, and accepts nothing new. Spans
    /// that are not sent yet have 2 s more.
    ///
    /// First each reply ends its connection while new requests are still taken: a request that was
    /// sent before the stop and not read yet would be lost with its connection otherwise.
    pub async fn stop(&self) {
        self.draining.begin();
        let began = clock::now();
        clock::sleep_until(began + LAST_REQUESTS.min(self.grace)).await;
        let ended = clock::until(began + self.grace, self.public.stop(true)).await.is_some();
        if !ended {
            tracing::warn!("requests were still under way at the end of shutdown_grace");
            self.public.stop(false).await;
        }
        self.admin.stop(false).await;
        if let Some(traces) = self.traces.clone() {
            // In another thread: this one drives the connection that the spans leave by.
            let stopped = tokio::task::spawn_blocking(move || traces.stop()).await;
            debug_assert!(stopped.is_ok(), "stopping them does not panic");
        }
    }
}
