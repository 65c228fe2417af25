//! The hosts for which requests of a port may be made, where anybody may ask.
//!
//! A page can be at a name of its owner's that was made to lead to this machine after the page was
//! loaded (DNS rebinding); to the browser the service is then a part of that page's site. The
//! `Host` of its requests gives it away: it is the page's name.

use crate::model::template::Endpoint;

/// Always leads to the machine itself (RFC 6761 section 6.3).
const LOCALHOST: &str = "localhost";

/// The names of a service. Addresses and `localhost` need not be among them: no name server decides
/// where they lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    /// In lower case, without the dot of the root.
    names: Vec<String>,
}

impl AllowedHosts {
    /// These names, addresses and `localhost`.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a Endpoint>) -> Self {
        Self { names: names.into_iter().map(|name| plain(name).to_owned()).collect() }
    }

    /// Whether a request may be for this host; its port is of no matter.
    pub fn allow(&self, host: &Endpoint) -> bool {
        let name = plain(host);
        host.ip().is_some() || name == LOCALHOST || self.names.iter().any(|known| known == name)
    }

    /// The names, in the order of the configuration.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// The host's name without the dot of the root.
fn plain(host: &Endpoint) -> &str {
    host.host().strip_suffix('.').unwrap_or(host.host())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::Scheme;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::try_new(Scheme::Http, text).unwrap()
    }

    #[test]
    fn addresses_localhost_and_the_names_are_allowed_and_nothing_else() {
        let hosts = AllowedHosts::new(&[endpoint("Console.Example."), endpoint("tributary")]);
        for host in [
            "127.0.0.1:9090",
            "10.1.2.3",
            "[::1]:9090",
            "[fe80::1]",
            "LocalHost:80",
            "localhost.",
            "console.example:9090",
            "CONSOLE.example.",
            "tributary",
        ] {
            assert!(hosts.allow(&endpoint(host)), "{host}");
        }
        for host in [
            "rebound.example:9090",
            "localhost.example",
            "evil.localhost",
            "127.0.0.1.example",
            "a.console.example",
            "example",
        ] {
            assert!(!hosts.allow(&endpoint(host)), "{host}");
        }
        assert!(!AllowedHosts::default().allow(&endpoint("console.example")));
    }
}
