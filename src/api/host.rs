//! For which host a request is, and whether it may be: see [`AllowedHosts`].

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use actix_web::http::uri::Authority;

use super::problem::Problem;
use crate::domain::allowed_hosts::AllowedHosts;
use crate::domain::template::Endpoint;

/// The host, with the port if there is one: that of the target where the target has one, else that
/// of `Host` (RFC 9112 section 3.2.2). Absent with HTTP/1.0 only, which no browser speaks.
pub fn of(request: &HttpRequest) -> Option<&str> {
    let of_target = request.uri().authority().map(Authority::as_str);
    let of_header = || request.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
    of_target.or_else(of_header)
}

/// Lets a request pass that is for one of these hosts; `key` is where the configuration has them.
///
/// # Errors
/// 421 for any other.
pub fn check(
    request: &HttpRequest,
    allowed: &AllowedHosts,
    key: &'static str,
) -> Result<(), Problem> {
    let Some(host) = of(request) else { return Ok(()) };
    let is_allowed = Endpoint::try_new(false, host).is_ok_and(|host| allowed.allow(&host));
    if is_allowed { Ok(()) } else { Err(Problem::misdirected(key)) }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn is_let_in(request: TestRequest) -> bool {
        let names = [Endpoint::try_new(false, "console.example").unwrap()];
        let allowed = AllowedHosts::new(&names);
        check(&request.to_http_request(), &allowed, "server.admin_hosts").is_ok()
    }

    fn with_host(host: &str) -> TestRequest {
        TestRequest::default().insert_header(("host", host))
    }

    #[test]
    fn addresses_localhost_and_configured_names_are_let_in() {
        for host in ["127.0.0.1", "[::1]:9090", "localhost:1", "Console.Example:443"] {
            assert!(is_let_in(with_host(host)), "{host}");
        }
        assert!(is_let_in(TestRequest::default()), "HTTP/1.0");
    }

    #[test]
    fn whatever_else_stands_there_is_not() {
        for host in ["", ":9090", "evil.example", "user@127.0.0.1", "127.0.0.1, evil", "a b", "*"] {
            assert!(!is_let_in(with_host(host)), "{host}");
        }
        let bytes = TestRequest::default().insert_header(("host", &b"\xff"[..]));
        assert!(!is_let_in(bytes));
    }

    #[test]
    fn the_host_of_an_absolute_target_counts_instead_of_the_header() {
        let target = |uri: &str, host: &str| with_host(host).uri(uri);
        assert!(is_let_in(target("http://127.0.0.1:9090/x", "evil.example")));
        assert!(!is_let_in(target("http://evil.example/x", "127.0.0.1:9090")));
        assert!(!is_let_in(target("http://127.0.0.1@evil.example/x", "127.0.0.1")));
    }
}
