//! `GET` and `POST /v1/demo/faults`: what the demo's simulated upstreams do wrong. Outside of the
//! demo there is no such path.
//!
//! Both answer with the state, and a `POST` replaces the whole list; an empty one ends all faults:
//!
//! ```text
//! GET                                                       200
//! POST {"faults": [{"source": "crm", "fault": "slow"}]}     200, or 400 with `problems`
//!
//! {"faults": [{"source": "crm", "fault": "slow"}],
//!  "known": {"sources": ["genesys", "crm", "orders"], "faults": ["slow", "fail", …]}}
//! ```
//!
//! A source has one fault at most. A `POST` is JSON and says so, and no other site's page sends it.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AdminState, json_reply, problem};
use crate::api::access::same_site;
use crate::api::problem::Problem;
use crate::api::request_body::{self, BodyLimits};
use crate::clock;

/// The list is short.
const LIMITS: BodyLimits = BodyLimits { max_body: 16 * 1024, timeout: Duration::from_secs(5) };

/// Whoever can make the upstreams misbehave: the demo, and nobody else.
pub trait Faults: Send + Sync {
    /// The sources whose upstreams can.
    fn known_sources(&self) -> Vec<&'static str>;

    /// The words for what they can do wrong.
    fn known_faults(&self) -> Vec<&'static str>;

    /// What is switched on.
    fn active(&self) -> Vec<Fault>;

    /// Switches on exactly these.
    ///
    /// # Errors
    /// What is wrong with the list, one sentence each; nothing has changed then.
    fn replace(&self, faults: &[Fault]) -> Result<(), Vec<String>>;
}

/// What the upstream of one source does wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The source.
    pub source: String,
    /// One of [`Faults::known_faults`].
    pub fault: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    faults: Vec<Fault>,
}

pub(super) async fn show(request: HttpRequest, state: web::Data<AdminState>) -> HttpResponse {
    match &state.faults {
        Some(faults) => reply(faults.as_ref()),
        None => problem(&request, Problem::internal()),
    }
}

pub(super) async fn switch(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AdminState>,
) -> HttpResponse {
    let Some(faults) = &state.faults else { return problem(&request, Problem::internal()) };
    let wanted = match read(&request, payload).await {
        Ok(wanted) => wanted,
        Err(refusal) => return problem(&request, refusal),
    };
    match faults.replace(&wanted.faults) {
        Ok(()) => reply(faults.as_ref()),
        Err(problems) => problem(&request, Problem::faults_refused(&problems)),
    }
}

async fn read(request: &HttpRequest, payload: web::Payload) -> Result<Wanted, Problem> {
    same_site::check(request)?;
    // A page's form can send any other type without being asked, never this one.
    request_body::require_json(request.headers())?;
    let body = request_body::read(request.headers(), payload, LIMITS, clock::now()).await?;
    serde_json::from_slice(&body).map_err(|error| {
        let form = r#"{"faults": [{"source": "crm", "fault": "slow"}]}"#;
        Problem::bad_request(format!("the body must be like `{form}`: {error}"))
    })
}

fn reply(faults: &dyn Faults) -> HttpResponse {
    json_reply(StatusCode::OK, &state(faults))
}

/// What is switched on, and what could be.
pub(super) fn state(faults: &dyn Faults) -> Value {
    let known = json!({"sources": faults.known_sources(), "faults": faults.known_faults()});
    json!({"faults": faults.active(), "known": known})
}
