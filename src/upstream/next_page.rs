//! Where the next page is, and the request that asks for it.

use awc::http::uri::PathAndQuery;
use bytes::Bytes;

use super::error::{CallError, PayloadError};
use super::origin::Prepared;
use super::pages::Page;
use super::prepare::target_of;
use crate::domain::json::{Json, Pointer, write_string};
use crate::domain::paging::{PagingKind, PagingSpec, SendAs};
use crate::domain::template::Endpoint;

/// The next page: its request, and what names it.
pub(super) struct Next {
    pub(super) request: Prepared,
    pub(super) cursor: Json,
}

/// What finding the next page takes besides the page.
pub(super) struct SoFar<'a> {
    /// Pages fetched so far.
    pub(super) pages: u32,
    /// Where pages come from; none is fetched from elsewhere.
    pub(super) endpoint: &'a Endpoint,
}

/// The request for the first page.
pub(super) fn first(paging: &PagingSpec, request: &Prepared) -> Result<Prepared, CallError> {
    match &paging.kind {
        PagingKind::PageNumber { send_as, first, .. } => {
            with_cursor(request, send_as, &Json::from_value(&(*first).into()))
        }
        PagingKind::Cursor { .. } | PagingKind::NextUri { .. } | PagingKind::LinkHeader => {
            Ok(request.clone())
        }
    }
}

/// The page after this one, if there is one.
pub(super) fn after(
    paging: &PagingSpec,
    request: &Prepared,
    page: &Page,
    so_far: &SoFar<'_>,
) -> Result<Option<Next>, CallError> {
    match &paging.kind {
        PagingKind::Cursor { next, send_as } => {
            let Some(cursor) = cursor_at(&page.json, next) else { return Ok(None) };
            let request = with_cursor(request, send_as, &cursor)?;
            Ok(Some(Next { request, cursor }))
        }
        PagingKind::PageNumber { send_as, first, page_count } => {
            let is_last = match page_count {
                Some(count) => count_at(&page.json, count)? <= u64::from(so_far.pages),
                None => page.items.is_empty(),
            };
            if is_last {
                return Ok(None);
            }
            let cursor = Json::from_value(&(first + u64::from(so_far.pages)).into());
            let request = with_cursor(request, send_as, &cursor)?;
            Ok(Some(Next { request, cursor }))
        }
        PagingKind::NextUri { next } => {
            let uri = cursor_at(&page.json, next).and_then(|uri| uri.text().map(Into::into));
            uri.map(|uri: String| follow(&uri, so_far.endpoint, request)).transpose()
        }
        PagingKind::LinkHeader => {
            let uri = page.hints.next_link.as_deref();
            uri.map(|uri| follow(uri, so_far.endpoint, request)).transpose()
        }
    }
}

/// A cursor that is there: neither missing nor `null` nor empty.
fn cursor_at(page: &Json, pointer: &Pointer) -> Option<Json> {
    let cursor = page.pointer(pointer)?;
    let is_empty = cursor.scalar_text().is_none_or(|text| text.is_empty());
    (!is_empty).then_some(cursor)
}

fn count_at(page: &Json, pointer: &Pointer) -> Result<u64, CallError> {
    let count = page.pointer(pointer).and_then(|count| count.as_str().parse().ok());
    let missing = PayloadError::Page("the page does not tell how many pages there are");
    count.ok_or_else(|| missing.into())
}

/// The request with a cursor or page number in it.
fn with_cursor(request: &Prepared, send_as: &SendAs, cursor: &Json) -> Result<Prepared, CallError> {
    let mut request = request.clone();
    match send_as {
        SendAs::Query(name) => {
            let text = cursor.scalar_text().unwrap_or_default();
            let target = request.target.as_str();
            let separator = if target.contains('?') { '&' } else { '?' };
            let pair =
                form_urlencoded::Serializer::new(String::new()).append_pair(name, &text).finish();
            request.target = target_of(&format!("{target}{separator}{pair}"))?;
        }
        SendAs::Json(name) => {
            let body = request.body.as_deref().unwrap_or(b"{}");
            request.body = Some(with_key(body, name, cursor));
        }
    }
    Ok(request)
}

/// A JSON object's text with one more key at its end.
fn with_key(object: &[u8], name: &str, value: &Json) -> Bytes {
    let open = object.strip_suffix(b"}").unwrap_or(object);
    let mut text = Vec::with_capacity(object.len() + name.len() + value.len() + 4);
    text.extend_from_slice(open);
    if open.len() > 1 {
        text.push(b',');
    }
    write_string(&mut text, name);
    text.push(b':');
    text.extend_from_slice(value.as_bytes());
    text.push(b'}');
    text.into()
}

/// The request for a page named by its URI, which must be of the source's own origin: the
/// request carries the source's credentials.
fn follow(uri: &str, endpoint: &Endpoint, request: &Prepared) -> Result<Next, CallError> {
    let target = same_origin_target(uri, endpoint, &request.target)?;
    let cursor = Json::from_value(&uri.into());
    Ok(Next { request: Prepared { target, ..request.clone() }, cursor })
}

/// Path and query of the page that `uri`, a URI reference out of a reply, names. It is taken as
/// relative to `current`, the target of the request that brought it (RFC 3986 section 5).
///
/// # Errors
/// [`PayloadError::Page`] if it is not a URI reference or leads to another origin (scheme, host or
/// port).
pub fn same_origin_target(
    uri: &str,
    endpoint: &Endpoint,
    current: &PathAndQuery,
) -> Result<PathAndQuery, CallError> {
    let not_followed = |why| CallError::from(PayloadError::Page(why));
    let base = format!("{endpoint}{current}");
    let base = url::Url::parse(&base).map_err(|_| CallError::Internal)?;
    let next = base.join(uri).map_err(|_| not_followed("the next page's URI is not valid"))?;
    // The scheme as well: the origin of `blob:https://…` is the one of the URL inside it.
    if next.scheme() != base.scheme() || next.origin() != base.origin() {
        return Err(not_followed("the next page is on another origin and was not followed"));
    }
    target_of(&next[url::Position::BeforePath..url::Position::AfterQuery])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(uri: &str) -> Option<String> {
        let endpoint = Endpoint::try_new(true, "api.example").ok()?;
        let current = PathAndQuery::from_static("/v1/items?page=1");
        let target = same_origin_target(uri, &endpoint, &current).ok()?;
        Some(target.as_str().to_owned())
    }

    #[test]
    fn a_page_of_the_same_origin_is_followed() {
        for uri in
            ["?page=2", "items?page=2#top", "/v1/items?page=2", "//api.example/v1/items?page=2"]
        {
            assert_eq!(followed(uri).as_deref(), Some("/v1/items?page=2"), "{uri}");
        }
        assert_eq!(followed("https://API.example:443/x").as_deref(), Some("/x"));
    }

    #[test]
    fn a_page_of_another_origin_is_not_followed() {
        for uri in [
            "http://api.example/x",
            "https://api.example:444/x",
            "https://api.example.evil/x",
            "https://api.example@evil/x",
            "//evil/x",
            "\\\\evil\\x",
            "blob:https://api.example/x",
            "data:,x",
        ] {
            assert_eq!(followed(uri), None, "{uri}");
        }
    }
}
