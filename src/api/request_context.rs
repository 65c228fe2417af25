//! What a request says about itself: its id, its trace, its hurry; and who sent it.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};

use crate::api::problem::Problem;
use crate::model::header::trace_context::{Sampling, TraceContext};
use crate::model::header::trace_state;
use crate::policy::request::Forwarded;

/// The header that carries a request's id, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static(REQUEST_ID_NAME);
const REQUEST_ID_NAME: &str = "x-request-id";
/// Genesys Cloud's name for the same.
const CORRELATION_ID: &str = "inin-correlation-id";
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
/// An id longer than this is not taken over.
const LONGEST_ID: usize = 128;

/// The id of a request, the same in its reply, in the log and for the sources.
struct RequestId(HeaderValue);

/// Gives a request its id.
pub fn assign_id(request: &ServiceRequest) -> HeaderValue {
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    id
}

/// The id that a request was given.
pub fn id_of(request: &HttpRequest) -> HeaderValue {
    let assigned = request.extensions().get::<RequestId>().map(|assigned| assigned.0.clone());
    assigned.unwrap_or_else(|| request_id(request.headers()))
}

/// Who sent a request, as the socket knows it: no header is believed.
pub fn peer(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|peer| peer.ip().to_canonical())
}

/// The request's id: the caller's, if it is fit to be passed on, else a new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let mut given =
        [CORRELATION_ID, REQUEST_ID_NAME].into_iter().filter_map(|name| headers.get(name));
    let fit = given.find(|id| is_fit(id.as_bytes()));
    fit.cloned().unwrap_or_else(new_id)
}

/// The caller's id in what has come of a head, which may not be valid as a whole.
pub fn request_id_in(head: &[u8]) -> Option<HeaderValue> {
    let lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let fields: Vec<_> =
        lines.skip(1).take_while(|line| !line.is_empty()).filter_map(field).collect();
    let id_under = |name: &str| {
        let found = fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| *value).filter(|id| is_fit(id))
    };
    let id = id_under(CORRELATION_ID).or_else(|| id_under(REQUEST_ID_NAME))?;
    HeaderValue::from_bytes(id).ok()
}

/// A header's name and value.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((name, value.get(1..)?.trim_ascii()))
}

fn is_fit(id: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(plain)
}

/// An id for a request that brought none.
pub fn new_id() -> HeaderValue {
    let id = format!("{:032x}", fastrand::u128(..));
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// The request's place in a trace (W3C Trace Context): the caller's, if it brought one that is
/// valid. Else a trace begins here, if the caller's is not valid or if traces are sent at all;
/// `sample_ratio` of those are recorded.
pub fn trace(headers: &HeaderMap, sample_ratio: Option<f64>) -> Option<TraceContext> {
    continued(headers).or_else(|| {
        let begins = headers.contains_key(TRACEPARENT) || sample_ratio.is_some();
        let sampling = match sample_ratio {
            Some(ratio) if fastrand::f64() < ratio => Sampling::Sampled,
            Some(_) | None => Sampling::Unsampled,
        };
        begins.then(|| TraceContext::root(fastrand::u128(1..), fastrand::u64(1..), sampling))
    })
}

fn continued(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all(TRACEPARENT);
    let (parent, another) = (parents.next()?, parents.next());
    // Of two nobody knows which one counts.
    let parent = parent.to_str().ok().filter(|_| another.is_none())?;
    let mut trace = TraceContext::continued(parent, fastrand::u64(1..))?;
    let states: Option<Vec<&str>> =
        headers.get_all(TRACESTATE).map(|state| state.to_str().ok()).collect();
    // Several headers are one list.
    trace.state = states.and_then(|states| trace_state::propagated(&states.join(",")));
    Some(trace)
}

/// What goes on to the sources: the id and the trace.
pub fn forwarded(request_id: &HeaderValue, trace: Option<&TraceContext>) -> Forwarded {
    let mut headers = vec![(REQUEST_ID, request_id.clone())];
    let state = trace.and_then(|trace| HeaderValue::try_from(trace.state.as_ref()?).ok());
    headers.extend(state.map(|state| (HeaderName::from_static(TRACESTATE), state)));
    Forwarded { headers, trace: trace.cloned() }
}

/// The time that the caller gives us by `X-Request-Timeout-Ms`, if it says so.
///
/// # Errors
/// 400 if it is not a whole number of milliseconds above 0.
pub fn requested_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let mut values = headers.get_all("x-request-timeout-ms");
    let Some(value) = values.next() else { return Ok(None) };
    let millis = value.to_str().ok().and_then(whole_number).filter(|_| values.next().is_none());
    match millis {
        Some(millis @ 1..) => Ok(Some(Duration::from_millis(millis))),
        Some(0) | None => Err(Problem::bad_request(
            "X-Request-Timeout-Ms must be one whole number of milliseconds above 0",
        )),
    }
}

/// Digits and nothing else: `str::parse` takes a plus sign as well.
fn whole_number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
