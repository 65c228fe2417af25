//! The operators' routes: is it alive, is it ready, how are its parts.

mod console;
pub mod faults;
mod guard;
mod live;
mod liveness;
mod metrics;
pub mod operators;
pub mod reload;
mod requests;
mod snapshots;
mod viewers;

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse};
use arc_swap::ArcSwap;
use serde_json::Value;

use self::faults::Faults;
use self::reload::Reload;
use super::draining::Draining;
use super::problem::Problem;
use crate::actors::supervision::Restarts;
use crate::actors::token_handle::TokenHandle;
use crate::api::access::callers::Access;
use crate::api::{actions, request_context};
use crate::model::gauges::Exposition;
use crate::policy::source_spec::SourceSpec;
use crate::policy::source_state::SourceState;
use crate::telemetry::recent::Recent;

pub use viewers::Viewers;

/// What the operators' routes look at.
pub struct AdminState {
    /// The parts of the configuration that is in force.
    pub view: Arc<ArcSwap<AdminView>>,
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
pub struct AdminView {
    /// Who may look at all this, and change it.
    pub access: Access,
    /// The sources, each with its limits; one for each tenant where there are tenants.
    pub sources: Vec<(Arc<SourceSpec>, Arc<SourceState>)>,
    /// The credentials that have tokens.
    pub credentials: Vec<TokenHandle>,
}

fn problem(request: &HttpRequest, problem: Problem) -> HttpResponse {
    actions::respond(Err(problem), request_context::id_of(request))
}

fn json_reply(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(body.to_string())
}
