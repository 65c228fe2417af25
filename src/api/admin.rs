//! The operators' routes: is it alive, is it ready, how are its parts.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::problem::Problem;
use super::state::Shared;
use super::{aggregate, context};
use crate::actors::supervision::Restarts;
use crate::actors::token_handle::TokenHandle;
use crate::domain::breaker::State;
use crate::domain::ids::Id;
use crate::upstream::clock;
use crate::upstream::shared::SourceShared;

/// The operators' paths.
const ROUTES: [&str; 4] = ["GET /livez", "GET /readyz", "GET /v1/sources", "GET /v1/credentials"];

/// What the operators' routes look at.
pub struct Overview {
    /// What holds for the whole process.
    pub shared: Arc<Shared>,
    /// The sources' limits.
    pub sources: Vec<(Id, Arc<SourceShared>)>,
    /// The credentials that have tokens.
    pub credentials: Vec<TokenHandle>,
    /// How often actors were started again.
    pub restarts: Arc<Restarts>,
}

/// Sets up the operators' routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/livez").route(web::get().to(livez)))
        .service(resource("/readyz").route(web::get().to(readyz)))
        .service(resource("/v1/sources").route(web::get().to(sources)))
        .service(resource("/v1/credentials").route(web::get().to(credentials)))
        .default_service(web::to(no_route));
}

fn resource(path: &'static str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(get_only))
}

async fn livez() -> HttpResponse {
    json_reply(StatusCode::OK, &json!({"alive": true}))
}

/// Not ready while a credential was not even tried yet, and while the service is going down; a
/// failing upstream alone is no reason. An actor that keeps crashing shows as a warning.
async fn readyz(overview: web::Data<Overview>) -> HttpResponse {
    let mut reasons = Vec::new();
    if overview.shared.draining.is_on() {
        reasons.push("the service is going down".to_owned());
    }
    for credential in &overview.credentials {
        let status = credential.status();
        if status.current.is_none() && status.failure.is_none() {
            reasons.push(format!("credential {}: its first token is on its way", credential.id()));
        }
    }
    // Those that answer are not taken out of service for one that does not, so these are not reasons.
    let loops = overview.restarts.crash_loops(clock::now()).into_iter();
    let warnings: Vec<_> = loops
        .map(|(actor, times)| {
            format!("actor {actor}: crash loop, started again {times} times in a row")
        })
        .collect();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let restarts = overview.restarts.count();
    let body = json!({
        "ready": reasons.is_empty(),
        "reasons": reasons,
        "warnings": warnings,
        "actor_restarts": restarts,
    });
    json_reply(status, &body)
}

async fn sources(overview: web::Data<Overview>) -> HttpResponse {
    let now = clock::now();
    let snapshot = overview.sources.iter().map(|(id, limits)| {
        let breaker = limits.breaker().snapshot(now);
        let budget = limits.retry_budget().snapshot(now);
        let state = match breaker.state {
            State::Closed => "closed",
            State::Open { .. } => "open",
            State::HalfOpen => "half_open",
        };
        json!({
            "source": id.as_str(),
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

async fn credentials(overview: web::Data<Overview>) -> HttpResponse {
    let now = clock::now();
    let snapshot = overview.credentials.iter().map(|credential| {
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

async fn get_only(request: HttpRequest) -> HttpResponse {
    problem(&request, Problem::method_not_allowed("GET"))
}

async fn no_route(request: HttpRequest) -> HttpResponse {
    problem(&request, Problem::no_route(&ROUTES))
}

fn problem(request: &HttpRequest, problem: Problem) -> HttpResponse {
    aggregate::respond(Err(problem), context::request_id(request.headers()))
}

fn json_reply(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(body.to_string())
}
