//! `POST /v1/actions/{action}`: inputs in, aggregate out.

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::api::observation::Observation;
use crate::api::problem::Problem;
use crate::api::run_action::{self, Reply, SERVER_TIMING};
use crate::api::scope::{RequestScope, finish};
use crate::api::snapshot::Worker;
use crate::api::{request_body, request_context};
use crate::model::inputs::Inputs;
use crate::model::paths;

/// Handles the route.
pub async fn handle(
    request: HttpRequest,
    payload: web::Payload,
    worker: web::Data<Worker>,
) -> HttpResponse {
    let scope = RequestScope::begin(&request, &worker);
    let mut observation = scope.observe_action(paths::ACTION);
    let reply = answer(&scope, payload, &mut observation).await;
    let response = respond(reply, scope.id.clone());
    finish(observation, response.status(), &response);
    response
}

async fn answer(
    scope: &RequestScope<'_>,
    mut payload: web::Payload,
    observation: &mut Observation<'_>,
) -> Result<Reply, Problem> {
    let _permit = scope.admit(&mut payload, observation).await?;
    let action = scope.action(scope.request.match_info().get("action"), observation)?;
    request_body::expect_json(scope.headers())?;
    // It is read again when the time starts; here, what is wrong with it costs no body.
    request_context::requested_timeout(scope.headers())?;
    let body = scope.body(payload).await?;
    let inputs = Inputs::from_body(&body, &action.inputs);
    let inputs = inputs.map_err(|errors| Problem::inputs(&errors))?;
    run_action::run(scope, action, inputs, observation).await
}

/// The reply of an aggregate or a problem, with the request's id.
pub fn respond(reply: Result<Reply, Problem>, id: HeaderValue) -> HttpResponse {
    let mut response = match reply {
        Ok(reply) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .insert_header((SERVER_TIMING, reply.server_timing))
            .body(reply.json),
        Err(problem) => problem.into_response(),
    };
    response.headers_mut().insert(request_context::REQUEST_ID, id);
    response
}
