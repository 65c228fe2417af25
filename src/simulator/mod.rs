//! The upstreams of the demo and of the tests on loopback: an OAuth token endpoint, Genesys Cloud's
//! users and analytics, a CRM and an orders API, with scripted latency and faults.
//!
//! The simulator knows nothing of the service and shares no HTTP code with it: what it says and
//! how it misbehaves is decided byte by byte.
//!
//! ```text
//! accept → conversation (read a request) → upstream (which behaviour, which latency)
//!        → oauth | users | crm | orders (the reply) → behaviour (the plan) → conversation (play it)
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "the simulator is a world of its own: it has real clocks and real pauses"
)]

mod analytics;
mod behaviour;
mod canned_reply;
mod conversation;
mod crm;
mod http;
mod latency;
mod oauth;
mod orders;
mod playback;
mod received;
#[cfg(test)]
mod test_client;
mod upstream;
mod users;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

pub use behaviour::Behaviour;
pub use canned_reply::Reply;
pub use latency::Latency;
pub use oauth::OauthSettings;
pub use orders::OrdersSettings;
pub use playback::Then;
pub use received::Received;
pub use upstream::{Counts, Upstream};
pub use users::UsersSettings;

use upstream::Answer;

/// How many connections may wait to be accepted: enough for a load test that opens all at once.
const BACKLOG: u32 = 4096;
/// The pause after a failed accept (no file descriptors left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How a simulator is started. The default: plain HTTP, no latency, seed 0, free ports.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// TLS for all four upstreams; `None`: plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The latency of all upstreams but OAuth at the start.
    pub latency: Latency,
    /// The seed of everything that is random. The same seed and the same requests in the same
    /// order give the same run.
    pub seed: u64,
    /// The ports of OAuth, users, CRM and orders, in this order, 0 for a free one; `None`: free
    /// ones.
    pub ports: Option<[u16; 4]>,
}

/// Why a simulator could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken or not allowed.
    #[error("the simulated upstream cannot listen on {addr}: {source}")]
    Listen {
        /// The address that was tried.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system gives no thread or no event queue.
    #[error("the simulator's thread cannot be started: {0}")]
    Thread(io::Error),
}

/// Four upstreams in a thread of their own. Dropping it closes all connections and ports and
/// waits for the thread to end.
#[derive(Debug)]
pub struct Simulator {
    parts: Parts,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The handles of everything that a simulator consists of.
#[derive(Debug)]
struct Parts {
    oauth: Upstream,
    users: Upstream,
    crm: Upstream,
    orders: Upstream,
    oauth_settings: OauthSettings,
    users_settings: UsersSettings,
    orders_settings: OrdersSettings,
}

impl Simulator {
    /// Starts the upstreams; when it returns they accept connections. Blocks for a moment only,
    /// and may be called inside or outside of an async runtime.
    ///
    /// # Errors
    /// [`StartError`] if a port is taken or no thread is to be had.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let (report, reported) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || run(options, &report, stopped))
            .map_err(StartError::Thread)?;
        let parts = reported
            .recv()
            .map_err(|_| StartError::Thread(io::Error::other("it ended at once")))??;
        Ok(Self { parts, stop: Some(stop), thread: Some(thread) })
    }

    /// `POST /oauth/token`.
    pub fn oauth(&self) -> &Upstream {
        &self.parts.oauth
    }

    /// `GET /api/v2/users/{id}`, `GET /api/v2/users/{id}/routingstatus` and
    /// `POST /api/v2/analytics/conversations/details/query`.
    pub fn users(&self) -> &Upstream {
        &self.parts.users
    }

    /// `GET /v2/accounts?id=…&include=…`.
    pub fn crm(&self) -> &Upstream {
        &self.parts.crm
    }

    /// `POST /v1/orders`.
    pub fn orders(&self) -> &Upstream {
        &self.parts.orders
    }

    /// All four: OAuth, users, CRM, orders.
    pub fn upstreams(&self) -> [&Upstream; 4] {
        let parts = &self.parts;
        [&parts.oauth, &parts.users, &parts.crm, &parts.orders]
    }

    /// The accepted client and the issued tokens.
    pub fn oauth_settings(&self) -> &OauthSettings {
        &self.parts.oauth_settings
    }

    /// The rate limit of the users API.
    pub fn users_settings(&self) -> &UsersSettings {
        &self.parts.users_settings
    }

    /// How many orders a customer has.
    pub fn orders_settings(&self) -> &OrdersSettings {
        &self.parts.orders_settings
    }

    /// Stops the upstreams, as dropping the simulator does.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its only way to fail is a panic, which has been printed already.
            let _ = thread.join();
        }
    }
}

/// The thread: reports how the start went, then serves until it is told to stop. The runtime must
/// not leave this thread, because dropping one inside of another runtime is a panic.
fn run(
    options: Options,
    report: &mpsc::Sender<Result<Parts, StartError>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Fails only if nobody waits for the report; then there is nothing to do either.
            let _ = report.send(Err(StartError::Thread(error)));
            return;
        }
    };
    runtime.block_on(async {
        let started = start_all(options);
        let is_up = started.is_ok();
        if report.send(started).is_ok() && is_up {
            // An error means that the sender was dropped, which is to stop as well.
            let _ = stopped.await;
        }
    });
}

fn start_all(options: Options) -> Result<Parts, StartError> {
    let Options { tls, latency, seed, ports } = options;
    let [oauth_port, users_port, crm_port, orders_port] = ports.unwrap_or_default();
    let tls = tls.map(TlsAcceptor::from);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let oauth_settings = OauthSettings::new(seed);
    let users_settings = UsersSettings::new(seed);
    let orders_settings = OrdersSettings::new();
    let start = |port: u16, latency: Latency, number: u64, answer: Answer| {
        // Another sequence for each, or all four would be slow at the same time.
        let seed = seed.wrapping_add(number << 32);
        start_one(port, tls.clone(), |addr| Upstream::new(scheme, addr, latency, seed, answer))
    };
    let users_answer = users::answer(&users_settings, &oauth_settings);
    Ok(Parts {
        oauth: start(oauth_port, Latency::None, 0, oauth::answer(&oauth_settings))?,
        users: start(users_port, latency, 1, users_answer)?,
        crm: start(crm_port, latency, 2, Box::new(crm::answer))?,
        orders: start(orders_port, latency, 3, orders::answer(&orders_settings))?,
        oauth_settings,
        users_settings,
        orders_settings,
    })
}

/// Listens on the port and starts to accept there. Must be called inside of a runtime.
fn start_one(
    port: u16,
    tls: Option<TlsAcceptor>,
    upstream_at: impl FnOnce(SocketAddr) -> Upstream,
) -> Result<Upstream, StartError> {
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let (listener, addr) = listen(addr).map_err(|source| StartError::Listen { addr, source })?;
    let upstream = upstream_at(addr);
    tokio::spawn(accept(listener, tls, upstream.clone()));
    Ok(upstream)
}

fn listen(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    // A port that was in use a moment ago can be taken again.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    let listener = socket.listen(BACKLOG)?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, upstream: Upstream) {
    let mut number = 0;
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                number += 1;
                let connection = conversation::serve(tcp, tls.clone(), upstream.clone(), number);
                tokio::spawn(connection);
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}
