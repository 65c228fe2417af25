//! The state of the actors' parts at this moment; no secrets.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{Overview, json_reply};
use crate::domain::breaker::State;
use crate::domain::ids::Id;
use crate::upstream::clock;

/// `GET /v1/sources`.
pub(super) async fn sources(overview: web::Data<Overview>) -> HttpResponse {
    let now = clock::now();
    let parts = overview.parts.load();
    let snapshot = parts.sources.iter().map(|(spec, limits)| {
        let breaker = limits.breaker().snapshot(now);
        let budget = limits.retry_budget().snapshot(now);
        let state = match breaker.state {
            State::Closed => "closed",
            State::Open { .. } => "open",
            State::HalfOpen => "half_open",
        };
        json!({
            "source": spec.id.as_str(),
            "tenant": spec.tenant().map(Id::as_str),
            "in_flight": limits.in_flight(),
            "breaker": {
                "state": state,
                "successes": breaker.successes,
                "failures": breaker.failures,
                "openings": breaker.openings,
            },
            "retry_budget": {
                "requests": budget.requests,
                "retries": budget.retries,
                "refused": budget.refused,
            },
        })
    });
    json_reply(StatusCode::OK, &json!({"sources": snapshot.collect::<Vec<_>>()}))
}

/// `GET /v1/credentials`.
pub(super) async fn credentials(overview: web::Data<Overview>) -> HttpResponse {
    let now = clock::now();
    let parts = overview.parts.load();
    let snapshot = parts.credentials.iter().map(|credential| {
        let status = credential.status();
        let valid = status.valid(now);
        let expires_in = valid.map(|current| (current.expires - now).as_secs());
        json!({
            "credential": credential.id().as_str(),
            "has_token": valid.is_some(),
            "expires_in_s": expires_in,
            "generation": status.generation,
            "last_failure": status.failure.map(|failure| failure.error.to_string()),
        })
    });
    json_reply(StatusCode::OK, &json!({"credentials": snapshot.collect::<Vec<_>>()}))
}
