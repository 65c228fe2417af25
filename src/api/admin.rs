//! The operators' routes: is it alive, is it ready, how are its parts.

mod console;
pub mod faults;
mod guard;
mod health;
mod live;
mod metrics;
pub mod reload;
mod requests;
mod snapshots;
mod viewers;

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use arc_swap::ArcSwap;
use serde_json::Value;

use self::faults::Faults;
use self::reload::Reload;
use super::access::Access;
use super::problem::Problem;
use super::routes::{GET, get};
use super::state::Draining;
use super::{aggregate, context};
use crate::actors::supervision::Restarts;
use crate::actors::token_handle::TokenHandle;
use crate::domain::gauges::Exposition;
use crate::policy::source_spec::SourceSpec;
use crate::policy::state::SourceState;
use crate::telemetry::recent::Recent;

pub use viewers::Viewers;

/// The operators' paths, without that of the demo.
const ROUTES: [&str; 10] = [
    "GET /console",
    "GET /livez",
    "GET /readyz",
    "GET /metrics",
    "GET /v1/sources",
    "GET /v1/credentials",
    "GET /v1/requests",
    "GET /v1/requests/{id}",
    "GET /v1/live",
    "POST /v1/reload",
];

/// What the operators' routes look at.
pub struct Overview {
    /// The parts of the configuration that is in force.
    pub parts: Arc<ArcSwap<Parts>>,
    /// Takes the configuration anew.
    pub reload: Arc<dyn Reload>,
    /// Makes the upstreams misbehave, in the demo.
    pub faults: Option<Arc<dyn Faults>>,
    /// Whether the service is going down.
    pub draining: Arc<Draining>,
    /// What is measured.
    pub metrics: Arc<dyn Exposition>,
    /// How often actors were started again.
    pub restarts: Arc<Restarts>,
    /// The last requests.
    pub recent: Arc<Recent>,
    /// The places of those who follow live.
    pub viewers: Arc<Viewers>,
}

/// The parts of one configuration; a reload makes new ones.
pub struct Parts {
    /// Who may look at all this, and change it.
    pub access: Access,
    /// The sources, each with its limits; one for each tenant where there are tenants.
    pub sources: Vec<(Arc<SourceSpec>, Arc<SourceState>)>,
    /// The credentials that have tokens.
    pub credentials: Vec<TokenHandle>,
}

/// Sets up the operators' routes.
pub fn routes(config: &mut web::ServiceConfig) {
    let for_known_operators = web::scope("")
        .wrap(from_fn(guard::by_key))
        .service(resource("/v1/sources").route(get().to(snapshots::sources)))
        .service(resource("/v1/credentials").route(get().to(snapshots::credentials)))
        .service(resource("/v1/requests").route(get().to(requests::list)))
        .service(resource("/v1/requests/{id:.+}").route(get().to(requests::show)))
        .service(resource("/v1/live").route(get().to(live::live)))
        .service(
            web::resource("/v1/reload")
                .route(web::post().to(reload::reload))
                .default_service(web::to(post_only)),
        )
        .service(
            web::resource("/v1/demo/faults")
                .route(get().to(faults::show))
                .route(web::post().to(faults::switch))
                .default_service(web::to(get_or_post_only)),
        )
        .default_service(web::to(no_route));
    config
        .service(resource("/livez").route(get().to(health::livez)))
        .service(resource("/readyz").route(get().to(health::readyz)))
        .service(resource("/metrics").route(get().to(metrics::metrics)))
        .service(
            resource("/console").route(get().to(console::console)).wrap(from_fn(guard::by_host)),
        )
        .service(for_known_operators);
}

fn resource(path: &'static str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(get_only))
}

async fn get_only(request: HttpRequest) -> HttpResponse {
    problem(&request, Problem::method_not_allowed(GET))
}

async fn post_only(request: HttpRequest) -> HttpResponse {
    problem(&request, Problem::method_not_allowed("POST"))
}

async fn get_or_post_only(request: HttpRequest, overview: web::Data<Overview>) -> HttpResponse {
    match overview.faults {
        Some(_) => problem(&request, Problem::method_not_allowed("GET, HEAD, POST")),
        None => no_route(request).await,
    }
}

async fn no_route(request: HttpRequest) -> HttpResponse {
    problem(&request, Problem::no_route(&ROUTES))
}

fn problem(request: &HttpRequest, problem: Problem) -> HttpResponse {
    aggregate::respond(Err(problem), context::id_of(request))
}

fn json_reply(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(body.to_string())
}
