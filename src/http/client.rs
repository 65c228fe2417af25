//! One upstream origin with connections of its own: sends one request, reads one whole reply.
//!
//! No retry, no limits and no judgement here; only the time and the size are bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use awc::error::{ConnectError, SendRequestError};
use awc::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, RANGE, TRANSFER_ENCODING,
};
use awc::http::uri::{PathAndQuery, Uri};
use awc::http::{Method, uri};
use awc::{ClientResponse, SendClientRequest};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio_rustls::rustls::ClientConfig;

use super::connect::{Transport, TransportSpec, TransportSpecError, new_client};
use super::connect_failure::{ConnectFailure, connect_failure, tcp_reason};
use super::error::{HttpError, UnusableReply};
use super::exchange_log::ExchangeLog;
use super::hints::ResponseHints;
use super::send_permit::SendPermit;
use super::stream_fault::{StreamFault, payload_fault, stream_fault};
use crate::clock;
use crate::domain::template::Endpoint;

/// An error's body is read up to this size, so that its connection can be used again.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// An error's body is waited for this long; more is not worth a kept connection.
const ERROR_BODY_PATIENCE: Duration = Duration::from_millis(100);

/// So many kept connections in a row may turn out to be dead before that counts as a failure.
const MOST_STALE: u32 = 20;

/// How an origin's connections are made and kept; counts are for one worker.
#[derive(Debug, Clone)]
pub struct Connecting {
    /// Resolving, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// Pool open at a time.
    pub max_connections: usize,
    /// Pool kept open without work.
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
        exchange.finish(result.is_ok());
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
        Uri::from_parts(parts).unwrap_or_default()
    }
}

/// Whether the kept connection was found to be closed, or in disorder, before it was used.
fn is_stale(error: &SendRequestError) -> bool {
    matches!(
        stream_fault(error),
        Some(StreamFault::ClosedWhileIdle | StreamFault::UnsolicitedBytes)
    )
}

fn failed(error: &SendRequestError) -> HttpError {
    if let Some(failure) = connect_failure(error) {
        return HttpError::Connect(failure.clone());
    }
    if let Some(fault) = stream_fault(error).filter(|fault| fault.is_too_large()) {
        return UnusableReply::Head(fault.clone()).into();
    }
    let reason = match (stream_fault(error), error) {
        (Some(fault), _) => fault.to_string(),
        (None, SendRequestError::Connect(ConnectError::Disconnected)) => {
            "it was closed before a reply".to_owned()
        }
        // awc's own words; they hold nothing of the request or the reply.
        (None, other) => other.to_string(),
    };
    HttpError::Broken { reason }
}

fn broke_off(error: &awc::error::PayloadError) -> HttpError {
    use awc::error::PayloadError as Foreign;
    let reason = match (payload_fault(error), error) {
        (Some(fault), _) => fault.to_string(),
        // Its own text shows the error within as it is written in code.
        (None, Foreign::Incomplete(Some(error)) | Foreign::Io(error)) => tcp_reason(error),
        (None, other) => other.to_string(),
    };
    HttpError::Broken { reason }
}

async fn success_body(response: &mut ClientResponse, max_body: usize) -> Result<Bytes, HttpError> {
    let coding = content_coding(response);
    let too_large = || HttpError::from(UnusableReply::TooLarge { limit: max_body });
    let announced = content_length(response).unwrap_or(0);
    if announced > max_body && coding.is_none() {
        return Err(too_large());
    }
    let mut body = Bytes::new();
    let mut gathered: Option<BytesMut> = None;
    while let Some(chunk) = response.next().await {
        let chunk = chunk.map_err(|error| broke_off(&error))?;
        // Nothing at all is nothing in any coding.
        if let Some(coding) = coding {
            return Err(UnusableReply::Encoded { coding }.into());
        }
        if body.len() + gathered.as_ref().map_or(0, BytesMut::len) + chunk.len() > max_body {
            return Err(too_large());
        }
        // Most bodies come in one piece, which is kept as it is.
        if body.is_empty() && gathered.is_none() {
            body = chunk;
            continue;
        }
        let gathered = gathered.get_or_insert_with(|| {
            let mut begun = BytesMut::with_capacity(announced.max(2 * body.len()));
            begun.extend_from_slice(&std::mem::take(&mut body));
            begun
        });
        gathered.extend_from_slice(&chunk);
    }
    Ok(gathered.map_or(body, BytesMut::freeze))
}

/// Reads an error's body so that the connection can be used again, but only if that is cheap.
async fn error_body(response: &mut ClientResponse) -> Bytes {
    if content_length(response).is_some_and(|length| length > MAX_ERROR_BODY) {
        return Bytes::new();
    }
    let limit = clock::now() + ERROR_BODY_PATIENCE;
    let mut body = BytesMut::new();
    while let Some(Some(Ok(chunk))) = clock::until(limit, response.next()).await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ERROR_BODY {
            return Bytes::new();
        }
    }
    body.freeze()
}

fn content_length(response: &ClientResponse) -> Option<usize> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

fn self_delimited(response: &ClientResponse) -> bool {
    let headers = response.headers();
    let has_length =
        headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    has_length || matches!(response.status().as_u16(), 204 | 304)
}

/// The coding of the body, if it is one that was not asked for; fit to be shown.
fn content_coding(response: &ClientResponse) -> Option<String> {
    let coding = response.headers().get(CONTENT_ENCODING)?;
    let is_identity = coding.as_bytes().eq_ignore_ascii_case(b"identity");
    (!is_identity).then(|| fit_to_show(coding))
}

/// A content coding fit to be shown: a plain token, shortened.
fn fit_to_show(value: &HeaderValue) -> String {
    let plain =
        value.as_bytes().iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte == b'-');
    plain.take(20).map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_reset_within_a_body_is_told_in_plain_words() {
        let reset = || io::Error::from_raw_os_error(104);
        for error in [
            awc::error::PayloadError::Incomplete(Some(reset())),
            awc::error::PayloadError::Io(reset()),
        ] {
            assert_eq!(broke_off(&error).to_string(), "the connection broke: connection reset");
        }
    }

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
        let endpoint = Endpoint::try_new(false, &format!("127.0.0.1:{port}")).unwrap();
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
