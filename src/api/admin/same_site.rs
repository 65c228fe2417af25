//! Refuses what a web page of another site makes a browser send.
//!
//! The operators' port asks for no key, since only this machine reaches it. So does a browser on
//! this machine, on behalf of any page that is open in it. A browser says where a request comes
//! from (Fetch Metadata, W3C; `Origin`, RFC 6454 section 7); other clients send neither header.
//! A page may be at a name of its own that was made to lead here after it was loaded (DNS
//! rebinding): so a page's own host counts as this one only by its address, or as `localhost`.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, ORIGIN};

use crate::api::problem::Problem;

/// Lets a request that changes or follows something pass unless it comes from another site's page.
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
    if is_own && is_no_name(host) { Ok(()) } else { Err(Problem::other_site()) }
}

/// Whether nobody's name server decides where this host (with or without a port) is.
fn is_no_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_no_names() {
        for host in ["127.0.0.1:9090", "10.1.2.3", "[::1]:9090", "[fe80::1]", "LocalHost:80"] {
            assert!(is_no_name(host), "{host}");
        }
        for host in ["rebound.example:9090", "localhost.example", "127.0.0.1.example", "", ":1"] {
            assert!(!is_no_name(host), "{host}");
        }
    }
}
