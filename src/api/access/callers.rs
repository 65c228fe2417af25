//! Who may ask on a port: those with a key or a certificate; where nobody is asked for one, the
//! programs of this machine, but no web page of another site.

use std::sync::Arc;

use actix_web::HttpRequest;

use crate::api::access::api_keys::ApiKeys;
use crate::api::access::auth_failures::AuthFailures;
use crate::api::access::{host, same_site};
use crate::api::listener::connection_security::ConnectionSecurity;
use crate::api::problem::Problem;
use crate::model::allowed_hosts::AllowedHosts;

/// Who may ask on a port under one configuration.
pub struct Access {
    /// The keys that may be used; none: nobody is asked for one.
    pub keys: ApiKeys,
    /// Set where other machines can reach the port: what to tell those who are asked for neither
    /// key nor certificate there.
    pub refusal: Option<&'static str>,
    /// The hosts for which requests may be made.
    pub hosts: AllowedHosts,
    /// Where the configuration has them.
    pub hosts_key: &'static str,
    /// Holds refusals back when there are many.
    pub failures: Arc<AuthFailures>,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// Somebody with the key of this name.
    Key(&'a str),
    /// Somebody whose connection has a certificate.
    Certificate,
    /// Anybody on this machine, perhaps a browser for a page.
    Anybody,
}

impl<'a> Caller<'a> {
    /// The name of the key.
    pub fn name(self) -> Option<&'a str> {
        match self {
            Self::Key(name) => Some(name),
            Self::Certificate | Self::Anybody => None,
        }
    }
}

impl Access {
    /// Finds out who asks.
    ///
    /// # Errors
    /// 400 for a `Host` that is none, 401 without a known key, 400 for two different ones, 403 where other machines can reach the
    /// port and nothing says who asks: no key is configured, and the connection has no certificate.
    /// (It may be older than the configuration that asks for one.)
    pub fn identify(&self, request: &HttpRequest) -> Result<Caller<'_>, Problem> {
        host::check_form(request)?;
        if let Some(name) = self.keys.check(request.headers())? {
            return Ok(Caller::Key(name));
        }
        if ConnectionSecurity::of_request(request).is_mutual() {
            return Ok(Caller::Certificate);
        }
        self.refusal.map_or(Ok(Caller::Anybody), |why| Err(Problem::unidentified(why)))
    }

    /// Lets a request pass that is for a host of this service.
    ///
    /// # Errors
    /// 421.
    pub fn check_host(&self, request: &HttpRequest) -> Result<(), Problem> {
        host::check(request, &self.hosts, self.hosts_key)
    }

    /// Lets a request pass that no page of another site can have sent.
    ///
    /// # Errors
    /// 421 for a page whose name was made to lead here, 403 for any other.
    pub fn check_page(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.check_host(request)?;
        same_site::check(request)
    }
}
