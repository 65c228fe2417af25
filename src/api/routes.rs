//! Which path leads where, on the public port.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, Route, web};

use super::observation::Observation;
use super::problem::Problem;
use super::route_table::{self, Endpoint, Method};
use super::{actions, events};
use crate::api::access::callers::Caller;
use crate::api::access::host;
use crate::api::scope::{RequestScope, finish};
use crate::api::snapshot::{Shared, Worker};
use crate::model::paths;

static ENDPOINTS: [Endpoint; 3] = [
    Endpoint { method: Method::Post, path: paths::ACTION, route: || web::to(actions::handle) },
    Endpoint { method: Method::Post, path: paths::EVENTS, route: || web::to(events::handle) },
    Endpoint { method: Method::Get, path: paths::OPENAPI, route: || web::to(openapi) },
];

/// Sets up the public routes; every failure, also of a path or a method, is a JSON problem.
pub fn public(config: &mut web::ServiceConfig) {
    for resource in route_table::resources(&ENDPOINTS, other_methods) {
        config.service(resource);
    }
    config.default_service(web::to(no_route));
}

/// The `OpenAPI` document, for those who may ask.
async fn openapi(request: HttpRequest, worker: web::Data<Worker>) -> HttpResponse {
    let snapshot = worker.snapshot();
    let access = &snapshot.shared.access;
    // A page of another site cannot read it, unless its name was made to lead here.
    let caller = access.identify(&request).and_then(|caller| match caller {
        Caller::Key(_) | Caller::Certificate => Ok(caller),
        Caller::Anybody => access.check_host(&request).map(|()| caller),
    });
    let caller = match caller {
        Ok(caller) => Ok(caller.name().map(str::to_owned)),
        Err(problem) => Err(access.failures.hold_back(problem).await),
    };
    observed(&request, &worker, paths::OPENAPI, |shared, observation| {
        observation.caller = caller?;
        let mut document = HttpResponse::Ok();
        document.insert_header((CONTENT_TYPE, "application/json"));
        Ok(document.body(shared.openapi.clone()))
    })
}

/// Answers the methods that a route does not take.
fn other_methods(route: &'static str, allowed: String) -> Route {
    web::to(move |request: HttpRequest, worker: web::Data<Worker>| {
        let problem = Problem::method_not_allowed(&allowed);
        async move { observed(&request, &worker, route, |_, _| Err(problem)) }
    })
}

async fn no_route(request: HttpRequest, worker: web::Data<Worker>) -> HttpResponse {
    let known = route_table::list(&ENDPOINTS);
    let problem = Problem::no_route(request.path(), &known);
    observed(&request, &worker, paths::NONE, |_, _| Err(problem))
}

/// An answer for which nothing has to be waited for; the observer is told of it.
fn observed(
    request: &HttpRequest,
    worker: &Worker,
    route: &'static str,
    answer: impl FnOnce(&Shared, &mut Observation<'_>) -> Result<HttpResponse, Problem>,
) -> HttpResponse {
    let scope = RequestScope::begin(request, worker);
    let mut observation = scope.observe(route);
    let response = host::check_form(request);
    let response = response.and_then(|()| answer(scope.shared(), &mut observation));
    let response = response.unwrap_or_else(Problem::into_response);
    finish(observation, response.status(), &response);
    response
}
