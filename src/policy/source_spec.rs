//! One upstream HTTP API call as it was configured, checked.

use std::time::Duration;

use super::empty_body::EmptyBody;
use super::retry::budget::RetryBudget;
use super::retry::decision::RetryPolicy;
use crate::model::action::action_spec::ActionSpec;
use crate::model::id::{Id, InputName};
use crate::model::inputs::{Inputs, Place};
use crate::model::json::Json;
use crate::model::method::Method;
use crate::model::record::target::Target;
use crate::model::template::{
    HeaderTemplate, JsonTemplate, Placeholder, Reference, TextTemplate, UrlTemplate,
};
use crate::policy::breaker::breaker_spec::BreakerSpec;
use crate::policy::paging::paging_spec::PagingSpec;
use crate::policy::rate_limit::rate_limit_spec::RateLimitSpec;

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

    /// What its requests have in common, as a trace may show it.
    pub fn target(&self) -> Target {
        let endpoint = self.url.endpoint();
        let url = self.shown_url.split(['?', '#']).next().unwrap_or_default();
        let after_scheme = url.find("://").map_or(0, |at| at + 3);
        let path = url[after_scheme..].find('/').map_or("/", |at| &url[after_scheme + at..]);
        let scheme = if endpoint.https() { "https" } else { "http" };
        Target {
            method: self.method,
            host: endpoint.host().to_owned(),
            port: endpoint.port(),
            url: format!("{scheme}://{}{path}", endpoint.authority()),
            path: path.to_owned(),
            tenant: self.tenant().cloned(),
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

/// Notes for each input of the action where its sources put it, and with which escapes.
pub fn place_inputs(action: &mut ActionSpec, sources: &[SourceSpec]) {
    for source in sources.iter().filter(|source| action.sources.contains(&source.id)) {
        for (place, placeholder) in source.placeholders() {
            let Reference::Input(name) = &placeholder.reference else { continue };
            for input in action.inputs.iter_mut().filter(|input| input.name == *name) {
                input.places.add(place, &placeholder.escapes);
            }
        }
    }
}

/// A source for the tests of the steps.
#[cfg(test)]
impl SourceSpec {
    /// `GET http://crm.test/{id}`, once a second for each id, everything else as modest as can be.
    ///
    /// # Panics
    /// Never: its parts are good.
    pub fn sample() -> Self {
        use super::retry::backoff::Backoff;
        use std::num::NonZeroU32;
        let (ms, second) = (Duration::from_millis(1), Duration::from_secs(1));
        let backoff = Backoff::try_new(ms, ms).expect("a backoff");
        Self {
            id: Id::try_new("crm").expect("an id"),
            method: Method::Get,
            repeatable: true,
            url: UrlTemplate::try_new("http://crm.test/{id}", &[]).expect("a template"),
            shown_url: "http://crm.test/{id}".to_owned(),
            headers: Vec::new(),
            json: None,
            credential: None,
            tenancy: None,
            extra_ca: None,
            timeout: second,
            connect_timeout: second,
            max_connections: 1,
            max_idle_connections: 1,
            prewarm: false,
            max_in_flight: 1,
            max_response: 1000,
            max_depth: 10,
            empty_body: EmptyBody::BadPayload,
            empty_statuses: vec![404],
            empty_data: Json::null(),
            fallback: Json::null(),
            retry: RetryPolicy::try_new(1, backoff).expect("a policy"),
            max_retry_after: second,
            retry_budget: RetryBudget::try_new(0.0, 0, second).expect("a budget"),
            rate_limit: Some(RateLimitSpec {
                requests: NonZeroU32::MIN,
                per: second,
                burst: NonZeroU32::MIN,
                key: Some(TextTemplate::try_new("of {id}").expect("a template")),
                max_wait: Duration::ZERO,
            }),
            breaker: BreakerSpec {
                window: second,
                min_requests: 1,
                failure_ratio: 1.0,
                open_for: second,
                max_open_for: second,
                probes: 1,
            },
            paging: None,
        }
    }
}
