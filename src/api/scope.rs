//! One request from its head to its record: the steps that the routes share.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::api::access::callers::Caller;
use crate::api::admission::Permit;
use crate::api::observation::Observation;
use crate::api::problem::Problem;
use crate::api::snapshot::{Shared, Snapshot, Worker};
use crate::api::{request_body, request_context};
use crate::clock;
use crate::model::action::action_spec::ActionSpec;

/// One request, and what it is served with.
pub struct RequestScope<'a> {
    pub request: &'a HttpRequest,
    /// Its id, the same in its reply, in the log and for the sources.
    pub id: HeaderValue,
    /// The same from its head to its end, whatever is reloaded meanwhile.
    pub snapshot: Rc<Snapshot>,
    /// When it arrived.
    pub started: Instant,
}

impl<'a> RequestScope<'a> {
    pub fn begin(request: &'a HttpRequest, worker: &Worker) -> Self {
        let started = clock::now();
        let id = request_context::id_of(request);
        Self { request, id, snapshot: worker.snapshot(), started }
    }

    /// What one configuration says, for all workers.
    pub fn shared(&self) -> &Shared {
        &self.snapshot.shared
    }

    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// Begins the record of a request to this route.
    pub fn observe(&self, route: &'static str) -> Observation<'_> {
        let observer = &*self.shared().observer;
        let mut observation = Observation::begin(observer, route, &self.id, self.started);
        observation.peer = request_context::peer(self.request);
        observation
    }

    /// Begins the record of a request for an action, which belongs to a trace.
    pub fn observe_action(&self, route: &'static str) -> Observation<'_> {
        let mut observation = self.observe(route);
        observation.trace = request_context::trace(self.headers(), self.shared().sample_ratio);
        observation
    }

    /// Lets a request for an action in, and notes who asks.
    ///
    /// # Errors
    /// 503 while too many are under way; what
    /// [`Access::identify`](crate::api::access::callers::Access::identify) says, the refusal of an
    /// unknown key later if there are many; 421, 403 or 415 for what a web page can have sent, where
    /// callers are asked for neither key nor certificate.
    pub async fn admit(
        &self,
        payload: &mut Payload,
        observation: &mut Observation<'_>,
    ) -> Result<Permit, Problem> {
        let shared = self.shared();
        let permit = match shared.admission.acquire() {
            Ok(permit) => permit,
            Err(problem) => {
                let (headers, limits) = (self.headers(), shared.body_limits);
                return Err(request_body::turned_away(problem, headers, payload, limits).await);
            }
        };
        match self.identify() {
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

    fn identify(&self) -> Result<Caller<'_>, Problem> {
        let access = &self.shared().access;
        let caller = access.identify(self.request)?;
        match caller {
            Caller::Key(_) | Caller::Certificate => {}
            Caller::Anybody => {
                access.check_page(self.request)?;
                // A page can have any other type sent without being asked, and none, but not this one.
                request_body::require_json(self.headers())?;
            }
        }
        Ok(caller)
    }

    /// The action of this name, which is noted.
    ///
    /// # Errors
    /// 404 with the names of those that there are.
    pub fn action(
        &self,
        name: Option<&str>,
        observation: &mut Observation<'_>,
    ) -> Result<&Arc<ActionSpec>, Problem> {
        let shared = self.shared();
        let action = name.and_then(|name| shared.action(name));
        let action = action.ok_or_else(|| Problem::unknown_action(shared.action_names()))?;
        observation.action = Some(action.id.clone());
        Ok(action)
    }

    /// The whole body.
    ///
    /// # Errors
    /// What [`request_body::read`] says.
    pub async fn body(&self, payload: Payload) -> Result<Bytes, Problem> {
        request_body::read(self.headers(), payload, self.shared().body_limits, self.started).await
    }
}

/// The request is answered with this status, which an envelope may carry, and this response.
pub fn finish(observation: Observation<'_>, status: StatusCode, response: &HttpResponse) {
    let reply_bytes = match response.body().size() {
        BodySize::Sized(length) => usize::try_from(length).unwrap_or(usize::MAX),
        BodySize::None | BodySize::Stream => 0,
    };
    observation.finish(status.as_u16(), reply_bytes);
}
