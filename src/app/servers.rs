//! The two listeners: actions for callers, routes for operators.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_server::Server;
use actix_web::web;

use super::StartError;
use super::workers::WorkerFactory;
use crate::api::admin::{self, AdminState};
use crate::api::listener::connection_limit::ConnectionLimit;
use crate::api::listener::inbound_tls::TlsInForce;
use crate::api::listener::listen::{self, ConnectionRules, Listener};
use crate::api::routes;
use crate::settings::ServerSpec;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
const RULES: ConnectionRules =
    ConnectionRules { head_timeout: Duration::from_secs(5), keep_alive: Duration::from_secs(75) };

/// The listener for callers, with a set of actors in each worker thread.
pub(super) fn public(
    spec: &ServerSpec,
    socket: TcpListener,
    workers: WorkerFactory,
    tls: Option<TlsInForce>,
    limit: &Arc<ConnectionLimit>,
) -> Result<Server, StartError> {
    let shared = Arc::clone(&workers.deployments.borrow().shared);
    let listener = Listener {
        name: "public",
        socket,
        rules: RULES,
        limit: Arc::clone(limit),
        tls,
        draining: Arc::clone(&shared.draining),
        observer: Some(Arc::clone(&shared.observer)),
    };
    let configure = move |config: &mut web::ServiceConfig| {
        config.app_data(web::Data::new(workers.make()));
        routes::public(config);
    };
    let server = listen::serve(listener, spec.workers, spec.shutdown_grace, configure);
    server.map_err(failed("listen", spec.listen))
}

/// The listener for operators, in a thread of its own: it answers also under load.
pub(super) fn admin(
    spec: &ServerSpec,
    socket: TcpListener,
    tls: Option<TlsInForce>,
    limit: &Arc<ConnectionLimit>,
    state: &Arc<AdminState>,
) -> Result<Server, StartError> {
    let listener = Listener {
        name: "admin",
        socket,
        rules: RULES,
        limit: Arc::clone(limit),
        tls,
        draining: Arc::clone(&state.draining),
        observer: None,
    };
    let for_routes = Arc::clone(state);
    let configure = move |config: &mut web::ServiceConfig| {
        config.app_data(web::Data::from(Arc::clone(&for_routes)));
        admin::operators::routes(config, &for_routes);
    };
    let server = listen::serve(listener, 1, Duration::ZERO, configure);
    server.map_err(failed("admin_listen", spec.admin_listen))
}

fn failed(key: &'static str, address: SocketAddr) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::Listen { key, address, source }
}

/// A port that is the process's from now on.
pub(super) struct Bound {
    pub(super) socket: TcpListener,
    /// With the port that the system chose, where it was asked to.
    pub(super) address: SocketAddr,
}

pub(super) fn bind(key: &'static str, address: SocketAddr) -> Result<Bound, StartError> {
    let socket = bind_socket(address).map_err(failed(key, address))?;
    let address = socket.local_addr().unwrap_or(address);
    Ok(Bound { socket, address })
}

fn bind_socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    // A restart must not wait for connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
