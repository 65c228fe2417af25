//! Who gets through to the operators' routes.
//!
//! ```text
//! /livez /readyz /metrics     everybody, by whatever name: kubelet and Prometheus come as they like
//! /console                    everybody, for a host of this service: the page holds no data
//! everything else             the same, and then by [`Access::identify`]
//! ```

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};

use super::{AdminState, problem};
use crate::api::problem::Problem;

#[cfg(doc)]
use crate::api::access::callers::Access;

/// Lets requests for a host of this service through.
pub(super) async fn by_host<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let verdict = match state(request.request()) {
        Some(state) => state.view.load().access.check_host(request.request()),
        None => Err(Problem::internal()),
    };
    pass(verdict, request, next).await
}

/// Lets requests through of operators whom the configuration knows.
pub(super) async fn by_key<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let verdict = identify(request.request()).await;
    pass(verdict, request, next).await
}

async fn identify(request: &HttpRequest) -> Result<(), Problem> {
    let state = state(request).ok_or_else(Problem::internal)?;
    let view = state.view.load_full();
    view.access.check_host(request)?;
    match view.access.identify(request) {
        Ok(_) => Ok(()),
        Err(problem) => Err(view.access.failures.hold_back(problem).await),
    }
}

fn state(request: &HttpRequest) -> Option<&web::Data<AdminState>> {
    request.app_data()
}

async fn pass<B: MessageBody + 'static>(
    verdict: Result<(), Problem>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    match verdict {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_left_body),
        Err(refusal) => {
            let response = problem(request.request(), refusal);
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}
