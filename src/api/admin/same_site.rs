//! Refuses what a web page of another site makes a browser send.
//!
//! The operators' port asks for no key, since only this machine reaches it. So does a browser on
//! this machine, on behalf of any page that is open in it. A browser says where a request comes
//! from (Fetch Metadata, W3C; `Origin`, RFC 6454 section 7); other clients send neither header.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, ORIGIN};

use crate::api::problem::Problem;

/// Lets a request that changes something pass unless it comes from a page of another site.
///
/// # Errors
/// 403 for a page of another site.
pub(super) fn check(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Problem::other_site());
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return Ok(()) };
    let host = text(HOST.as_str()).unwrap_or_default();
    let is_own = origin.split_once("://").is_some_and(|(_, origin_host)| origin_host == host);
    if is_own { Ok(()) } else { Err(Problem::other_site()) }
}
