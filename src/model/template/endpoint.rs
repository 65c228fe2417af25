//! Where an upstream listens: scheme, host and port, known to be good before anything connects.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::TemplateError;

/// Longest host name, in characters (RFC 1035 section 2.3.4, without the root).
const MAX_HOST: usize = 253;
/// Longest part of a host name between two dots.
const MAX_LABEL: usize = 63;

/// How an upstream is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain TCP.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// The scheme of this name, however it is capitalised (RFC 3986 section 3.1).
    pub fn of(name: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|it| it.as_str().eq_ignore_ascii_case(name))
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Scheme, host and port of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Endpoint {
    /// Reads `host`, `host:port`, `[::1]` or `[::1]:port`.
    ///
    /// # Errors
    /// [`TemplateError::Authority`] for user names, an empty or bad host, and a port other than 1
    /// to 65535.
    pub fn try_new(scheme: Scheme, authority: &str) -> Result<Self, TemplateError> {
        read(scheme, authority).map_err(|problem| TemplateError::Authority { problem })
    }

    /// Whether it is spoken to over TLS.
    pub fn https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Host name in lower case, or IP address; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host, if it is an address and no name has to be resolved.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The port, 1 to 65535.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What belongs into `Host` (RFC 9110 section 7.2): `host` or `host:port`; the scheme's own
    /// port is left out, an IPv6 address is in brackets.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }
}

/// The origin, e.g. `https://api.example.com`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

fn read(scheme: Scheme, authority: &str) -> Result<Endpoint, String> {
    if authority.contains('@') {
        // Not repeated: a password may stand before the `@`.
        return Err("host has a user name before it (`@`): use a credential or a header".to_owned());
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(inside) => {
            let (address, after) =
                inside.split_once(']').ok_or("host opens a `[` that no `]` closes")?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => {
                    return Err("host has something else than `:port` behind `]`".to_owned());
                }
            };
            (ipv6(address)?, port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host_name(host)?, Some(port)),
            None => (host_name(authority)?, None),
        },
    };
    let port = port.map_or(Ok(scheme.default_port()), port_number)?;
    Ok(Endpoint { scheme, host, port })
}

fn port_number(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        // Not repeated: of a password with a `/` in it, the beginning is taken for a port.
        _ => Err("port is not one: allowed are 1 to 65535".to_owned()),
    }
}

fn ipv6(text: &str) -> Result<String, String> {
    let address: Ipv6Addr =
        text.parse().map_err(|_| format!("host [{text}] is not an IPv6 address"))?;
    Ok(address.to_string())
}

fn host_name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("host is empty".to_owned());
    }
    if !text.is_ascii() {
        return Err(format!(
            "host {text:?} has characters outside of ASCII: write it in punycode (`xn--…`)"
        ));
    }
    let host = text.to_ascii_lowercase();
    // One dot at the end stands for the root: such a name is not searched in other domains.
    let name = host.strip_suffix('.').unwrap_or(&host);
    let of_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label =
        |label: &str| (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(of_label);
    if name.len() > MAX_HOST || !name.split('.').all(is_label) {
        return Err(format!(
            "host {text:?} is not a host name: allowed are letters, digits, `-` and `_`, at most \
             {MAX_LABEL} between two dots and {MAX_HOST} in all"
        ));
    }
    // `127.1` or `0x7f.1` would be an address to some resolvers, and a name to others.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err(format!(
            "host {text:?} ends in a number and is not an IPv4 address of four numbers"
        ));
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_read_and_default_ports_left_out_again() {
        for (scheme, text, host, port, authority) in [
            (Scheme::Https, "API.example.com", "api.example.com", 443, "api.example.com"),
            (Scheme::Https, "a.b:443", "a.b", 443, "a.b"),
            (Scheme::Http, "a.b:443", "a.b", 443, "a.b:443"),
            (Scheme::Http, "localhost", "localhost", 80, "localhost"),
            (Scheme::Https, "localhost:80", "localhost", 80, "localhost:80"),
            (Scheme::Http, "127.0.0.1:9101", "127.0.0.1", 9101, "127.0.0.1:9101"),
            (Scheme::Https, "[::1]", "::1", 443, "[::1]"),
            (Scheme::Https, "[2001:DB8:0::1]:65535", "2001:db8::1", 65535, "[2001:db8::1]:65535"),
            (Scheme::Http, "svc_1.local.:1", "svc_1.local.", 1, "svc_1.local.:1"),
        ] {
            let endpoint = Endpoint::try_new(scheme, text).unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port), "{text}");
            assert_eq!(endpoint.authority(), authority);
            assert_eq!(Endpoint::try_new(scheme, authority), Ok(endpoint));
        }
    }

    #[test]
    fn the_origin_is_shown() {
        let endpoint = Endpoint::try_new(Scheme::Https, "a.b:8443").unwrap();
        assert_eq!(endpoint.to_string(), "https://a.b:8443");
    }

    #[test]
    fn an_address_is_told_from_a_name() {
        let ip = |text| Endpoint::try_new(Scheme::Http, text).unwrap().ip();
        assert_eq!(ip("10.0.0.1"), Some(IpAddr::from([10, 0, 0, 1])));
        assert_eq!(ip("[::1]"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(ip("ten.example"), None);
    }

    #[test]
    fn a_bad_host_or_port_is_refused_with_what_is_allowed() {
        let label = "a".repeat(64);
        let long = ["a".repeat(63).as_str(); 5].join(".");
        for (text, problem) in [
            ("", "host is empty"),
            (":80", "host is empty"),
            ("h:99999", "1 to 65535"),
            ("h:0", "1 to 65535"),
            ("h:+80", "1 to 65535"),
            ("h:", "1 to 65535"),
            ("h:8 0", "1 to 65535"),
            ("h:80:81", "1 to 65535"),
            ("user:hunter2@h", "user name"),
            ("müller.de", "punycode"),
            ("a b", "not a host name"),
            ("a\\b", "not a host name"),
            ("a%41", "not a host name"),
            ("a..b", "not a host name"),
            (".", "not a host name"),
            ("::1", "host is empty"),
            (&label, "not a host name"),
            (&long, "not a host name"),
            ("[::1", "no `]` closes"),
            ("[::1]80", "behind `]`"),
            ("[::1]hunter2", "behind `]`"),
            ("user:hunter2", "1 to 65535"),
            ("[fe80::1%25eth0]", "not an IPv6 address"),
            ("[v1.x]", "not an IPv6 address"),
            ("127.1", "not an IPv4 address"),
            ("0x7f.0x1", "not an IPv4 address"),
            ("2130706433", "not an IPv4 address"),
            ("256.0.0.1", "not an IPv4 address"),
        ] {
            let error = Endpoint::try_new(Scheme::Https, text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
