//! Is it alive, is it ready?

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::{Overview, json_reply};
use crate::upstream::clock;

/// `GET /livez`: that the process answers; it depends on nothing else.
pub(super) async fn livez() -> HttpResponse {
    json_reply(StatusCode::OK, &json!({"alive": true}))
}

/// `GET /readyz`: 200, or 503 with reasons.
pub(super) async fn readyz(overview: web::Data<Overview>) -> HttpResponse {
    let body = readiness(&overview);
    let ready = body["ready"] == true;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_reply(status, &body)
}

/// Not ready while a credential, or a connection to be made before the first request, was not even
/// tried yet, and while the service is going down; a failing upstream alone is no reason. An actor
/// that keeps crashing shows as a warning.
pub(super) fn readiness(overview: &Overview) -> Value {
    let parts = overview.parts.load();
    let mut reasons = Vec::new();
    if overview.draining.is_on() {
        reasons.push("the service is going down".to_owned());
    }
    for credential in &parts.credentials {
        let status = credential.status();
        if status.current.is_none() && status.failure.is_none() {
            reasons.push(format!("credential {}: its first token is on its way", credential.id()));
        }
    }
    for (spec, limits) in &parts.sources {
        if limits.is_cold() {
            let name = spec.name();
            reasons.push(format!("source {name}: its first connections are being made"));
        }
    }
    // Those that answer are not taken out of service for one that does not, so these are not reasons.
    let loops = overview.restarts.crash_loops(clock::now()).into_iter();
    let warnings: Vec<_> = loops
        .map(|(actor, times)| {
            format!("actor {actor}: crash loop, started again {times} times in a row")
        })
        .collect();
    json!({
        "ready": reasons.is_empty(),
        "reasons": reasons,
        "warnings": warnings,
        "actor_restarts": overview.restarts.count(),
    })
}
