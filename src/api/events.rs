//! `POST /events`: the same as an action, in the envelope of a serverless function.

use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value};

use super::admission::Permit;
use super::admit::admit;
use super::observation::Observation;
use super::problem::Problem;
use crate::api::actions::{self, SERVER_TIMING};
use crate::api::serving::{Serving, Worker};
use crate::api::{request_body, request_context};
use crate::clock;
use crate::model::id::Id;
use crate::model::inputs::{InputErrors, Inputs};
use crate::model::json::write_string;
use crate::model::paths;

/// Handles the route: HTTP 200 whenever the body could be read and the caller is known; the
/// envelope carries the status.
pub async fn handle(
    request: HttpRequest,
    payload: web::Payload,
    worker: web::Data<Worker>,
) -> HttpResponse {
    let started = clock::now();
    let id = request_context::id_of(&request);
    let serving = worker.serving();
    let mut observation =
        Observation::begin(&*serving.shared.observer, paths::EVENTS, &id, started);
    observation.peer = request_context::peer(&request);
    observation.trace = request_context::trace(request.headers(), serving.shared.sample_ratio);
    let (status, mut response) =
        match read_event(&request, payload, &serving, &mut observation, started).await {
            Ok((event, _permit)) => {
                run(&event, &request, &serving, &mut observation, started).await
            }
            Err(problem) => (problem.status(), problem.into_response()),
        };
    observation.finish(status.as_u16(), actions::length(response.body()));
    response.headers_mut().insert(request_context::REQUEST_ID, id.clone());
    response
}

async fn read_event(
    request: &HttpRequest,
    mut payload: web::Payload,
    serving: &Serving,
    observation: &mut Observation<'_>,
    started: Instant,
) -> Result<(Map<String, Value>, Permit), Problem> {
    let shared = &serving.shared;
    let permit = admit(request, &mut payload, shared, observation).await?;
    let headers = request.headers();
    request_body::expect_json(headers)?;
    let body = request_body::read(headers, payload, shared.body_limits, started).await?;
    let event = Inputs::object_of(&body).map_err(|errors| Problem::inputs(&errors))?;
    Ok((event, permit))
}

/// The status that the envelope carries, and the envelope.
async fn run(
    event: &Map<String, Value>,
    request: &HttpRequest,
    serving: &Serving,
    observation: &mut Observation<'_>,
    started: Instant,
) -> (StatusCode, HttpResponse) {
    match run_event(event, request, serving, observation, started).await {
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

async fn run_event(
    event: &Map<String, Value>,
    request: &HttpRequest,
    serving: &Serving,
    observation: &mut Observation<'_>,
    started: Instant,
) -> Result<actions::Reply, Problem> {
    let shared = &serving.shared;
    let name = match event.get("action") {
        None | Some(Value::Null) => shared.default_action.as_ref().map(Id::as_str),
        Some(Value::String(name)) => Some(name.as_str()),
        Some(_) => return Err(Problem::bad_request("`action` must be a string")),
    };
    let unknown = || Problem::unknown_action(shared.action_names());
    let action = name.and_then(|name| shared.action(name)).ok_or_else(unknown)?;
    observation.action = Some(action.id.clone());
    let nothing = Map::new();
    let input = match event.get("input") {
        None | Some(Value::Null) => &nothing,
        Some(Value::Object(input)) => input,
        Some(_) => return Err(Problem::bad_request("`input` must be an object of inputs")),
    };
    let inputs = Inputs::from_object(input, &action.inputs);
    let inputs = inputs.map_err(|errors: InputErrors| Problem::inputs(&errors))?;
    actions::run(serving, action, inputs, request.headers(), observation, started).await
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
