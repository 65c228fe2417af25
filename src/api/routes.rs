//! Which path leads where, on the public port.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};

use super::problem::Problem;
use super::state::Worker;
use super::{aggregate, context, events};

/// The path of an action.
pub const ACTION_ROUTE: &str = "/v1/actions/{action}";
/// The path of serverless events.
pub const EVENTS_ROUTE: &str = "/events";
/// The public paths, for whoever asked for another.
const ROUTES: [&str; 3] = ["POST /v1/actions/{action}", "POST /events", "GET /openapi.json"];

/// Sets up the public routes; every failure, also of a path or a method, is a JSON problem.
pub fn public(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(ACTION_ROUTE)
                .route(web::post().to(aggregate::handle))
                .default_service(web::to(post_only)),
        )
        .service(
            web::resource(EVENTS_ROUTE)
                .route(web::post().to(events::handle))
                .default_service(web::to(post_only)),
        )
        .service(
            web::resource("/openapi.json")
                .route(web::get().to(openapi))
                .default_service(web::to(get_only)),
        )
        .default_service(web::to(no_route));
}

/// The `OpenAPI` document, for those who may ask.
async fn openapi(request: HttpRequest, worker: web::Data<Worker>) -> HttpResponse {
    let serving = worker.serving();
    if let Err(problem) = serving.shared.api_keys.check(request.headers()) {
        return respond(&request, problem);
    }
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((context::REQUEST_ID, context::request_id(request.headers())))
        .body(serving.shared.openapi.clone())
}

async fn get_only(request: HttpRequest) -> HttpResponse {
    respond(&request, Problem::method_not_allowed("GET"))
}

async fn post_only(request: HttpRequest) -> HttpResponse {
    respond(&request, Problem::method_not_allowed("POST"))
}

async fn no_route(request: HttpRequest) -> HttpResponse {
    respond(&request, Problem::no_route(&ROUTES))
}

fn respond(request: &HttpRequest, problem: Problem) -> HttpResponse {
    aggregate::respond(Err(problem), context::request_id(request.headers()))
}
