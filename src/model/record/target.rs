//! Where a source's requests go, in a form that a trace may show.

use crate::model::id::Id;
use crate::model::method::Method;

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

#[cfg(test)]
impl Target {
    /// A target for the tests of those who have one.
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
