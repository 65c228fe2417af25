//! For which host a request is, and whether it may be: see [`AllowedHosts`].

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use actix_web::http::uri::Authority;

use crate::api::problem::Problem;
use crate::model::allowed_hosts::AllowedHosts;
use crate::model::template::{Endpoint, Scheme};

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
    let is_allowed = Endpoint::try_new(Scheme::Http, host).is_ok_and(|host| allowed.allow(&host));
    if is_allowed { Ok(()) } else { Err(Problem::misdirected(key)) }
}

/// Refuses a `Host` that names no host, and more than one of them (RFC 9112 section 3.2): what stands
/// between might have read it in another way. Which host it is does not matter here.
///
/// # Errors
/// 400.
pub fn check_form(request: &HttpRequest) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(HOST);
    let is_fine = match (hosts.next(), hosts.next()) {
        (None, _) => true,
        (Some(host), None) => is_host_and_port(host.as_bytes()),
        (Some(_), Some(_)) => false,
    };
    if is_fine { Ok(()) } else { Err(Problem::no_host()) }
}

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2), which may be empty. Names of all kinds are taken, with
/// an underscore too, as container networks have them.
fn is_host_and_port(text: &[u8]) -> bool {
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte);
    let of_address = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
    let (host_is_fine, rest) = if let Some(inside) = text.strip_prefix(b"[") {
        let end = inside.iter().position(|byte| *byte == b']');
        let Some((address, rest)) = end.and_then(|end| inside.split_at_checked(end)) else {
            return false;
        };
        (address.iter().all(of_address), rest.get(1..).unwrap_or_default())
    } else {
        let end = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or_default();
        (name.iter().all(of_name), rest)
    };
    let is_port = |rest: &[u8]| match rest.split_first() {
        None => true,
        Some((colon, port)) => *colon == b':' && port.iter().all(u8::is_ascii_digit),
    };
    host_is_fine && is_port(rest)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn is_let_in(request: TestRequest) -> bool {
        let names = [Endpoint::try_new(Scheme::Http, "console.example").unwrap()];
        let allowed = AllowedHosts::new(&names);
        check(&request.to_http_request(), &allowed, "server.admin_hosts").is_ok()
    }

    fn with_host(host: &str) -> TestRequest {
        TestRequest::default().insert_header(("host", host))
    }

    #[test]
    fn only_what_can_name_a_host_is_one() {
        for host in ["", "localhost", "my_service:8080", "[::1]:80", "a.b.", "127.0.0.1:", "%41"] {
            assert!(is_host_and_port(host.as_bytes()), "{host}");
        }
        for host in ["a b", "x/y", "u@x", "a:b", "[::1", "[::1]x", "[x]", "a?b", "a#", "a\\b", "é"]
        {
            assert!(!is_host_and_port(host.as_bytes()), "{host}");
        }
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
