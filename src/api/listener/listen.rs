//! Accepts connections on one address and serves them with actix-web's routes.
//!
//! Put together from actix-server and actix-http instead of `HttpServer`, for one reason: streams
//! of ours sit below HTTP, so that the HTTP layer's own errors are JSON too ([`WithErrorPages`])
//! and that no head may come slowly ([`WithCallerTimeouts`]).

use std::future::pending;
use std::io;
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{ConnectionType, HttpService, KeepAlive};
use actix_rt::net::TcpStream;
use actix_server::{Server, ServerBuilder};
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::{AppConfig, Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::{App, HttpResponse, ResponseError, web};
use futures_util::FutureExt as _;

use crate::api::draining::Draining;
use crate::api::listener::connection_limit::{Admitted, ConnectionLimit, WorkerConnections};
use crate::api::listener::connection_security::ConnectionSecurity;
use crate::api::listener::error_pages::WithErrorPages;
use crate::api::listener::head_refusals::Refusals;
use crate::api::listener::inbound_tls::{Inbound, TlsInForce};
use crate::api::listener::phase::Phase;
use crate::api::listener::slow_callers::WithCallerTimeouts;
use crate::api::listener::upgrade;
use crate::api::problem::Problem;
use crate::api::{actions, reply_headers, request_context};
use crate::model::record::observer::Observer;

/// How a listener treats its connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionRules {
    /// A request's head must be whole within this time.
    pub head_timeout: Duration,
    /// A connection without a request is closed after this time.
    pub keep_alive: Duration,
}

type Stream = WithErrorPages<WithCallerTimeouts<Inbound>>;

/// Why a request has no answer of its handler.
#[derive(Debug, Clone, thiserror::Error)]
enum NoAnswer {
    /// The reply says that it was a fault of ours.
    #[error("a handler panicked")]
    Panicked(HeaderValue),
    /// The reply is for one that has only ended its sending side: the two look the same.
    #[error("the caller has gone")]
    CallerGone(HeaderValue),
}

impl ResponseError for NoAnswer {
    fn error_response(&self) -> HttpResponse {
        let (problem, id) = match self {
            Self::Panicked(id) => (Problem::internal(), id),
            Self::CallerGone(id) => (Problem::caller_gone(), id),
        };
        let mut response = actions::respond(Err(problem), id.clone());
        reply_headers::put(response.headers_mut());
        // Of both, nothing is known of what is left of the request on its connection.
        response.head_mut().set_connection_type(ConnectionType::Close);
        response
    }
}

/// One listener: its socket, and how it treats its connections.
pub struct Listener {
    /// What it is called in the log.
    pub name: &'static str,
    /// Where it listens.
    pub socket: TcpListener,
    /// How long its connections may take.
    pub rules: ConnectionRules,
    /// How many of them there may be.
    pub limit: Arc<ConnectionLimit>,
    /// How callers are spoken to; absent: in plain text.
    pub tls: Option<TlsInForce>,
    /// While it is on, each reply is the last one on its connection.
    pub draining: Arc<Draining>,
    /// Who is told of requests that are refused before any route is looked for; absent: nobody.
    pub observer: Option<Arc<dyn Observer>>,
}

/// A server of one listener whose routes are set up by `configure`, once in each of so many worker
/// threads. It takes one connection more for each worker than there may be: see
/// [`ConnectionLimit`].
///
/// # Errors
/// If the socket cannot be used.
pub fn serve<F>(
    listener: Listener,
    workers: usize,
    grace: Duration,
    configure: F,
) -> io::Result<Server>
where
    F: Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
{
    let Listener { name, socket, rules, limit, tls, draining, observer } = listener;
    let address = socket.local_addr()?;
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(limit.per_worker() + 1)
        .shutdown_timeout(grace.as_secs().max(1))
        .disable_signals();
    let stopping = server.graceful_shutdown_signal();
    let server = server.listen(name, socket, move || {
        let configure = configure.clone();
        let draining = Arc::clone(&draining);
        let app = App::new().configure(move |config| configure(config));
        let app = app.wrap_fn(move |request, app| answer(request, app, Arc::clone(&draining)));
        let stopping = stopping.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KeepAlive::Timeout(rules.keep_alive))
            .client_request_timeout(rules.head_timeout)
            .client_disconnect_timeout(Duration::from_secs(1))
            // Without it, bytes that are no HTTP would end a request that came before them without
            // a reply. A caller that goes takes its work along by `until_caller_goes`.
            .h1_allow_half_closed(true)
            .local_addr(address)
            .on_connect_ext(|stream: &Stream, data| {
                data.insert(stream.inner().phase().clone());
                data.insert(ConnectionSecurity::of(stream.inner().inner()));
            })
            .h1(map_config(app, move |()| AppConfig::default()));
        let (tls, observer) = (tls.clone(), observer.clone());
        let connections = WorkerConnections::new(Arc::clone(&limit));
        fn_service(move |stream: TcpStream| {
            let admitted = connections.admit();
            let (tls, observer) = (tls.clone(), observer.clone());
            async move {
                let peer = stream.peer_addr().ok();
                let inbound = shaken_hands(stream, tls.as_ref(), rules.head_timeout, &admitted);
                let inbound = inbound.await?;
                let phase = Phase::new(admitted);
                let ip = peer.map(|peer| peer.ip().to_canonical());
                let refusals = Refusals::new(observer, ip, phase.clone());
                let time = rules.head_timeout;
                let stream = WithCallerTimeouts::new(inbound, phase, refusals.clone(), time);
                Ok::<_, DispatchError>((WithErrorPages::new(stream, refusals), peer))
            }
        })
        .and_then(http)
    });
    server.map(ServerBuilder::run)
}

/// The connection once TLS is spoken, where it is. A handshake that makes no progress ends to make
/// room, as an idle connection does.
async fn shaken_hands(
    stream: TcpStream,
    tls: Option<&TlsInForce>,
    timeout: Duration,
    admitted: &Admitted,
) -> io::Result<Inbound> {
    tokio::select! {
        biased;
        inbound = Inbound::accept(stream, tls, timeout) => inbound,
        () = admitted.ends() => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// A handler's answer, or why there is none, with the request's id. Says whether it is the last one
/// on its connection.
fn answer<S, B>(
    mut request: ServiceRequest,
    app: &S,
    draining: Arc<Draining>,
) -> impl Future<Output = Result<ServiceResponse<B>, actix_web::Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
{
    let phase = request.conn_data::<Phase>().cloned();
    let phase = phase.expect("every connection has one");
    let comes_too_late = phase.is_asked_too_late();
    if !comes_too_late {
        phase.request_began();
    }
    let id = request_context::assign_id(&request);
    let caller_closes = request.head().connection_type() == ConnectionType::Close;
    let caller_waits = request.head().expect();
    let asks_for_upgrade = upgrade::decline(&mut request);
    let answer =
        (!comes_too_late).then(|| until_caller_goes(phase.clone(), id.clone(), app.call(request)));
    AssertUnwindSafe(or_never(answer)).catch_unwind().map(move |answer| {
        let answer = answer.unwrap_or_else(|_| Err(NoAnswer::Panicked(id.clone()).into()));
        // What is replied then is the last on the connection.
        let mut response = answer.inspect_err(|_| phase.request_ended(ConnectionType::Close))?;
        reply_headers::put(response.headers_mut());
        let head = response.response_mut().head_mut();
        head.headers_mut().insert(request_context::REQUEST_ID, id);
        // A caller that is refused before its body need not send it: what comes next may be that
        // or another request (RFC 9110 section 10.1.1).
        let is_unclear = caller_waits && head.status.as_u16() >= 400;
        let is_last = asks_for_upgrade || is_unclear;
        if caller_closes || is_last || draining.is_on() || phase.is_one_too_many() {
            head.set_connection_type(ConnectionType::Close);
        }
        phase.request_ended(head.connection_type());
        Ok(response)
    })
}

/// What the work gives; without any, the connection's end is all that is waited for.
async fn or_never<T>(work: Option<impl Future<Output = T>>) -> T {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}

/// A handler's answer. A caller that goes away takes the work along, and the connections it uses.
async fn until_caller_goes<T>(
    phase: Phase,
    id: HeaderValue,
    work: impl Future<Output = Result<T, actix_web::Error>>,
) -> Result<T, actix_web::Error> {
    tokio::select! {
        biased;
        answer = work => answer,
        () = phase.caller_gone() => Err(NoAnswer::CallerGone(id).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_without_an_answer_of_its_handler_is_the_last_on_its_connection() {
        let id = HeaderValue::from_static("mine-1");
        for (no_answer, status) in
            [(NoAnswer::Panicked(id.clone()), 500), (NoAnswer::CallerGone(id), 400)]
        {
            let mut response = no_answer.error_response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.head_mut().connection_type(), ConnectionType::Close);
        }
    }
}
