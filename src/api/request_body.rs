//! Reads a request's body, bounded in size and in time.

use std::time::{Duration, Instant};

use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, TRANSFER_ENCODING,
};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::api::problem::Problem;
use crate::clock;

/// How much of a body is taken, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// The largest body, bytes.
    pub max_body: usize,
    /// From the request's head to the body's end.
    pub timeout: Duration,
}

/// The body of a request that is turned away is waited for this long.
const UNREAD_PATIENCE: Duration = Duration::from_millis(10);

/// Reads the whole body of a request that arrived at `started`.
///
/// # Errors
/// 413 as soon as it is plain that the body is too large, 408 when it comes too slowly, 400 when
/// it breaks off.
pub async fn read(
    headers: &HeaderMap,
    mut payload: Payload,
    limits: BodyLimits,
    started: Instant,
) -> Result<Bytes, Problem> {
    let too_large = || Problem::body_too_large(limits.max_body);
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limits.max_body) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    let whole = async {
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Problem::body_broken(broken(headers)))?;
            if body.len() + chunk.len() > limits.max_body {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(())
    };
    let in_time = clock::until(started + limits.timeout, whole).await;
    in_time.unwrap_or_else(|| Err(Problem::body_timeout(limits.timeout.as_millis())))?;
    Ok(body.freeze())
}

/// The problem of a request that is turned away unread. If its body comes along with its head, as
/// nearly always, that is thrown away and the connection is kept: under a load that is too high
/// anyway, the caller's next connection, and its TLS handshake, would be the dearest part of it.
///
/// A caller that waits for `100 Continue` is not asked for its body.
pub async fn turned_away(
    problem: Problem,
    headers: &HeaderMap,
    payload: &mut Payload,
    limits: BodyLimits,
) -> Problem {
    if headers.contains_key(EXPECT) {
        return problem;
    }
    let end = clock::now() + UNREAD_PATIENCE;
    match clock::until(end, skip(payload, limits.max_body)).await {
        Some(true) => problem.on_a_kept_connection(),
        Some(false) | None => problem,
    }
}

/// Throws the body away, and says whether it could be read to its end within `max_body`.
async fn skip(payload: &mut Payload, max_body: usize) -> bool {
    let mut length = 0;
    while let Some(chunk) = payload.next().await {
        let Ok(chunk) = chunk else { return false };
        length += chunk.len();
        if length > max_body {
            return false;
        }
    }
    true
}

/// Refuses a body that is not said to be JSON.
///
/// # Errors
/// 415.
pub fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key(CONTENT_TYPE) {
        return Err(Problem::unsupported_media_type());
    }
    expect_json(headers)
}

/// Why a body has no end. actix-http says the same of a chunk that is none and of one that breaks
/// off.
fn broken(headers: &HeaderMap) -> &'static str {
    if headers.contains_key(TRANSFER_ENCODING) {
        "the body broke off before its last chunk, or is not validly chunked"
    } else {
        "the body broke off before its end"
    }
}

/// Refuses a body that is said to be something other than JSON, or to be encoded; one of which
/// nothing is said is taken for plain JSON.
///
/// # Errors
/// 415.
pub fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get_all(CONTENT_ENCODING).any(|codings| !is_identity(codings.as_bytes())) {
        return Err(Problem::unsupported_encoding());
    }
    // Of two, others may look at either.
    let mut types = headers.get_all(CONTENT_TYPE);
    let are_json = types.all(|value| is_json(value.to_str().unwrap_or_default()));
    if are_json { Ok(()) } else { Err(Problem::unsupported_media_type()) }
}

fn is_json(content_type: &str) -> bool {
    let content_type = content_type.to_ascii_lowercase();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// Whether a list of codings (RFC 9110 section 8.4) leaves the body as it is.
fn is_identity(codings: &[u8]) -> bool {
    let codings = codings.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    codings.into_iter().all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
}
