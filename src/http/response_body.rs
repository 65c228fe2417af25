//! Reading the body of a response: whole, bounded, and in no coding.

use std::time::Duration;

use awc::ClientResponse;
use awc::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::clock;
use crate::http::http_error::{HttpError, UnusableReply, broke_off};

/// An error's body is read up to this size, so that its connection can be used again.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// An error's body is waited for this long; more is not worth a kept connection.
const ERROR_BODY_TIME: Duration = Duration::from_millis(100);
/// What stands in a `Content-Encoding` where nothing is encoded: known servers write these in place of
/// leaving it out.
const NO_CODING: [&[u8]; 4] = [b"", b"identity", b"none", b"utf-8"];

/// The body of a success, of at most `max_body` bytes.
pub(super) async fn success_body(
    response: &mut ClientResponse,
    max_body: usize,
) -> Result<Bytes, HttpError> {
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
pub(super) async fn error_body(response: &mut ClientResponse) -> Bytes {
    if content_length(response).is_some_and(|length| length > MAX_ERROR_BODY) {
        return Bytes::new();
    }
    let limit = clock::now() + ERROR_BODY_TIME;
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

/// Whether the head says where the body ends (RFC 9112 section 6.3).
pub(super) fn self_delimited(response: &ClientResponse) -> bool {
    let headers = response.headers();
    let has_length =
        headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    has_length || matches!(response.status().as_u16(), 204 | 304)
}

/// The coding of the body, if it is one that was not asked for; fit to be shown.
fn content_coding(response: &ClientResponse) -> Option<String> {
    let codings = response.headers().get_all(CONTENT_ENCODING);
    codings.into_iter().find(|value| !is_none(value)).map(fit_to_show)
}

/// Whether a `Content-Encoding` names no coding.
fn is_none(codings: &HeaderValue) -> bool {
    let none = |coding: &[u8]| {
        let coding = coding.trim_ascii();
        NO_CODING.iter().any(|word| coding.eq_ignore_ascii_case(word))
    };
    codings.as_bytes().split(|byte| *byte == b',').all(none)
}

/// A content coding fit to be shown: a plain token, shortened.
fn fit_to_show(value: &HeaderValue) -> String {
    let plain =
        value.as_bytes().iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte == b'-');
    plain.take(20).map(|&byte| char::from(byte)).collect()
}
