//! One upstream origin with connections of its own: sends one request, reads one whole reply.
//!
//! No retry, no limits and no judgement here; only the time and the size are bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use awc::SendClientRequest;
use awc::http::header::{HOST, HeaderName, HeaderValue, RANGE};
use awc::http::uri::{PathAndQuery, Uri};
use awc::http::{Method, uri};
use bytes::Bytes;
use tokio_rustls::rustls::ClientConfig;

use super::connect::{Transport, TransportSpec, TransportSpecError, new_client};
use super::connect_failure::ConnectFailure;
use super::exchange_log::ExchangeLog;
use super::hints::ResponseHints;
use super::persistence::Persistence;
use super::send_permit::SendPermit;
use crate::clock;
use crate::http::http_error::{HttpError, UnusableReply, failed, is_stale};
use crate::http::response_body::{error_body, self_delimited, success_body};
use crate::model::template::Endpoint;

/// So many kept connections in a row may turn out to be dead before that counts as a failure.
const MOST_STALE: u32 = 20;

/// How an origin's connections are made and kept; counts are for one worker.
#[derive(Debug, Clone)]
pub struct Connecting {
    /// Resolving, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// Connections open at a time.
    pub max_connections: usize,
    /// Connections kept open without work.
    pub max_idle_connections: usize,
    /// How TLS is spoken; needed for an HTTPS endpoint.
    pub tls: Option<Arc<ClientConfig>>,
}

/// One upstream origin with connections of its own.
pub struct HttpClient {
    transport: Transport,
    client: awc::Client,
    authority: uri::Authority,
    host: HeaderValue,
}

/// A request, ready to be sent as often as need be.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: PathAndQuery,
    /// All headers but `Host`, those about the body's length and the attempt's own.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; absent: none.
    pub body: Option<Bytes>,
}

impl Request {
    fn asks_for_a_range(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == RANGE)
    }
}

/// A reply with its whole body.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// What its headers say about limits and the next page.
    pub hints: ResponseHints,
    /// The body; that of an error is left out (empty) if it is large or slow.
    pub body: Bytes,
    /// Whether the head says where the body ends (RFC 9112 section 6.3). Else the connection's end
    /// did, and might have come too early.
    pub self_delimited: bool,
}

/// What can be told of one exchange, whatever became of it.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// Whether any byte of the request may have left.
    pub sent: bool,
    /// When a new connection was begun, if one was, and how long that took.
    pub connect: Option<(Instant, Duration)>,
}

/// Why an origin cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// The transport cannot be made.
    #[error(transparent)]
    Transport(#[from] TransportSpecError),
    /// The endpoint has no form that a request could carry.
    #[error("the host name cannot stand in a request: {0}")]
    Authority(String),
}

impl HttpClient {
    /// An origin without connections; they are made when they are needed.
    ///
    /// # Errors
    /// [`HttpClientError`] if the endpoint cannot be connected to, whatever the network does.
    pub fn try_new(endpoint: &Endpoint, connecting: Connecting) -> Result<Self, HttpClientError> {
        let transport = Transport::try_new(TransportSpec {
            host: endpoint.host().to_owned(),
            port: endpoint.port(),
            connect_timeout: connecting.connect_timeout,
            tls: connecting.tls.filter(|_| endpoint.https()),
            max_connections: connecting.max_connections,
            max_idle_connections: connecting.max_idle_connections,
        })?;
        let text = endpoint.authority();
        let unusable = |_| HttpClientError::Authority(text.clone());
        let authority = text.parse().map_err(|_| HttpClientError::Authority(text.clone()))?;
        let host = HeaderValue::from_str(&text).map_err(unusable)?;
        Ok(Self { client: new_client(&transport), transport, authority, host })
    }

    /// Makes a connection before there is a request for it.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn warm_up(&self) -> Result<(), ConnectFailure> {
        self.transport.warm_up().await
    }

    /// Sends one request and reads the whole reply, until `deadline`. `own` are the headers that
    /// the next attempt may have otherwise: the credential's, the trace's. `permit` counts from the
    /// moment at which the request leaves; given back if it does not.
    ///
    /// The result's error is `Connect`, `Broken`, `TimedOut`, or `Unusable` for a success that is
    /// larger than `max_body`, encoded, or a part that was not asked for. Any other is a reply.
    pub async fn send(
        &self,
        request: &Request,
        own: &[Option<(&HeaderName, &HeaderValue)>],
        max_body: usize,
        deadline: Instant,
        permit: Option<SendPermit>,
    ) -> (Result<Response, HttpError>, Sent) {
        let exchange = ExchangeLog::with_permit(permit);
        let began = clock::now();
        let work = exchange.scope(self.exchange(&exchange, request, own, max_body));
        let result = clock::until(deadline, work).await;
        let result = result.unwrap_or_else(|| {
            Err(HttpError::TimedOut { given: deadline.saturating_duration_since(began) })
        });
        exchange.finish(if result.is_ok() { Persistence::KeepAlive } else { Persistence::Close });
        let connect = exchange.connect_started().zip(exchange.connect());
        (result, Sent { sent: exchange.sent(), connect })
    }

    async fn exchange(
        &self,
        record: &ExchangeLog,
        request: &Request,
        own: &[Option<(&HeaderName, &HeaderValue)>],
        max_body: usize,
    ) -> Result<Response, HttpError> {
        let mut stale = 0;
        let mut response = loop {
            match self.outgoing(request, own).await {
                Ok(response) => break response,
                // Found dead before a byte was sent: no attempt, only the wrong connection.
                Err(error) if is_stale(&error) && !record.sent() && stale < MOST_STALE => {
                    stale += 1;
                }
                Err(error) => return Err(failed(&error)),
            }
        };
        let status = response.status().as_u16();
        let body = match status {
            206 if !request.asks_for_a_range() => return Err(UnusableReply::Partial.into()),
            200..=299 => success_body(&mut response, max_body).await?,
            _ => error_body(&mut response).await,
        };
        let (hints, self_delimited) =
            (ResponseHints::read(response.headers()), self_delimited(&response));
        Ok(Response { status, hints, body, self_delimited })
    }

    fn outgoing(
        &self,
        request: &Request,
        own: &[Option<(&HeaderName, &HeaderValue)>],
    ) -> SendClientRequest {
        let mut outgoing = self.client.request(request.method.clone(), self.uri(&request.target));
        let headers = outgoing.headers_mut();
        headers.insert(HOST, self.host.clone());
        for (name, value) in &request.headers {
            headers.append(name.clone(), value.clone());
        }
        for (name, value) in own.iter().copied().flatten() {
            headers.insert(name.clone(), value.clone());
        }
        match &request.body {
            Some(body) => outgoing.send_body(body.clone()),
            None => outgoing.send(),
        }
    }

    /// awc is always given `http`: TLS is the transport's business.
    fn uri(&self, target: &PathAndQuery) -> Uri {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(uri::Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(target.clone());
        Uri::from_parts(parts).expect("scheme, authority and path are all that a URI needs")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::mpsc;

    use super::*;
    use crate::model::template::Scheme;

    /// Answers one request on each of two connections, and closes each right after its reply;
    /// tells the port, then each close.
    fn closing_server() -> (u16, mpsc::Receiver<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (closed_to, closed) = mpsc::channel();
        std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                assert!(stream.read(&mut request).unwrap() > 0);
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue").unwrap();
                // The reply must have been read before the end of the stream comes.
                std::thread::park_timeout(Duration::from_millis(100));
                drop(stream);
                closed_to.send(()).unwrap();
            }
        });
        (port, closed)
    }

    #[actix_rt::test]
    async fn a_kept_connection_that_was_closed_meanwhile_costs_no_attempt() {
        let (port, closed) = closing_server();
        let endpoint = Endpoint::try_new(Scheme::Http, &format!("127.0.0.1:{port}")).unwrap();
        let connecting = Connecting {
            connect_timeout: Duration::from_secs(5),
            max_connections: 1,
            max_idle_connections: 1,
            tls: None,
        };
        let origin = HttpClient::try_new(&endpoint, connecting).unwrap();
        let target = PathAndQuery::from_static("/");
        let request = Request { method: Method::POST, target, headers: vec![], body: None };
        let send = async || {
            let deadline = clock::now() + Duration::from_secs(10);
            origin.send(&request, &[], 100, deadline, None).await.0.map(|reply| reply.body)
        };
        assert_eq!(send().await.unwrap(), "true");
        // Waiting here without giving the runtime a turn keeps it from seeing the close: so does a
        // close that comes just before a request.
        closed.recv().unwrap();
        assert_eq!(send().await.unwrap(), "true");
    }
}
