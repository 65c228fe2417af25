//! `GET /v1/live`: what the console shows, as server-sent events (HTML standard, section 9.2).
//!
//! An event each [`TICK`], its data one line of JSON; `requests` are those that ended since the last
//! event, the oldest first, in the first event all that are kept:
//!
//! ```text
//! {"version": "0.1.0", "at_ms": 1764067000000, "readiness": {…}, "sources": […],
//!  "credentials": […], "outcomes": [{"source": "crm", "outcome": "ok", "count": 12}],
//!  "faults": null, "requests": […]}
//! ```
//!
//! `readiness`, `sources`, `credentials`, `faults` and `requests` are what `/readyz`, `/v1/sources`,
//! `/v1/credentials`, `/v1/demo/faults` (in the demo) and `/v1/requests` say; `outcomes` count from
//! the start. The last event of a viewer whose place another one got:
//!
//! ```text
//! retry: 30000
//! event: displaced
//! data: {"reason": "…"}
//! ```

use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use serde_json::{Value, json};

use super::viewers::{MOST_VIEWERS, Place};
use super::{AdminState, faults, problem, requests, snapshots};
use crate::api::access::same_site;
use crate::api::admin::liveness;
use crate::clock;

/// The time between two events: short enough to look live, long enough to cost nothing.
const TICK: Duration = Duration::from_millis(500);

/// How long a browser waits until it follows again, when another viewer got its place: two who take
/// turns would show nothing but that.
const DISPLACED_FOR: Duration = Duration::from_secs(30);

/// One who follows.
struct Viewer {
    /// Tells who it is: the keys may change while it follows.
    request: HttpRequest,
    state: web::Data<AdminState>,
    /// The last request that was sent; absent before the first event.
    seen: Option<u64>,
    place: Place,
}

/// Handles the route. The stream ends with the connection, with the service, or when a reload leaves
/// nothing that lets the viewer in.
pub(super) async fn live(request: HttpRequest, state: web::Data<AdminState>) -> HttpResponse {
    // A stream of an endless length is nothing to let any page on this machine open.
    if let Err(refusal) = same_site::check(&request) {
        return problem(&request, refusal);
    }
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "text/event-stream"));
    if request.method() == Method::HEAD {
        // The HTTP layer would wait for the end of a stream of which it sends nothing.
        return response.body(actix_web::body::None::new());
    }
    let place = state.viewers.enter();
    let viewer = Viewer { request, state, seen: None, place };
    let events = stream::unfold(Some(viewer), |viewer| async move {
        let mut viewer = viewer?;
        if viewer.seen.is_some() {
            let next = clock::now() + TICK;
            if clock::until(next, viewer.place.given_away()).await.is_some() {
                return Some((Ok::<Bytes, Infallible>(displaced()), None));
            }
            if !viewer.may_still_follow() {
                return None;
            }
        }
        let event = viewer.next_event();
        Some((Ok(event), Some(viewer)))
    });
    response.streaming(events)
}

impl Viewer {
    /// Whether the configuration in force would let it in. One that it would not learns why when it
    /// comes back.
    fn may_still_follow(&self) -> bool {
        let access = &self.state.view.load().access;
        access.check_host(&self.request).is_ok() && access.identify(&self.request).is_ok()
    }

    fn next_event(&mut self) -> Bytes {
        let newer = self.state.recent.after(self.seen.unwrap_or_default());
        let newest = newer.last().map(|kept| kept.number);
        self.seen = newest.or(self.seen).or(Some(0));
        let newer: Vec<Value> = newer.iter().map(requests::as_json).collect();
        Bytes::from(format!("data: {}\n\n", state(&self.state, &newer)))
    }
}

/// Tells a viewer that another one has its place; whoever comes back by itself is to take its time.
fn displaced() -> Bytes {
    let reason = format!("{MOST_VIEWERS} others, who came later, follow the service");
    let wait = DISPLACED_FOR.as_millis();
    let data = json!({"reason": reason});
    Bytes::from(format!("retry: {wait}\nevent: displaced\ndata: {data}\n\n"))
}

fn state(state: &AdminState, requests: &[Value]) -> Value {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let outcomes = state
        .metrics
        .outcomes()
        .into_iter()
        .map(|one| json!({"source": one.source, "outcome": one.outcome, "count": one.count}));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "at_ms": u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        "readiness": liveness::readiness(state),
        "sources": snapshots::sources_now(state),
        "credentials": snapshots::credentials_now(state),
        "outcomes": outcomes.collect::<Vec<_>>(),
        "faults": state.faults.as_deref().map(faults::state),
        "requests": requests,
    })
}
