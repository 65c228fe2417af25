//! The state of the actors' parts at this moment, without secrets: `GET /v1/sources` and
//! `GET /v1/credentials`.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::{AdminState, json_reply};
use crate::clock;
use crate::model::circuit::Circuit;
use crate::model::id::Id;

/// Handles `GET /v1/sources`.
pub(super) async fn sources(state: web::Data<AdminState>) -> HttpResponse {
    json_reply(StatusCode::OK, &json!({"sources": sources_now(&state)}))
}

/// Handles `GET /v1/credentials`.
pub(super) async fn credentials(state: web::Data<AdminState>) -> HttpResponse {
    json_reply(StatusCode::OK, &json!({"credentials": credentials_now(&state)}))
}

/// Each source, one for each tenant where there are tenants.
pub(super) fn sources_now(state: &AdminState) -> Vec<Value> {
    let now = clock::now();
    let view = state.view.load();
    let latencies = state.restarts.observed().latencies();
    let snapshot = view.sources.iter().map(|(spec, state)| {
        let latency = latencies.get(spec.name().as_str()).copied().unwrap_or_default();
        let quantile = |part| latency.quantile(part).map(|time| time.as_secs_f64() * 1e3);
        let limits = &state.policies;
        let breaker = limits.circuit(now);
        let budget = limits.retry_budget(now);
        let limiter = limits.rate_limit(now);
        let (state, probe_at) = match breaker.state {
            Circuit::Closed => ("closed", None),
            Circuit::Open { until } => ("open", Some(until)),
            Circuit::HalfOpen => ("half_open", None),
        };
        json!({
            "source": spec.id.as_str(),
            "tenant": spec.tenant().map(Id::as_str),
            "in_flight": limits.in_flight(),
            "max_in_flight": spec.policies.concurrency.max_in_flight,
            "latency_ms": {
                "count": latency.total(),
                "p50": quantile(0.5),
                "p95": quantile(0.95),
                "p99": quantile(0.99),
            },
            "breaker": {
                "state": state,
                "probe_in_ms": probe_at.map(|at| millis(at.saturating_duration_since(now))),
                "probes_in_flight": breaker.probes_in_flight,
                "successes": breaker.successes,
                "failures": breaker.failures,
                "openings": breaker.openings,
            },
            "rate_limit": {
                "requests": spec.policies.rate_limit.as_ref().map(|limit| limit.requests),
                "per_ms": spec.policies.rate_limit.as_ref().map(|limit| millis(limit.per)),
                "waiting": limiter.waiting,
                "held_for_ms": limiter.held_for.map(|(time, _)| millis(time)),
                "held_by": limiter.held_for.map(|(_, header)| header),
                "keys": limiter.keys,
            },
            "token_refusals_ignored_for_ms": limits
                .token_refusals_ignored_until(now)
                .map(|until| millis(until.saturating_duration_since(now))),
            "retry_budget": {
                "requests": budget.requests,
                "retries": budget.retries,
                "refused": budget.refused,
            },
        })
    });
    snapshot.collect()
}

/// Each credential that has tokens.
pub(super) fn credentials_now(state: &AdminState) -> Vec<Value> {
    let now = clock::now();
    let view = state.view.load();
    let snapshot = view.credentials.iter().map(|credential| {
        let status = credential.status();
        let valid = status.valid(now);
        let expires_in = valid.map(|current| (current.expires - now).as_secs());
        let age = valid.map(|current| now.saturating_duration_since(current.issued).as_secs());
        let failure = status.failure.as_ref();
        let next_try = status.next_try(now).map(|at| at.saturating_duration_since(now));
        json!({
            "credential": credential.id().as_str(),
            "has_token": valid.is_some(),
            "expires_in_s": expires_in,
            "age_s": age,
            "generation": status.generation,
            "failures": status.failed,
            "last_failure": failure.map(|failure| failure.error.to_string()),
            "next_try_in_ms": next_try.map(millis),
        })
    });
    snapshot.collect()
}

/// Milliseconds as JSON has them.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
