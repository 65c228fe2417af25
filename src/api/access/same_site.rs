//! Refuses what a web page of another site makes a browser send.
//!
//! Where nobody is asked for a key because only this machine gets through, so does a browser on
//! this machine, on behalf of any page that is open in it. A browser says where a request comes
//! from (Fetch Metadata, W3C; `Origin`, RFC 6454 section 7); other clients send neither header.
//! That a page is not at a name that was made to lead here is for [`crate::api::access::host`] to judge.

use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;

use crate::api::access::host;
use crate::api::listener::connection_security::ConnectionSecurity;
use crate::api::problem::Problem;
use crate::model::template::{Endpoint, Scheme};

/// Lets a request pass unless it comes from another site's page.
///
/// # Errors
/// 403 for a page of another site.
pub fn check(request: &HttpRequest) -> Result<(), Problem> {
    let mut sites = request.headers().get_all("sec-fetch-site");
    if sites.any(|site| site != "same-origin" && site != "none") {
        return Err(Problem::other_site());
    }
    let mut origins = request.headers().get_all(ORIGIN);
    let is_own = |origin: &str| is_own(origin, request);
    if origins.any(|origin| !origin.to_str().is_ok_and(is_own)) {
        return Err(Problem::other_site());
    }
    Ok(())
}

/// Whether a page of this origin came from here: scheme, host and port are the same.
fn is_own(origin: &str, request: &HttpRequest) -> bool {
    let (scheme, authority) = match origin.split_once("://") {
        // Also where TLS is not spoken: a proxy in front may speak it.
        Some(("https", authority)) => (Scheme::Https, authority),
        Some(("http", authority)) => (Scheme::Http, authority),
        Some(_) | None => return false,
    };
    if scheme == Scheme::Http && ConnectionSecurity::of_request(request).is_tls() {
        return false;
    }
    let own = host::of(request).and_then(|host| Endpoint::try_new(scheme, host).ok());
    own.is_some() && own == Endpoint::try_new(scheme, authority).ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn is_let_in(host: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = TestRequest::default().insert_header(("host", host));
        for header in headers {
            request = request.append_header(*header);
        }
        check(&request.to_http_request()).is_ok()
    }

    #[test]
    fn its_own_pages_and_other_clients_are_let_in() {
        for (host, headers) in [
            ("127.0.0.1:9090", &[][..]),
            ("127.0.0.1:9090", &[("origin", "http://127.0.0.1:9090")]),
            ("localhost", &[("origin", "http://LOCALHOST:80"), ("sec-fetch-site", "same-origin")]),
            ("[::1]:9090", &[("origin", "http://[::1]:9090"), ("sec-fetch-site", "none")]),
            ("name.example", &[("origin", "https://name.example")]),
            ("name.example:443", &[("origin", "https://name.example")]),
        ] {
            assert!(is_let_in(host, headers), "{host}: {headers:?}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_not() {
        let own = ("origin", "http://127.0.0.1:9090");
        for headers in [
            &[("origin", "null")][..],
            &[("origin", "")],
            &[("origin", "127.0.0.1:9090")],
            &[("origin", "http://127.0.0.1:9091")],
            &[("origin", "http://127.0.0.1")],
            &[("origin", "https://127.0.0.1:9091")],
            &[("origin", "http://localhost:9090")],
            &[("origin", "http://evil.example:9090")],
            &[("origin", "file://127.0.0.1:9090")],
            &[("origin", "http://127.0.0.1:9090/path")],
            &[own, ("origin", "http://evil.example")],
            &[own, ("sec-fetch-site", "same-site")],
            &[own, ("sec-fetch-site", "cross-site")],
            &[own, ("sec-fetch-site", "")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!is_let_in("127.0.0.1:9090", headers), "{headers:?}");
        }
    }
}
