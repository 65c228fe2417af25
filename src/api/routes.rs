//! Which path leads where, on the public port.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, Route, guard, web};

use super::access::Caller;
use super::observation::Observation;
use super::problem::Problem;
use super::state::{Shared, Worker};
use super::{aggregate, context, events};
use crate::clock;
use crate::domain::record::NO_ROUTE;

/// The path of an action.
pub const ACTION_ROUTE: &str = "/v1/actions/{action}";
/// The path of serverless events.
pub const EVENTS_ROUTE: &str = "/events";
const OPENAPI_ROUTE: &str = "/openapi.json";
/// What a path takes that has something to show.
pub const GET: &str = "GET, HEAD";
/// The public paths, for whoever asked for another.
const ROUTES: [&str; 3] = ["POST /v1/actions/{action}", "POST /events", "GET /openapi.json"];

/// Sets up the public routes; every failure, also of a path or a method, is a JSON problem.
pub fn public(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(ACTION_ROUTE)
                .route(web::post().to(aggregate::handle))
                .default_service(other_methods(ACTION_ROUTE, "POST")),
        )
        .service(
            web::resource(EVENTS_ROUTE)
                .route(web::post().to(events::handle))
                .default_service(other_methods(EVENTS_ROUTE, "POST")),
        )
        .service(
            web::resource(OPENAPI_ROUTE)
                .route(get().to(openapi))
                .default_service(other_methods(OPENAPI_ROUTE, GET)),
        )
        .default_service(web::to(no_route));
}

/// `GET`, and `HEAD` with the same head (RFC 9110 section 9.3.2). The HTTP layer leaves out the body.
pub fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// The `OpenAPI` document, for those who may ask.
async fn openapi(request: HttpRequest, worker: web::Data<Worker>) -> HttpResponse {
    let serving = worker.serving();
    let access = &serving.shared.access;
    // A page of another site cannot read it, unless its name was made to lead here.
    let caller = access.identify(&request).and_then(|caller| match caller {
        Caller::Key(_) | Caller::Certificate => Ok(caller),
        Caller::Anybody => access.check_host(&request).map(|()| caller),
    });
    let caller = match caller {
        Ok(caller) => Ok(caller.name().map(str::to_owned)),
        Err(problem) => Err(access.failures.hold_back(problem).await),
    };
    observed(&request, &worker, OPENAPI_ROUTE, |shared, observation| {
        observation.caller = caller?;
        let mut document = HttpResponse::Ok();
        document.insert_header((CONTENT_TYPE, "application/json"));
        Ok(document.body(shared.openapi.clone()))
    })
}

/// Answers the methods that a route does not take.
fn other_methods(route: &'static str, allowed: &'static str) -> Route {
    web::to(move |request: HttpRequest, worker: web::Data<Worker>| async move {
        observed(&request, &worker, route, |_, _| Err(Problem::method_not_allowed(allowed)))
    })
}

async fn no_route(request: HttpRequest, worker: web::Data<Worker>) -> HttpResponse {
    observed(&request, &worker, NO_ROUTE, |_, _| Err(Problem::no_route(&ROUTES)))
}

/// An answer for which nothing has to be waited for; the observer is told of it.
fn observed(
    request: &HttpRequest,
    worker: &Worker,
    route: &'static str,
    answer: impl FnOnce(&Shared, &mut Observation<'_>) -> Result<HttpResponse, Problem>,
) -> HttpResponse {
    let started = clock::now();
    let id = context::id_of(request);
    let serving = worker.serving();
    let mut observation = Observation::begin(&*serving.shared.observer, route, &id, started);
    observation.peer = context::peer(request);
    let response = answer(&serving.shared, &mut observation);
    let response = response.unwrap_or_else(Problem::into_response);
    observation.finish(response.status().as_u16(), aggregate::length(response.body()));
    response
}
