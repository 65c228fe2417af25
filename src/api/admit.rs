//! What every request for an action passes first: admission control, and who asks.

use actix_web::HttpRequest;
use actix_web::web::Payload;

use super::admission::Permit;
use super::observation::Observation;
use super::problem::Problem;
use crate::api::access::callers::Caller;
use crate::api::request_body;
use crate::api::serving::Shared;

/// Lets a request for an action in, and notes who asks.
///
/// # Errors
/// 503 while too many are under way; what [`crate::api::access::callers::Access::identify`] says, the refusal of
/// an unknown key later if there are many; 421, 403 or 415 for what a web page can have sent, where
/// callers are asked for neither key nor certificate.
pub async fn admit(
    request: &HttpRequest,
    payload: &mut Payload,
    shared: &Shared,
    observation: &mut Observation<'_>,
) -> Result<Permit, Problem> {
    let permit = match shared.admission.acquire() {
        Ok(permit) => permit,
        Err(problem) => {
            let (headers, limits) = (request.headers(), shared.body_limits);
            return Err(request_body::turned_away(problem, headers, payload, limits).await);
        }
    };
    match identify(request, shared) {
        Ok(caller) => {
            observation.caller = caller.name().map(str::to_owned);
            Ok(permit)
        }
        Err(problem) => {
            // The permit is for those who may ask; a refusal can take a while.
            drop(permit);
            Err(shared.access.failures.hold_back(problem).await)
        }
    }
}

fn identify<'a>(request: &HttpRequest, shared: &'a Shared) -> Result<Caller<'a>, Problem> {
    let caller = shared.access.identify(request)?;
    match caller {
        Caller::Key(_) | Caller::Certificate => {}
        Caller::Anybody => {
            shared.access.check_page(request)?;
            // A page can have any other type sent without being asked, and none, but not this one.
            request_body::require_json(request.headers())?;
        }
    }
    Ok(caller)
}
