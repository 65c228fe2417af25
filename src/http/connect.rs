//! Connecting to one source: resolve, TCP, TLS, all within one timeout. awc asks for a connection
//! and is given a [`GuardedStream`]; it only ever sees `http://` URIs.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection as AwcConnection};
use awc::http::{Uri, header};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::connect_failure::{ConnectFailure, ConnectStep, tcp_reason, tls_failure};
use super::connection::Connection;
use super::exchange_log::ExchangeLog;
use super::guard::stream::GuardedStream;
use super::pool::Pool;
use super::shortage::Shortage;
use super::socket::Socket;
use crate::clock;

/// How long awc takes an idle connection for usable.
const KEEP_ALIVE: Duration = Duration::from_secs(90);
/// How old a connection may become, so that a change in DNS is noticed.
const LIFETIME: Duration = Duration::from_mins(10);
/// awc's own connect timeout must never be the one that ends a connect.
const NEVER: Duration = Duration::from_hours(24);

/// Where to connect to, and how.
#[derive(Debug, Clone)]
pub struct TransportSpec {
    /// A host name or an IP address (IPv6 with or without brackets).
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The time for resolving, TCP and TLS together.
    pub connect_timeout: Duration,
    /// TLS, if the source is `https`.
    pub tls: Option<Arc<ClientConfig>>,
    /// How many connections there may be at once in this thread, at least 1.
    pub max_connections: usize,
    /// How many of them are kept while idle.
    pub max_idle_connections: usize,
}

/// What is wrong with a [`TransportSpec`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportSpecError {
    /// The host is empty or no name that TLS could check.
    #[error("host {0:?} is neither a host name nor an IP address")]
    Host(String),
    /// Port 0.
    #[error("port 0 cannot be connected to; allowed is 1 to 65535")]
    Port,
    /// No connection at all.
    #[error("max_connections is 0; allowed is 1 or more")]
    MaxConnections,
    /// No time at all.
    #[error("connect_timeout is 0; allowed is any time above it")]
    ConnectTimeout,
}

/// The way to one source from one worker thread. Clones are the same transport.
#[derive(Clone)]
pub struct Transport(pub(super) Rc<Inner>);

pub(super) struct Inner {
    host: String,
    address: Option<IpAddr>,
    port: u16,
    connect_timeout: Duration,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    max_connections: usize,
    pub(super) connections: Rc<Pool>,
    /// Connected before awc asked, and since when.
    warm: RefCell<Vec<(Instant, Socket)>>,
}

impl Transport {
    /// Checks the specification; nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn try_new(spec: TransportSpec) -> Result<Self, TransportSpecError> {
        let host = spec.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        // Names are checked as TLS does it even without TLS: both mean a host on the network.
        let Ok(name) = ServerName::try_from(host.clone()) else {
            return Err(TransportSpecError::Host(spec.host));
        };
        if spec.port == 0 {
            return Err(TransportSpecError::Port);
        }
        if spec.max_connections == 0 {
            return Err(TransportSpecError::MaxConnections);
        }
        if spec.connect_timeout.is_zero() {
            return Err(TransportSpecError::ConnectTimeout);
        }
        Ok(Self(Rc::new(Inner {
            address: host.parse().ok(),
            host,
            port: spec.port,
            connect_timeout: spec.connect_timeout,
            tls: spec.tls.map(|config| (TlsConnector::from(config), name)),
            max_connections: spec.max_connections,
            connections: Pool::new(spec.max_idle_connections),
            warm: RefCell::default(),
        })))
    }

    /// Makes a connection for the first request that will want one.
    ///
    /// # Errors
    /// Why there is none; the request will try again.
    pub async fn warm_up(&self) -> Result<(), ConnectFailure> {
        let socket = self.0.connect_in_time().await?;
        // A request that could not wait has made one.
        if self.0.connections.open() == 0 {
            self.0.warm.borrow_mut().push((clock::now(), socket));
            actix_rt::spawn(forget_old_ones(Rc::downgrade(&self.0)));
        }
        Ok(())
    }
}

/// A client whose every connection comes from `transport`. No redirects, no timeouts of its own
/// (put one around the whole exchange), `User-Agent: tributary/<version>`.
pub fn new_client(transport: &Transport) -> awc::Client {
    let connector = awc::Connector::new()
        .connector(transport.clone())
        .timeout(NEVER)
        .conn_keep_alive(KEEP_ALIVE)
        .conn_lifetime(LIFETIME)
        .limit(transport.0.max_connections);
    let user_agent = concat!("tributary/", env!("CARGO_PKG_VERSION"));
    awc::Client::builder()
        .connector(connector)
        .disable_redirects()
        .disable_timeout()
        .no_default_headers()
        .add_default_header((header::USER_AGENT, user_agent))
        .finish()
}

impl Service<ConnectInfo<Uri>> for Transport {
    type Response = AwcConnection<Uri, GuardedStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    actix_service::always_ready!();

    fn call(&self, request: ConnectInfo<Uri>) -> Self::Future {
        let inner = Rc::clone(&self.0);
        Box::pin(async move {
            // Should it be closed meanwhile, that is found out as for a kept connection.
            let connected = match inner.take_warm() {
                Some(socket) => Ok(socket),
                None => inner.connect_and_record().await,
            };
            let socket = connected.map_err(|failure| ConnectError::Io(failure.into()))?;
            let stream = GuardedStream::new(Connection::open(socket, &inner.connections));
            Ok(AwcConnection::new(request.request().clone(), stream))
        })
    }
}

impl Inner {
    /// A connection that was made in time, but not too long ago.
    fn take_warm(&self) -> Option<Socket> {
        self.forget_old_ones();
        self.warm.borrow_mut().pop().map(|(_, socket)| socket)
    }

    fn forget_old_ones(&self) {
        let now = clock::now();
        let is_young = |since: Instant| now.saturating_duration_since(since) < KEEP_ALIVE;
        self.warm.borrow_mut().retain(|(since, _)| is_young(*since));
    }

    async fn connect_and_record(&self) -> Result<Socket, ConnectFailure> {
        let exchange = ExchangeLog::current();
        let started = clock::now();
        if let Some(exchange) = &exchange {
            exchange.connecting_since(started);
        }
        let result = self.connect_in_time().await;
        if let Some(exchange) = &exchange {
            exchange.connected_after(clock::now() - started);
        }
        result
    }

    async fn connect_in_time(&self) -> Result<Socket, ConnectFailure> {
        let step = Cell::new(ConnectStep::Resolving);
        let limit = self.connect_timeout;
        match timeout(limit, self.connect(&step)).await {
            Ok(result) => result.inspect_err(|failure| {
                if let ConnectFailure::Shortage(shortage) = failure {
                    shortage.tell();
                }
            }),
            Err(_) => Err(ConnectFailure::Timeout { after: limit, during: step.get() }),
        }
    }

    async fn connect(&self, step: &Cell<ConnectStep>) -> Result<Socket, ConnectFailure> {
        let deadline = clock::now() + self.connect_timeout;
        let addresses = self.resolve().await?;
        step.set(ConnectStep::Connecting);
        let tcp = connect_to_any(&addresses, deadline).await?;
        let Some((connector, name)) = &self.tls else {
            return Ok(Socket::Plain(tcp));
        };
        step.set(ConnectStep::Handshaking);
        match connector.connect(name.clone(), tcp).await {
            Ok(stream) => Ok(Socket::Tls(Box::new(stream))),
            Err(error) => Err(tls_failure(&error, &self.host)),
        }
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, ConnectFailure> {
        if let Some(address) = self.address {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let failure = |reason: String| ConnectFailure::Dns { host: self.host.clone(), reason };
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let found = found.map_err(|error| match Shortage::of_lookup(&error) {
            Some(shortage) => ConnectFailure::Shortage(shortage),
            None => failure(error.to_string()),
        });
        let addresses: Vec<_> = found?.collect();
        if addresses.is_empty() {
            return Err(failure("the name has no address".to_owned()));
        }
        Ok(addresses)
    }
}

/// Closes a connection that no request wanted for long.
async fn forget_old_ones(inner: Weak<Inner>) {
    clock::sleep_until(clock::now() + KEEP_ALIVE).await;
    if let Some(inner) = inner.upgrade() {
        inner.forget_old_ones();
    }
}

/// Tries the addresses one after the other. Each gets its share of the time that is left, so that
/// one that swallows packets does not use up the time of the next. It is a shortage of ours only if
/// none of them could even be tried.
pub(super) async fn connect_to_any(
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Result<TcpStream, ConnectFailure> {
    let mut failures: Vec<(SocketAddr, String)> = Vec::new();
    let mut shortages: Vec<Shortage> = Vec::new();
    for (&address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let time_left = deadline.saturating_duration_since(clock::now());
        let share = time_left / u32::try_from(left).unwrap_or(u32::MAX);
        // The last one's time is the whole timeout's.
        let share = if left == 1 { NEVER } else { share };
        let connected = timeout(share, TcpStream::connect(address)).await;
        let connected =
            connected.map(|tcp| tcp.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp)));
        let reason = match connected {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => {
                shortages.extend(Shortage::of(&error));
                tcp_reason(&error)
            }
            Err(_) => format!("no answer within {} ms", share.as_millis()),
        };
        failures.push((address, reason));
    }
    match shortages.first() {
        Some(shortage) if shortages.len() == failures.len() => {
            Err(ConnectFailure::Shortage(*shortage))
        }
        Some(_) | None => Err(tcp_failure(&failures)),
    }
}

fn tcp_failure(failures: &[(SocketAddr, String)]) -> ConnectFailure {
    match failures {
        [] => ConnectFailure::Dns {
            host: String::new(),
            reason: "the name has no address".to_owned(),
        },
        [(address, first), others @ ..] => {
            let others = others.iter().map(|(address, other)| format!("; {address}: {other}"));
            let reason = std::iter::once(first.clone()).chain(others).collect();
            ConnectFailure::Tcp { address: *address, reason }
        }
    }
}
