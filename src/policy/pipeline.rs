//! All policies of a source in one place: what they are configured with, what all workers share of
//! them, and their order.

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::auth::Auth;
use super::body_failure::{self, FAILED_IF};
use super::classify::{self, Classified, ResponseSpec};
use super::concurrency::{self, Bulkhead, ConcurrencyLimit, ConcurrencySpec};
use super::exchange::Exchange;
use super::exchange_spec::{self, ExchangeSpec};
use super::lock::lock;
use super::parse::{self, BodySpec, Parsed};
use super::render::Rendered;
use super::request_spec::{self, Placed, RequestParts, RequestSpec};
use super::request_url;
use crate::config::key::AnyKey;
use crate::config::plan_lines::PlanLines;
use crate::config::section::Section;
use crate::config::table::Table;
use crate::http::client::HttpClient;
use crate::policy::auth::authorized::{Authorized, Resend};
use crate::policy::auth::token_refusals::TokenRefusals;
use crate::policy::breaker::breaker_spec::{BREAKER, BreakerSpec};
use crate::policy::breaker::circuit_breaker::{Breaker, BreakerSnapshot};
use crate::policy::breaker::guarded::Guarded;
use crate::policy::paging::paged::Paged;
use crate::policy::paging::paging_spec::{PAGING, PagingSpec};
use crate::policy::rate_limit::limited::Limited;
use crate::policy::rate_limit::limiter::{Limiter, LimiterSnapshot};
use crate::policy::rate_limit::rate_limit_spec::{RATE_LIMIT, RateLimitSpec};
use crate::policy::rate_limit::throttle::{self, ThrottleSpec};
use crate::policy::retry::budget::{RetryBudget, RetryBudgetSnapshot};
use crate::policy::retry::retried::Retried;
use crate::policy::retry::retry_spec::{self, RETRY, RetrySpec};

/// Outermost first: to read this type is to read what happens to a fetch. What could be answered
/// without the upstream stands outside of the bulkhead; each page is a call of its own to what
/// stands below; each attempt needs a credential, a closed circuit and a permit anew.
pub(super) type Steps = Rendered<Bulkhead<Paged<Parsed<Retried<Attempt>>>>>;

/// One attempt. The circuit is looked at before a token is waited for, and again after.
type Attempt = Authorized<Guarded<Classified<Limited<Exchange>>>>;

/// The keys that stand in a source's table itself, a list for each step.
pub(super) const KEYS: &[&[&dyn AnyKey]] = &[
    request_url::KEYS,
    request_spec::KEYS,
    concurrency::KEYS,
    parse::KEYS,
    retry_spec::KEYS,
    classify::KEYS,
    body_failure::KEYS,
    throttle::KEYS,
    exchange_spec::KEYS,
];

/// The tables within a source's.
pub(super) const SECTIONS: &[&Section] = &[&FAILED_IF, &RETRY, &BREAKER, &RATE_LIMIT, &PAGING];

/// What the policies of a source are configured with, but for the request itself.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicySpecs {
    /// How many calls may be under way.
    pub concurrency: ConcurrencySpec,
    /// How the following pages are asked for; absent: one page.
    pub paging: Option<PagingSpec>,
    /// How bodies are read.
    pub body: BodySpec,
    /// When a failed attempt is repeated.
    pub retry: RetrySpec,
    /// When the source is given a rest.
    pub breaker: BreakerSpec,
    /// What is made of responses.
    pub response: ResponseSpec,
    /// What becomes of that which the upstream says of its rate limit.
    pub throttle: ThrottleSpec,
    /// How many requests may be sent in a time; absent: as many as there are.
    pub rate_limit: Option<RateLimitSpec>,
    /// The exchange and its connections.
    pub exchange: ExchangeSpec,
}

impl PolicySpecs {
    /// Reads a source's table and those within it; what is wrong is in the report.
    pub(super) fn read(source: &Table, request: &RequestParts) -> Option<Self> {
        // All of them first: whatever is wrong with any is to be told.
        let exchange = ExchangeSpec::read(source);
        let retry = RetrySpec::read(source, request.method);
        Some(Self {
            concurrency: ConcurrencySpec::read(source),
            paging: PagingSpec::read(source, request),
            body: BodySpec::read(source),
            breaker: BreakerSpec::read(source),
            response: ResponseSpec::read(source),
            throttle: ThrottleSpec::read(source),
            rate_limit: RateLimitSpec::read(source),
            exchange,
            retry: retry?,
        })
    }

    /// The placeholders of their templates.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = Placed<'_>> {
        self.rate_limit.iter().flat_map(RateLimitSpec::placeholders)
    }

    /// What they amount to, for `tributary check`.
    pub(super) fn plan(&self, lines: &mut PlanLines) {
        self.exchange.plan(lines);
        self.concurrency.plan(lines);
        self.body.plan(lines);
        self.retry.plan(lines);
        self.response.plan(lines);
        self.response.body_failure.plan(lines);
        self.throttle.plan(lines);
        RateLimitSpec::plan(self.rate_limit.as_ref(), lines);
        self.breaker.plan(lines);
        if let Some(paging) = &self.paging {
            paging.plan(lines);
        }
    }
}

/// What all workers share of a source's policies.
#[derive(Debug)]
pub struct PolicyStates {
    concurrency: ConcurrencyLimit,
    limiter: Arc<Limiter>,
    breaker: Arc<Mutex<Breaker>>,
    retry_budget: Arc<Mutex<RetryBudget>>,
    /// Belongs to the credential's tokens: another credential begins afresh.
    token_refusals: Arc<Mutex<TokenRefusals>>,
}

impl PolicyStates {
    /// Fresh ones for the source of this name.
    pub(super) fn new(name: &str, specs: &PolicySpecs) -> Self {
        Self {
            concurrency: ConcurrencyLimit::new(specs.concurrency.max_in_flight),
            limiter: Arc::new(Limiter::new(name, specs.rate_limit.clone())),
            breaker: Arc::new(Mutex::new(Breaker::new(specs.breaker))),
            retry_budget: Arc::new(Mutex::new(specs.retry.budget.clone())),
            token_refusals: Arc::default(),
        }
    }

    /// Those of the same upstream once its configuration was replaced: whatever is configured as it
    /// was keeps its state.
    pub(super) fn following(&self, name: &str, before: &PolicySpecs, now: &PolicySpecs) -> Self {
        let mut next = Self::new(name, now);
        next.concurrency = self.concurrency.with_limit(now.concurrency.max_in_flight);
        if before.rate_limit == now.rate_limit {
            next.limiter = Arc::clone(&self.limiter);
            // Whoever changes the source may well do it for what the upstream has said.
            next.limiter.end_holds();
        }
        if before.breaker == now.breaker {
            next.breaker = Arc::clone(&self.breaker);
        }
        if before.retry.budget == now.retry.budget {
            next.retry_budget = Arc::clone(&self.retry_budget);
        }
        next
    }

    /// Calls under way at present.
    pub fn in_flight(&self) -> usize {
        self.concurrency.in_flight()
    }

    /// The rate limit at one moment.
    pub fn rate_limit(&self, now: Instant) -> LimiterSnapshot {
        self.limiter.snapshot(now)
    }

    /// The circuit breaker at one moment.
    pub fn circuit(&self, now: Instant) -> BreakerSnapshot {
        lock(&self.breaker).snapshot(now)
    }

    /// The retry budget at one moment.
    pub fn retry_budget(&self, now: Instant) -> RetryBudgetSnapshot {
        lock(&self.retry_budget).snapshot(now)
    }

    /// Until when the source's refusals of tokens do not count, if they do not at present.
    pub fn token_refusals_ignored_until(&self, now: Instant) -> Option<Instant> {
        lock(&self.token_refusals).ignored_until(now)
    }
}

/// The steps of the source of this name, as one worker goes through them.
pub(super) fn build(
    name: &str,
    request: &RequestSpec,
    specs: &PolicySpecs,
    states: &PolicyStates,
    client: Rc<HttpClient>,
    auth: Auth,
) -> Steps {
    let endpoint = request.url.endpoint().clone();
    let PolicySpecs { body, retry, response, rate_limit, paging, exchange, .. } = specs;
    let exchange = Exchange::new(client, exchange, body.max_response);
    let buckets = Arc::clone(&states.limiter);
    let limited = Limited::new(buckets, specs.throttle, response.max_retry_after, exchange);
    let classified = Classified::new(name.to_owned(), response.clone(), limited);
    let guarded = Guarded::new(name.to_owned(), Arc::clone(&states.breaker), classified);
    let refusals = Arc::clone(&states.token_refusals);
    let resend = if retry.repeatable { Resend::AfterAny } else { Resend::AfterUnauthorized };
    let authorized = Authorized::new(name.to_owned(), auth, refusals, resend, guarded);
    let retried = Retried::new(retry, Arc::clone(&states.retry_budget), authorized);
    let parsed = Parsed::new(body.clone(), response.empty_statuses.clone(), retried);
    let paged = Paged::new(paging.clone(), endpoint, parsed);
    let bulkhead = Bulkhead::new(states.concurrency.clone(), paged);
    let key = rate_limit.as_ref().and_then(|limit| limit.key.clone());
    Rendered::new(request.clone(), key, bulkhead)
}
