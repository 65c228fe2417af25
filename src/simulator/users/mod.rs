//! The API of Genesys Cloud: `GET /api/v2/users/{id}`, `GET /api/v2/users/{id}/routingstatus`, and
//! the conversation details of `analytics.rs`. A user is made out of its id alone, so that one
//! customer's answer can be told from another's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::analytics;
use super::canned_reply::Reply;
use super::latency::{SplitMix64, seed_of};
use super::oauth::OauthSettings;
use super::received::{Received, percent_decoded};
use super::upstream::Answer;

const USERS: &str = "/api/v2/users/";
const CONVERSATION_DETAILS: &str = "/api/v2/analytics/conversations/details/query";
/// The length of one window of the rate limit.
const WINDOW: Duration = Duration::from_mins(1);
/// Requests a minute that Genesys Cloud allows one token.
const ALLOWED: u32 = 300;

const GIVEN_NAMES: [&str; 8] =
    ["Zoë", "José", "Łukasz", "Anna", "さくら", "Søren", "Amélie", "Nguyễn"];
const FAMILY_NAMES: [&str; 8] =
    ["Müller", "Álvarez", "Żółkiewski", "O'Connor", "北川", "Bjørnsen", "Lefèvre", "\"Ace\" Smith"];
const DEPARTMENTS: [&str; 4] = ["Vertrieb & Service", "Atención al cliente", "Billing", "Récl."];
const TITLES: [&str; 4] = ["Agent", "Senior agent", "Team lead", "Opérateur"];
const ROUTING_STATUSES: [&str; 5] =
    ["OFF_QUEUE", "IDLE", "INTERACTING", "NOT_RESPONDING", "COMMUNICATING"];

/// What is asked for.
enum Resource {
    /// The user of this id.
    User(String),
    /// Whether that user takes conversations.
    RoutingStatus(String),
    ConversationDetails,
}

/// The rate limit of the users API. Clones are handles of the same settings.
#[derive(Clone)]
pub struct UsersSettings {
    state: Arc<Mutex<State>>,
}

/// How many requests a minute are allowed, and whether those above are refused.
struct RateLimit {
    allowed: u32,
    is_enforced: bool,
}

struct State {
    limit: RateLimit,
    /// Requests counted in this window.
    count: u32,
    window_began: Instant,
    random: SplitMix64,
}

/// What the rate limit headers say.
struct Budget {
    count: u32,
    allowed: u32,
    /// Whole seconds until the count starts again at 0.
    reset: u64,
    is_exceeded: bool,
}

impl UsersSettings {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                limit: RateLimit { allowed: ALLOWED, is_enforced: false },
                count: 0,
                window_began: Instant::now(),
                random: SplitMix64::new(seed.rotate_left(32)),
            })),
        }
    }

    /// Begins a new minute, in which so many requests are allowed, all tokens together. Those above
    /// are refused with 429.
    pub fn enforce_rate_limit(&self, allowed: u32) {
        self.set_rate_limit(RateLimit { allowed, is_enforced: true });
    }

    /// The same, but those above are counted only: headers tell the limit, and nothing is refused. So
    /// it is at first, with 300.
    pub fn announce_rate_limit(&self, allowed: u32) {
        self.set_rate_limit(RateLimit { allowed, is_enforced: false });
    }

    fn set_rate_limit(&self, limit: RateLimit) {
        let mut state = self.state();
        state.limit = limit;
        state.count = 0;
        state.window_began = Instant::now();
    }

    /// Counts one request.
    fn spend(&self, now: Instant) -> Budget {
        let mut state = self.state();
        let mut age = now.saturating_duration_since(state.window_began);
        if age >= WINDOW {
            state.window_began = now;
            state.count = 0;
            age = Duration::ZERO;
        }
        state.count = state.count.saturating_add(1);
        Budget {
            count: state.count,
            allowed: state.limit.allowed,
            reset: WINDOW.saturating_sub(age).as_secs().max(1),
            is_exceeded: state.limit.is_enforced && state.count > state.limit.allowed,
        }
    }

    /// The id that the request came with, else a new one.
    fn correlation_id(&self, request: &Received) -> String {
        match request.header("inin-correlation-id") {
            Some(id) if !id.is_empty() => id.to_owned(),
            Some(_) | None => self.state().random.next_uuid(),
        }
    }

    // Nothing panics while it holds the lock: a poisoned one is still sound.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for UsersSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let allowed = self.state().limit.allowed;
        formatter.debug_struct("UsersSettings").field("allowed", &allowed).finish_non_exhaustive()
    }
}

/// What the API says.
pub(super) fn answer(settings: &UsersSettings, tokens: &OauthSettings) -> Answer {
    let settings = settings.clone();
    let tokens = tokens.clone();
    Box::new(move |request| {
        let correlation_id = settings.correlation_id(request);
        let reply = if tokens.accepts(request.authorization("bearer")) {
            let budget = settings.spend(Instant::now());
            let reply = if budget.is_exceeded {
                too_many(&budget, &correlation_id)
            } else {
                resource_or_error(request, &tokens, &correlation_id)
            };
            reply
                .with_header("inin-ratelimit-count", budget.count.to_string())
                .with_header("inin-ratelimit-allowed", budget.allowed.to_string())
                .with_header("inin-ratelimit-reset", budget.reset.to_string())
        } else {
            error(401, "bad.credentials", "Invalid login credentials.", &correlation_id)
        };
        reply.with_header("ININ-Correlation-Id", correlation_id)
    })
}

/// What the request asks for, if it may have it.
fn resource_or_error(request: &Received, tokens: &OauthSettings, correlation_id: &str) -> Reply {
    let Some(resource) = Resource::at(request.path()) else {
        return error(404, "not.found", "HTTP 404 Not Found", correlation_id);
    };
    if request.method != resource.method() {
        let problem = "HTTP 405 Method Not Allowed";
        return error(405, "method.not.allowed", problem, correlation_id);
    }
    let (area, scope) = resource.scope();
    if !tokens.has_scope(scope) {
        let problem = format!("App not authorized to use scope [{scope}, {area}]");
        return error(403, "app.not.authorized.for.scope", &problem, correlation_id);
    }
    match resource {
        Resource::User(id) | Resource::RoutingStatus(id) if id.starts_with("missing") => {
            let problem = "The requested resource was not found.";
            error(404, "general.resource.not.found", problem, correlation_id)
        }
        Resource::User(id) => Reply::json(200, &user(&id)),
        Resource::RoutingStatus(id) => Reply::json(200, &routing_status(&id)),
        Resource::ConversationDetails => match analytics::details(request.json()) {
            Ok(page) => Reply::json(200, &page),
            Err(problem) => error(400, "bad.request", &problem, correlation_id),
        },
    }
}

impl Resource {
    fn at(path: &str) -> Option<Self> {
        if path == CONVERSATION_DETAILS {
            return Some(Self::ConversationDetails);
        }
        let rest = path.strip_prefix(USERS)?;
        let (id, what) = rest.split_once('/').map_or((rest, None), |(id, what)| (id, Some(what)));
        if id.is_empty() {
            return None;
        }
        let id = percent_decoded(id.as_bytes());
        match what {
            None => Some(Self::User(id)),
            Some("routingstatus") => Some(Self::RoutingStatus(id)),
            Some(_) => None,
        }
    }

    fn method(&self) -> &'static str {
        match self {
            Self::User(_) | Self::RoutingStatus(_) => "GET",
            Self::ConversationDetails => "POST",
        }
    }

    /// The scope that allows everything in its area, and the one that is needed.
    fn scope(&self) -> (&'static str, &'static str) {
        match self {
            Self::User(_) | Self::RoutingStatus(_) => ("users", "users:readonly"),
            Self::ConversationDetails => ("analytics", "analytics:readonly"),
        }
    }
}

fn too_many(budget: &Budget, correlation_id: &str) -> Reply {
    let problem =
        format!("Rate limit exceeded the maximum. Retry the request in [{}] seconds", budget.reset);
    error(429, "too.many.requests.retry.after", &problem, correlation_id)
        .with_header("retry-after", budget.reset.to_string())
}

/// The error body of Genesys Cloud.
fn error(status: u16, code: &str, message: &str, correlation_id: &str) -> Reply {
    let body = json!({
        "message": message,
        "code": code,
        "status": status,
        "messageParams": {},
        "contextId": correlation_id,
        "details": [],
        "errors": [],
    });
    Reply::json(status, &body)
}

/// The routing status of the user of this id: always the same one.
fn routing_status(id: &str) -> Value {
    let status = SplitMix64::new(!seed_of(id)).pick(&ROUTING_STATUSES);
    json!({ "userId": id, "status": status, "startTime": "2026-03-01T07:58:12.345Z" })
}

/// The user of this id: always the same one.
fn user(id: &str) -> Value {
    let mut random = SplitMix64::new(seed_of(id));
    let given = random.pick(&GIVEN_NAMES);
    let family = random.pick(&FAMILY_NAMES);
    let email = format!("agent.{:08x}@beispiel-übung.example", seed_of(id) >> 32);
    let phone = format!("+49 30 {:07}", random.next_u64() % 10_000_000);
    let division = random.next_uuid();
    let manager = random.next_uuid();
    let location = random.next_uuid();
    let image = random.next_uuid();
    let image = format!("https://images.example/directory/{image}");
    json!({
        "id": id,
        "name": format!("{given} {family}"),
        "division": {
            "id": division,
            "name": "",
            "selfUri": format!("/api/v2/authorization/divisions/{division}"),
        },
        "chat": { "jabberId": format!("{:024x}@beispiel.orgspan.example", random.next_u64()) },
        "department": random.pick(&DEPARTMENTS),
        "email": email,
        "primaryContactInfo": [
            { "address": email, "mediaType": "EMAIL", "type": "PRIMARY" },
            { "address": phone, "mediaType": "PHONE", "type": "PRIMARY", "extension": null },
        ],
        "addresses": [
            {
                "address": phone, "display": phone, "mediaType": "PHONE", "type": "WORK2",
                "countryCode": "DE",
            },
        ],
        "state": "active",
        "title": random.pick(&TITLES),
        "username": email,
        "manager": { "id": manager, "selfUri": format!("/api/v2/users/{manager}") },
        "images": [
            { "resolution": "x48", "imageUri": format!("{image}/48.jpg") },
            { "resolution": "x96", "imageUri": format!("{image}/96.jpg") },
        ],
        "version": random.next_u64() % 200,
        "certifications": [],
        "biography": null,
        "preferredName": null,
        "locations": [
            {
                "id": random.next_uuid(), "floorplanId": null, "coordinates": {}, "notes": "",
                "locationDefinition": {
                    "id": location, "selfUri": format!("/api/v2/locations/{location}"),
                },
            },
        ],
        "groups": [],
        "skills": [],
        "acdAutoAnswer": random.next_u64().is_multiple_of(2),
        "dateLastLogin": "2025-03-30T01:59:59.999Z",
        "selfUri": format!("/api/v2/users/{id}"),
    })
}

#[cfg(test)]
mod tests;
