//! One upstream HTTP API call as it was configured, checked.

use std::num::NonZeroU32;
use std::time::Duration;

use super::action::ActionSpec;
use super::breaker::BreakerSpec;
use super::budget::RetryBudget;
use super::ids::{Id, InputName};
use super::inputs::{Inputs, Place};
use super::json::Json;
use super::paging::PagingSpec;
use super::retry::RetryPolicy;
use super::template::{HeaderTemplate, JsonTemplate, Placeholder, TextTemplate, UrlTemplate};

/// The HTTP methods a source may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Safe and idempotent.
    Get,
    /// Neither, unless the source says `idempotent = true`.
    Post,
    /// Idempotent.
    Put,
    /// Neither, unless the source says `idempotent = true`.
    Patch,
    /// Idempotent.
    Delete,
}

impl Method {
    /// The method as it stands in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a request may be repeated by its method alone (RFC 9110 section 9.2.2).
    pub fn is_idempotent(self) -> bool {
        match self {
            Self::Get | Self::Put | Self::Delete => true,
            Self::Post | Self::Patch => false,
        }
    }
}

/// What a success with an empty body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyBody {
    /// An answer whose data is `null`.
    Null,
    /// No answer: JSON has at least one value.
    BadPayload,
}

impl EmptyBody {
    /// What it is with this status, if it is `self` with any that does not say so itself. The words
    /// Created, Accepted, No Content and Reset Content (RFC 9110 section 15.3) tell the whole
    /// answer; their content is optional or forbidden.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        match status {
            201 | 202 | 204 | 205 => Self::Null,
            _ => self,
        }
    }

    /// The value of `empty_body`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::BadPayload => "bad_payload",
        }
    }
}

/// A configured source, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    /// The name that actions refer to, and the key in the aggregate.
    pub id: Id,
    /// The request's method.
    pub method: Method,
    /// Whether the request may be sent again after it may have been processed.
    pub repeatable: bool,
    /// Where the request goes.
    pub url: UrlTemplate,
    /// The same as it was configured, for people: values that may be secrets are left out.
    pub shown_url: String,
    /// The request's own headers.
    pub headers: Vec<HeaderTemplate>,
    /// The request's JSON body.
    pub json: Option<JsonTemplate>,
    /// The credential whose header goes with the request.
    pub credential: Option<Id>,
    /// Set if each request chooses the credential: this is the source for those that choose
    /// `credential`.
    pub tenancy: Option<Tenancy>,
    /// Certificates (PEM) trusted besides the platform's.
    pub extra_ca: Option<Vec<u8>>,
    /// One attempt, connect and body included.
    pub timeout: Duration,
    /// Resolving, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// Connections open at a time, over all workers.
    pub max_connections: usize,
    /// Connections kept open without work, over all workers.
    pub max_idle_connections: usize,
    /// Whether each worker connects before the first request.
    pub prewarm: bool,
    /// Calls under way at a time, over all workers.
    pub max_in_flight: usize,
    /// The largest reply body that is read, bytes.
    pub max_response: usize,
    /// The deepest nesting of a reply's JSON.
    pub max_depth: usize,
    /// What a success with an empty body is, where its status does not say.
    pub empty_body: EmptyBody,
    /// Statuses that are a definite "there is none".
    pub empty_statuses: Vec<u16>,
    /// `data` of a reply that is a definite "there is none".
    pub empty_data: Json,
    /// `data` of a failure.
    pub fallback: Json,
    /// When a failed attempt is repeated.
    pub retry: RetryPolicy,
    /// The longest time that the upstream can hold calls back, by `Retry-After` or by what it says of
    /// its rate limit.
    pub max_retry_after: Duration,
    /// How many repeats all requests together may cause; unspent, to be cloned into the source's
    /// state.
    pub retry_budget: RetryBudget,
    /// How many requests may be sent in a time; absent: as many as there are.
    pub rate_limit: Option<RateLimitSpec>,
    /// When the source is given a rest.
    pub breaker: BreakerSpec,
    /// How the following pages are asked for; absent: one page.
    pub paging: Option<PagingSpec>,
}

/// How a request chooses the credential, and with it the tenant that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenancy {
    /// The input whose value stands for a credential.
    pub input: InputName,
    /// Whether the request goes to where the credential's API is; else all tenants share a host.
    pub host_by_credential: bool,
}

impl SourceSpec {
    /// The credential that requests have to choose to mean this source; absent: they choose none.
    pub fn tenant(&self) -> Option<&Id> {
        self.tenancy.as_ref().and(self.credential.as_ref())
    }

    /// The source's id, with the tenant if there is one; for people.
    pub fn name(&self) -> String {
        match self.tenant() {
            Some(tenant) => format!("{} ({tenant})", self.id),
            None => self.id.to_string(),
        }
    }

    /// The placeholders of all its templates, each with its place.
    pub fn placeholders(&self) -> impl Iterator<Item = (Place, &Placeholder)> {
        let path = self.url.placeholders_in_path();
        let headers = self.headers.iter().flat_map(HeaderTemplate::placeholders);
        let json = self.json.iter().flat_map(JsonTemplate::placeholders);
        let key = self.rate_limit.iter().filter_map(|limit| limit.key.as_ref());
        let others = self.url.placeholders_in_query().chain(json);
        let others = others.chain(key.flat_map(TextTemplate::placeholders));
        path.map(|placeholder| (Place::Path, placeholder))
            .chain(headers.map(|placeholder| (Place::Header, placeholder)))
            .chain(others.map(|placeholder| (Place::Other, placeholder)))
    }

    /// Whether it is this one of the sources of its id that a request of the action means.
    pub fn is_chosen(&self, action: &ActionSpec, inputs: &Inputs) -> bool {
        let Some(tenancy) = &self.tenancy else { return true };
        self.credential.as_ref() == action.credential_chosen(&tenancy.input, inputs)
    }
}

/// How many requests may be sent to a source in a time.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimitSpec {
    /// Never more than this many requests …
    pub requests: NonZeroU32,
    /// … in any time of this length, unless `burst` is larger.
    pub per: Duration,
    /// So many at the same instant after a rest, and then one each `per / requests`: the size of
    /// a token bucket. A larger one than `requests` is kept by itself.
    pub burst: NonZeroU32,
    /// What is limited apart, for example an API key; absent: the source as a whole.
    pub key: Option<TextTemplate>,
    /// The longest wait for a permit.
    pub max_wait: Duration,
}
