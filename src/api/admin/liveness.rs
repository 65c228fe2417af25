//! Is it alive, is it ready?

use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::actors::token::status::TokenStatus;
use crate::api::admin::{AdminState, json_reply};
use crate::clock;

/// `GET /livez`: that the process answers; it depends on nothing else.
pub(super) async fn livez() -> HttpResponse {
    json_reply(StatusCode::OK, &json!({"alive": true}))
}

/// `GET /readyz`: 200, or 503 with reasons.
pub(super) async fn readyz(state: web::Data<AdminState>) -> HttpResponse {
    let body = readiness(&state);
    let ready = body["ready"] == true;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_reply(status, &body)
}

/// Not ready while a first token, or a connection to be made before the first request, was not even
/// tried yet, and while the service is going down. What fails all the same, and an actor that keeps
/// crashing or does not answer, shows as a warning: sources that answer are not taken out of service for one that does
/// not.
pub(super) fn readiness(state: &AdminState) -> Value {
    let now = clock::now();
    let view = state.view.load();
    let (mut reasons, mut warnings) = (Vec::new(), Vec::new());
    if state.draining.is_on() {
        reasons.push("the service is going down".to_owned());
    }
    for credential in &view.credentials {
        let Some(problem) = no_token(&credential.status(), now) else { continue };
        let list = if credential.is_awaited(now) { &mut reasons } else { &mut warnings };
        list.push(format!("credential {}: {problem}", credential.id()));
    }
    for (spec, limits) in &view.sources {
        if limits.is_cold() {
            let name = spec.name();
            reasons.push(format!("source {name}: its first connections are being made"));
        }
    }
    let loops = state.restarts.crash_loops(now).into_iter();
    warnings.extend(loops.map(|(actor, times)| {
        format!("actor {actor}: crash loop, started again {times} times in a row")
    }));
    let mut silent = state.restarts.observed().unanswered(now);
    silent.sort_unstable();
    silent.dedup();
    let silent = silent.into_iter();
    warnings.extend(silent.map(|actor| format!("actor {actor}: it has not answered for 5 s")));
    json!({
        "ready": reasons.is_empty(),
        "reasons": reasons,
        "warnings": warnings,
        "actor_restarts": state.restarts.count(),
    })
}

/// Why a credential has no token, if it has none; or none but one that an upstream has refused.
fn no_token(status: &TokenStatus, now: Instant) -> Option<String> {
    if status.valid(now).is_some() {
        let failure = status.failure.as_ref().filter(|_| status.is_refused(now))?;
        let error = &failure.error;
        return Some(format!("an upstream refused its token, and no other came: {error}"));
    }
    Some(match &status.failure {
        Some(failure) => format!("no token: {}", failure.error),
        None if status.is_untried() => "its first token is on its way".to_owned(),
        None => "its token has ended, the next one is on its way".to_owned(),
    })
}
