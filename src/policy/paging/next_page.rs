//! Where the next page is, and the request that asks for it.

use awc::http::uri::PathAndQuery;
use bytes::Bytes;

use super::page::Page;
use crate::model::failure::Failure;
use crate::model::json::{Json, Kind, Pointer, write_string};
use crate::model::template::Endpoint;
use crate::policy::failures::unusable;
use crate::policy::paging::paging_spec::{PagingKind, PagingSpec, SendAs};
use crate::policy::request::{Request, target_of};

/// The next page: its request, and what names it.
pub(super) struct Next {
    pub(super) request: Request,
    pub(super) cursor: Json,
}

/// The requests from which the next one is made.
pub(super) struct Requests<'a> {
    /// The source's request, without any cursor.
    pub(super) first: &'a Request,
    /// The one that brought the newest page.
    pub(super) latest: &'a Request,
    /// Where pages come from; none is fetched from elsewhere.
    pub(super) endpoint: &'a Endpoint,
}

/// The request for the first page.
pub(super) fn first(paging: &PagingSpec, request: &Request) -> Result<Request, Failure> {
    match &paging.kind {
        PagingKind::PageNumber { send_as, first, .. } => {
            with_cursor(request, send_as, &Json::from_value(&(*first).into()))
        }
        PagingKind::Cursor { .. } | PagingKind::NextUri { .. } | PagingKind::LinkHeader => {
            Ok(request.clone())
        }
    }
}

/// The page after this one, the newest of so many, if there is one.
///
/// # Errors
/// A failure if the page does not say so as the paging wants it.
pub(super) fn after(
    paging: &PagingSpec,
    page: &Page,
    pages: u32,
    requests: &Requests<'_>,
) -> Result<Option<Next>, Failure> {
    let with_cursor = |send_as: &SendAs, cursor: Json| {
        let request = with_cursor(requests.first, send_as, &cursor)?;
        Ok(Some(Next { request, cursor }))
    };
    match &paging.kind {
        PagingKind::Cursor { next, send_as } => match named_at(&page.json, next)? {
            Some(cursor) => with_cursor(send_as, cursor),
            None => Ok(None),
        },
        PagingKind::PageNumber { send_as, first, page_count } => {
            let is_last = match page_count {
                Some(count) => count_at(&page.json, count)? <= u64::from(pages),
                None => page.items.is_empty(),
            };
            if is_last {
                return Ok(None);
            }
            with_cursor(send_as, Json::from_value(&(first + u64::from(pages)).into()))
        }
        PagingKind::NextUri { next } => match named_at(&page.json, next)? {
            Some(uri) => {
                let not_text = || unusable("what names the next page is no URI");
                Ok(Some(follow(&uri.text().ok_or_else(not_text)?, requests)?))
            }
            None => Ok(None),
        },
        PagingKind::LinkHeader => {
            let uri = page.hints.next_link.as_deref();
            uri.map(|uri| follow(uri, requests)).transpose()
        }
    }
}

/// What names the next page, a text or a number; missing, `null`, `false` or empty: there is none.
fn named_at(page: &Json, pointer: &Pointer) -> Result<Option<Json>, Failure> {
    let Some(named) = page.pointer(pointer) else { return Ok(None) };
    let is_named = match named.kind() {
        Kind::String => named.text().is_none_or(|text| !text.is_empty()),
        Kind::Number => true,
        Kind::Null => false,
        Kind::Bool if named.as_str() == "false" => false,
        Kind::Bool | Kind::Array | Kind::Object => {
            return Err(unusable("what names the next page is no text or number"));
        }
    };
    Ok(is_named.then_some(named))
}

fn count_at(page: &Json, pointer: &Pointer) -> Result<u64, Failure> {
    let count = page.pointer(pointer).and_then(|count| count.as_str().parse().ok());
    let missing = || unusable("the page does not tell how many pages there are");
    count.ok_or_else(missing)
}

/// The request with a cursor or page number in it.
fn with_cursor(request: &Request, send_as: &SendAs, cursor: &Json) -> Result<Request, Failure> {
    let mut request = request.clone();
    match send_as {
        SendAs::Query(name) => {
            let text = cursor.scalar_text().unwrap_or_default();
            let target = request.http.target.as_str();
            let separator = if target.contains('?') { '&' } else { '?' };
            let pair =
                form_urlencoded::Serializer::new(String::new()).append_pair(name, &text).finish();
            request.http.target = target_of(&format!("{target}{separator}{pair}"))?;
        }
        SendAs::Json(name) => {
            let body = request.http.body.as_deref().unwrap_or(b"{}");
            request.http.body = Some(with_key(body, name, cursor));
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
fn follow(uri: &str, requests: &Requests<'_>) -> Result<Next, Failure> {
    let target = same_origin_target(uri, requests.endpoint, &requests.latest.http.target)?;
    let cursor = Json::from_value(&uri.into());
    let mut request = requests.first.clone();
    request.http.target = target;
    Ok(Next { request, cursor })
}

/// Path and query of the page that `uri`, a URI reference out of a reply, names. It is taken as
/// relative to `current`, the target of the request that brought it (RFC 3986 section 5).
///
/// # Errors
/// A failure if it is not a URI reference or leads to another origin (scheme, host or
/// port).
pub fn same_origin_target(
    uri: &str,
    endpoint: &Endpoint,
    current: &PathAndQuery,
) -> Result<PathAndQuery, Failure> {
    let base = format!("{endpoint}{current}");
    let base = url::Url::parse(&base).map_err(|_| Failure::internal())?;
    let next = base.join(uri).map_err(|_| unusable("the next page's URI is not valid"))?;
    // The scheme as well: the origin of `blob:https://…` is the one of the URL inside it.
    if next.scheme() != base.scheme() || next.origin() != base.origin() {
        return Err(unusable("the next page is on another origin and was not followed"));
    }
    target_of(&next[url::Position::BeforePath..url::Position::AfterQuery])
}

#[cfg(test)]
mod tests {
    use awc::http::Method;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::http::client;
    use crate::model::template::Scheme;

    fn request(target: &str, body: Option<&Value>) -> Request {
        let http = client::Request {
            method: Method::POST,
            target: target.parse().expect("a path and query"),
            headers: Vec::new(),
            body: body.map(|body| body.to_string().into()),
        };
        Request { http, rate_limit_key: None }
    }

    proptest! {
        #[test]
        fn a_cursor_in_the_query_arrives_as_it_is_and_changes_nothing_else(
            cursor in ".{1,40}",
            has_query: bool,
        ) {
            let target = if has_query { "/v1/items?a=1%26b" } else { "/v1/items" };
            let send_as = SendAs::Query("after".into());
            let cursor_json = Json::from_value(&cursor.as_str().into());
            let sent = with_cursor(&request(target, None), &send_as, &cursor_json).unwrap();
            let url = url::Url::parse(&format!("http://h{}", sent.http.target)).unwrap();
            let mut expected = vec![("a".to_owned(), "1&b".to_owned())];
            expected.truncate(usize::from(has_query));
            expected.push(("after".to_owned(), cursor));
            prop_assert_eq!(url.query_pairs().into_owned().collect::<Vec<_>>(), expected);
            prop_assert_eq!(url.path(), "/v1/items");
        }

        #[test]
        fn a_cursor_in_the_body_arrives_as_it_is_and_changes_nothing_else(
            cursor in prop_oneof![
                ".{1,40}".prop_map(Value::from),
                any::<u64>().prop_map(Value::from),
            ],
            members in prop::collection::btree_map("[a-z]{1,4}", ".{0,9}", 0..4),
        ) {
            let mut expected = serde_json::json!(members);
            let send_as = SendAs::Json("the \"cursor\"".into());
            let first = request("/v1/items", Some(&expected));
            let sent = with_cursor(&first, &send_as, &Json::from_value(&cursor)).unwrap();
            expected["the \"cursor\""] = cursor;
            let body: Value = serde_json::from_slice(sent.http.body.as_deref().unwrap()).unwrap();
            prop_assert_eq!(body, expected);
            prop_assert_eq!(sent.http.target, first.http.target);
        }
    }

    fn followed(uri: &str) -> Option<String> {
        let endpoint = Endpoint::try_new(Scheme::Https, "api.example").ok()?;
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
    fn a_page_of_another_origin_is_unusable() {
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
