//! Which path leads where, on the operators' port, and for whom.

use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, Route, web};

use super::{
    AdminState, console, faults, guard, live, metrics, problem, reload, requests, snapshots,
};
use crate::api::admin::liveness;
use crate::api::problem::Problem;
use crate::api::route_table::{self, Endpoint, Method};

/// For everybody, by whatever name: kubelet and Prometheus come as they like.
static FOR_EVERYBODY: [Endpoint; 3] = [
    Endpoint { method: Method::Get, path: "/livez", route: || web::to(liveness::livez) },
    Endpoint { method: Method::Get, path: "/readyz", route: || web::to(liveness::readyz) },
    Endpoint { method: Method::Get, path: "/metrics", route: || web::to(metrics::metrics) },
];

/// For everybody who asks for a host of this service: it holds no data.
static PAGE: [Endpoint; 1] =
    [Endpoint { method: Method::Get, path: "/console", route: || web::to(console::console) }];

/// For operators whom the configuration knows.
static FOR_OPERATORS: [Endpoint; 6] = [
    Endpoint { method: Method::Get, path: "/v1/sources", route: || web::to(snapshots::sources) },
    Endpoint {
        method: Method::Get,
        path: "/v1/credentials",
        route: || web::to(snapshots::credentials),
    },
    Endpoint { method: Method::Get, path: "/v1/requests", route: || web::to(requests::list) },
    Endpoint { method: Method::Get, path: "/v1/requests/{id}", route: || web::to(requests::show) },
    Endpoint { method: Method::Get, path: "/v1/live", route: || web::to(live::live) },
    Endpoint { method: Method::Post, path: "/v1/reload", route: || web::to(reload::reload) },
];

/// For operators of the demo; elsewhere there is no such path.
static OF_THE_DEMO: [Endpoint; 2] = [
    Endpoint { method: Method::Get, path: "/v1/demo/faults", route: || web::to(faults::show) },
    Endpoint { method: Method::Post, path: "/v1/demo/faults", route: || web::to(faults::switch) },
];

/// Sets up the operators' routes; those of the demo only where faults can be switched.
pub fn routes(config: &mut web::ServiceConfig, state: &AdminState) {
    for resource in route_table::resources(&FOR_EVERYBODY, other_methods) {
        config.service(resource);
    }
    for resource in route_table::resources(&PAGE, other_methods) {
        config.service(resource.wrap(from_fn(guard::by_host)));
    }
    let of_the_demo: &'static [Endpoint] = if state.faults.is_some() { &OF_THE_DEMO } else { &[] };
    let tables: [&'static [Endpoint]; 2] = [&FOR_OPERATORS, of_the_demo];
    let for_operators = tables
        .into_iter()
        .flat_map(|table| route_table::resources(table, other_methods))
        .fold(web::scope(""), actix_web::Scope::service)
        .wrap(from_fn(guard::by_key))
        .default_service(web::to(no_route));
    // A target that is no path, such as `*`, is in no scope.
    config.service(for_operators).default_service(web::to(no_route));
}

fn other_methods(_: &'static str, allowed: String) -> Route {
    web::to(move |request: HttpRequest| {
        let refusal = problem(&request, Problem::method_not_allowed(&allowed));
        async move { refusal }
    })
}

async fn no_route(request: HttpRequest, state: web::Data<AdminState>) -> HttpResponse {
    let of_the_demo = OF_THE_DEMO.iter().filter(|_| state.faults.is_some());
    let known = PAGE.iter().chain(&FOR_EVERYBODY).chain(&FOR_OPERATORS).chain(of_the_demo);
    let refusal = Problem::no_route(request.path(), &route_table::list(known));
    problem(&request, refusal)
}
