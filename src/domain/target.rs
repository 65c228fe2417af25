//! Where a source's requests go, in a form that a trace may show.

use super::ids::Id;
use super::source::{Method, SourceSpec};

/// What a source's requests have in common, as a trace may show it: no value of an input and no
/// query is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The method.
    pub method: Method,
    /// The upstream's host, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Scheme, host, port and the template of the path.
    pub url: String,
    /// The template of the path alone.
    pub path: String,
    /// The tenant, where requests choose one.
    pub tenant: Option<Id>,
}

impl Target {
    /// The target of a source.
    pub fn of(spec: &SourceSpec) -> Self {
        let endpoint = spec.url.endpoint();
        let url = spec.shown_url.split(['?', '#']).next().unwrap_or_default();
        let after_scheme = url.find("://").map_or(0, |at| at + 3);
        let path = url[after_scheme..].find('/').map_or("/", |at| &url[after_scheme + at..]);
        let scheme = if endpoint.https() { "https" } else { "http" };
        Self {
            method: spec.method,
            host: endpoint.host().to_owned(),
            port: endpoint.port(),
            url: format!("{scheme}://{}{path}", endpoint.authority()),
            path: path.to_owned(),
            tenant: spec.tenant().cloned(),
        }
    }

    /// A target for the tests of those who have one.
    #[cfg(test)]
    pub fn sample() -> Self {
        Self {
            method: Method::Get,
            host: "api.example.com".to_owned(),
            port: 443,
            url: "https://api.example.com/v2/accounts/{id}".to_owned(),
            path: "/v2/accounts/{id}".to_owned(),
            tenant: None,
        }
    }
}
