//! Where the next page is, and the request that asks for it.

use awc::http::uri::PathAndQuery;

use super::page::Page;
use crate::model::failure::Failure;
use crate::model::json::{Json, Kind};
use crate::model::template::Endpoint;
use crate::policy::failures::unusable;
use crate::policy::paging::list_end::number_at;
use crate::policy::paging::paging_spec::{NextOrigin, PagingKind, PagingSpec};
use crate::policy::paging::send_as::SendAs;
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
        PagingKind::PageNumber { send_as, first, .. }
        | PagingKind::Offset { send_as, first, .. } => {
            send_as.put(request, &Json::from_value(&(*first).into()))
        }
        PagingKind::Cursor { .. } | PagingKind::NextUri { .. } | PagingKind::LinkHeader { .. } => {
            Ok(request.clone())
        }
    }
}

/// How far it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct SoFar {
    pub(super) pages: u32,
    pub(super) items: usize,
}

/// The page after this one, the newest so far, if there is one.
///
/// # Errors
/// A failure if the page does not say so as the paging wants it.
pub(super) fn after(
    paging: &PagingSpec,
    page: &Page,
    so_far: SoFar,
    requests: &Requests<'_>,
) -> Result<Option<Next>, Failure> {
    let SoFar { pages, items } = so_far;
    if paging.end.is_after(page, items)? {
        return Ok(None);
    }
    let with_cursor = |send_as: &SendAs, cursor: Json| {
        let request = send_as.put(requests.first, &cursor)?;
        Ok(Some(Next { request, cursor }))
    };
    match &paging.kind {
        PagingKind::Cursor { next, send_as, last } => {
            let cursor = named(next.find(&page.json))?.filter(|cursor| !is_one_of(cursor, last));
            cursor.map_or(Ok(None), |cursor| with_cursor(send_as, cursor))
        }
        PagingKind::PageNumber { send_as, first, page_count } => {
            let is_last = match page_count {
                Some(count) => {
                    let missing = || unusable("the page does not tell how many pages there are");
                    number_at(&page.json, count).ok_or_else(missing)? <= u64::from(pages)
                }
                None => page.items.is_empty(),
            };
            if is_last {
                return Ok(None);
            }
            with_cursor(send_as, Json::from_value(&(first + u64::from(pages)).into()))
        }
        PagingKind::Offset { send_as, first, step } => {
            if page.items.is_empty() {
                return Ok(None);
            }
            let items = u64::try_from(items).unwrap_or(u64::MAX);
            let passed = step.map_or(items, |step| step.saturating_mul(u64::from(pages)));
            with_cursor(send_as, Json::from_value(&first.saturating_add(passed).into()))
        }
        PagingKind::NextUri { next, origin } => match named(page.json.pointer(next))? {
            Some(uri) => {
                let not_text = || unusable("what names the next page is no URI");
                Ok(Some(follow(&uri.text().ok_or_else(not_text)?, *origin, requests)?))
            }
            None => Ok(None),
        },
        PagingKind::LinkHeader { origin } => {
            let uri = page.hints.next_link.as_deref();
            uri.map(|uri| follow(uri, *origin, requests)).transpose()
        }
    }
}

/// What names the next page, a text or a number; missing, `null`, `false` or empty: there is none.
fn named(found: Option<Json>) -> Result<Option<Json>, Failure> {
    let Some(named) = found else { return Ok(None) };
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

/// Whether the cursor is one of these values.
fn is_one_of(cursor: &Json, values: &[serde_json::Value]) -> bool {
    !values.is_empty() && cursor.to_tree().is_some_and(|cursor| values.contains(&cursor))
}

/// The request for a page named by its URI, which must be of the source's own origin: the
/// request carries the source's credentials.
fn follow(uri: &str, origin: NextOrigin, requests: &Requests<'_>) -> Result<Next, Failure> {
    let target = next_target(uri, origin, requests.endpoint, &requests.latest.http.target)?;
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
pub fn next_target(
    uri: &str,
    origin: NextOrigin,
    endpoint: &Endpoint,
    current: &PathAndQuery,
) -> Result<PathAndQuery, Failure> {
    let base = format!("{endpoint}{current}");
    let base = url::Url::parse(&base).map_err(|_| Failure::internal())?;
    let next = base.join(uri).map_err(|_| unusable("the next page's URI is not valid"))?;
    // The scheme as well: the origin of `blob:https://…` is the one of the URL inside it.
    let is_elsewhere = next.scheme() != base.scheme() || next.origin() != base.origin();
    let is_replaced = origin == NextOrigin::Replace && matches!(next.scheme(), "http" | "https");
    if is_elsewhere && !is_replaced {
        return Err(unusable("the next page is on another origin and was not followed"));
    }
    target_of(&next[url::Position::BeforePath..url::Position::AfterQuery])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::Scheme;

    fn followed(uri: &str) -> Option<String> {
        followed_by(uri, NextOrigin::Refuse)
    }

    fn followed_by(uri: &str, origin: NextOrigin) -> Option<String> {
        let endpoint = Endpoint::try_new(Scheme::Https, "api.example").ok()?;
        let current = PathAndQuery::from_static("/v1/items?page=1");
        let target = next_target(uri, origin, &endpoint, &current).ok()?;
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
    #[test]
    fn the_origin_of_a_page_may_be_replaced_by_the_sources_own() {
        for uri in ["http://crm-internal:8080/v1/items?page=2", "//evil/v1/items?page=2", "?page=2"]
        {
            let target = followed_by(uri, NextOrigin::Replace);
            assert_eq!(target.as_deref(), Some("/v1/items?page=2"), "{uri}");
        }
        for uri in ["blob:https://api.example/x", "data:,x", "file:///etc/passwd"] {
            assert_eq!(followed_by(uri, NextOrigin::Replace), None, "{uri}");
        }
    }
}
