//! `POST /events`: the same as an action, in the envelope of a serverless function.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value};

use crate::api::admission::Permit;
use crate::api::observation::Observation;
use crate::api::problem::Problem;
use crate::api::run_action::{self, Reply, SERVER_TIMING};
use crate::api::scope::{RequestScope, finish};
use crate::api::snapshot::Worker;
use crate::api::{request_body, request_context};
use crate::model::id::Id;
use crate::model::inputs::Inputs;
use crate::model::json::write_string;
use crate::model::paths;

/// Handles the route: HTTP 200 whenever the body could be read and the caller is known; the
/// envelope carries the status.
pub async fn handle(
    request: HttpRequest,
    payload: web::Payload,
    worker: web::Data<Worker>,
) -> HttpResponse {
    let scope = RequestScope::begin(&request, &worker);
    let mut observation = scope.observe_action(paths::EVENTS);
    let (status, mut response) = match read_event(&scope, payload, &mut observation).await {
        Ok((event, _permit)) => in_envelope(run(&scope, &event, &mut observation).await),
        Err(problem) => (problem.status(), problem.into_response()),
    };
    finish(observation, status, &response);
    response.headers_mut().insert(request_context::REQUEST_ID, scope.id);
    response
}

async fn read_event(
    scope: &RequestScope<'_>,
    mut payload: web::Payload,
    observation: &mut Observation<'_>,
) -> Result<(Map<String, Value>, Permit), Problem> {
    let permit = scope.admit(&mut payload, observation).await?;
    request_body::expect_json(scope.headers())?;
    let body = scope.body(payload).await?;
    let event = Inputs::object_of(&body).map_err(|errors| Problem::inputs(&errors))?;
    Ok((event, permit))
}

async fn run(
    scope: &RequestScope<'_>,
    event: &Map<String, Value>,
    observation: &mut Observation<'_>,
) -> Result<Reply, Problem> {
    let name = match event.get("action") {
        None | Some(Value::Null) => scope.shared().default_action.as_ref().map(Id::as_str),
        Some(Value::String(name)) => Some(name.as_str()),
        Some(_) => return Err(Problem::bad_request("`action` must be a string")),
    };
    let action = scope.action(name, observation)?;
    let nothing = Map::new();
    let input = match event.get("input") {
        None | Some(Value::Null) => &nothing,
        Some(Value::Object(input)) => input,
        Some(_) => return Err(Problem::bad_request("`input` must be an object of inputs")),
    };
    let inputs = Inputs::from_object(input, &action.inputs);
    let inputs = inputs.map_err(|errors| Problem::inputs(&errors))?;
    run_action::run(scope, action, inputs, observation).await
}

/// The status that the envelope carries, and the envelope.
fn in_envelope(reply: Result<Reply, Problem>) -> (StatusCode, HttpResponse) {
    match reply {
        Ok(reply) => {
            let mut response = envelope(StatusCode::OK, &String::from_utf8_lossy(&reply.json));
            response.headers_mut().insert(SERVER_TIMING, reply.server_timing);
            (StatusCode::OK, response)
        }
        Err(problem) => {
            let mut response = envelope(problem.status(), &problem.to_json());
            // The times of the aggregate in it: no problem within an envelope has another header.
            if let Some((name, value)) = problem.header() {
                response.headers_mut().insert(name.clone(), value.clone());
            }
            (problem.status(), response)
        }
    }
}

fn envelope(status: StatusCode, text: &str) -> HttpResponse {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8 + 64);
    out.extend_from_slice(b"{\"statusCode\":");
    out.extend_from_slice(status.as_str().as_bytes());
    out.extend_from_slice(b",\"body\":");
    write_string(&mut out, text);
    out.push(b'}');
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(out)
}
