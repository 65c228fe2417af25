//! The composition root: the only place where things are wired together.

mod blocking;
mod changes;
mod credentials;
mod deployment;
mod descriptors;
mod observers;
mod process;
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

use actix_server::ServerHandle;
use arc_swap::ArcSwap;
use tokio::sync::watch;

use self::deployment::Deployment;
use self::descriptors::Descriptors;
use self::observers::Telemetry;
use self::process::Process;
use crate::actors::observe;
use crate::actors::supervision::Restarts;
use crate::api::admin::faults::Faults;
use crate::api::admin::reload::{Kept, Reload as _, Reloaded};
use crate::api::admin::{AdminState, Viewers};
use crate::api::draining::Draining;
use crate::api::listener::inbound_tls::TlsInForce;
use crate::app::reloader::Reloader;
use crate::clock;
use crate::settings::{ServerTls, Settings};
use crate::telemetry::recent::Recent;
use crate::telemetry::traces::Traces;

pub use crate::api::admin::faults;
pub use blocking::{NoResult, in_a_thread};
pub use reloader::Load;
pub use start_error::StartError;

/// How long requests are still taken once the service is told to stop: those that were sent before, on
/// connections that are kept, lie unread in the sockets, and nothing says how many there are.
const UNREAD_REQUESTS: Duration = Duration::from_millis(100);

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
    let for_callers = servers::bind("listen", settings.server.listen)?;
    let for_operators = servers::bind("admin_listen", settings.server.admin_listen)?;
    let telemetry = Telemetry::start(&settings)?;
    let process = Process::new(telemetry.observer());
    let (restarts, draining) = (Arc::clone(&process.restarts), Arc::clone(&process.draining));
    actix_rt::spawn(ask_the_actors(Arc::downgrade(&restarts)));
    let deployment = Deployment::build(settings, None, &process)?;
    let descriptors = Descriptors::claim(&deployment)?;
    let (callers, operators) = (Arc::clone(&descriptors.public), Arc::clone(&descriptors.admin));
    let upstreams = Arc::clone(&descriptors.upstreams);
    let server = deployment.server.clone();
    let view = Arc::new(ArcSwap::from_pointee(deployment.admin_view(&process)));
    let status = std::sync::Mutex::new(reloader::succeeded(&deployment.config_hash));
    let (deployments, newest) = watch::channel(Arc::new(deployment));
    let [tls, admin_tls] = [&server.tls, &server.admin_tls].map(|tls| tls.as_ref().map(in_force));
    let reloader = Arc::new(Reloader {
        load,
        process,
        descriptors,
        deployments,
        view: Arc::clone(&view),
        tls: tls.clone(),
        admin_tls: admin_tls.clone(),
        metrics: Arc::clone(&telemetry.metrics),
        one_at_a_time: Arc::default(),
        status,
    });
    let admin_state = Arc::new(AdminState {
        view,
        reload: Arc::clone(&reloader) as _,
        faults,
        draining: Arc::clone(&draining),
        metrics: telemetry.metrics,
        restarts: Arc::clone(&restarts),
        recent: Arc::clone(&telemetry.recent),
        viewers: Arc::<Viewers>::default(),
    });
    let workers = workers::WorkerFactory {
        deployments: newest,
        upstreams,
        restarts,
        workers: server.workers,
        begun: Arc::new(AtomicUsize::new(0)),
    };
    let public = servers::public(&server, for_callers.socket, workers, tls, &callers)?;
    let admin = servers::admin(&server, for_operators.socket, admin_tls, &operators, &admin_state)?;
    let running = Running {
        address: for_callers.address,
        admin_address: for_operators.address,
        recent: telemetry.recent,
        traces: telemetry.traces,
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

/// What a port speaks TLS with, as long as no reload says otherwise.
fn in_force(tls: &ServerTls) -> TlsInForce {
    Arc::new(ArcSwap::new(Arc::clone(&tls.config)))
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
        clock::sleep_until(began + UNREAD_REQUESTS.min(self.grace)).await;
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
