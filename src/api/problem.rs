//! Failures of a request as JSON problems (RFC 9457).

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

use crate::model::inputs::InputErrors;
use crate::model::reply::outcome::{Outcome, SourceReply};

/// The media type of a problem (RFC 9457 section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";
/// Stands between a problem's own members and the aggregate in it.
const AGGREGATE_KEY: &str = ",\"aggregate\":";

/// A request that cannot be answered with an aggregate.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    members: Vec<(&'static str, Value)>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
    /// Written under `aggregate` as it is.
    aggregate: Option<Box<[u8]>>,
    close: bool,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            members: Vec::new(),
            header: None,
            aggregate: None,
            close: false,
        }
    }

    /// 400: the request is not as it should be.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 400: what is wrong with the inputs, all of it.
    pub fn inputs(errors: &InputErrors) -> Self {
        let mut problem = Self::bad_request(match errors {
            InputErrors::Invalid(_) => {
                "some inputs are missing or not as they should be".to_owned()
            }
            InputErrors::NotJson { .. }
            | InputErrors::NotAnObject { .. }
            | InputErrors::Doubled { .. }
            | InputErrors::NotWrapped { .. }
            | InputErrors::Beside => errors.to_string(),
        });
        if let InputErrors::Invalid(list) = errors {
            let list = list.iter().map(|one| json!({"input": one.input, "problem": one.problem}));
            problem.members.push(("errors", list.collect()));
        }
        problem
    }

    /// 400: the caller ended its side of the connection while its request was under way.
    pub fn caller_gone() -> Self {
        let detail = "the connection's sending side was ended before the reply was ready, \
                      which gives the request up; keep it open until then";
        let mut problem = Self::bad_request(detail);
        problem.close = true;
        problem
    }

    /// 401: no key, or none that is known.
    pub fn unauthorized() -> Self {
        let detail = "send a known API key as `Authorization: Bearer <key>` or `X-API-Key: <key>`";
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, detail);
        problem.header = Some(Box::new((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))));
        problem.close = true;
        problem
    }

    /// 400: two different keys, of which nobody knows which one counts.
    pub fn two_credentials() -> Self {
        let detail = "two different keys came along; send one, as `Authorization: Bearer <key>` \
                      or as `X-API-Key: <key>`";
        let mut problem = Self::bad_request(detail);
        problem.close = true;
        problem
    }

    /// 403: nobody may ask here of whom nothing is known; `why` says what is to be done.
    pub fn unidentified(why: &'static str) -> Self {
        let mut problem = Self::new(StatusCode::FORBIDDEN, why);
        problem.close = true;
        problem
    }

    /// 400: `Host` names no host, or there are two.
    pub fn no_host() -> Self {
        let detail = "the request's `Host` is not one host, with or without a port";
        let mut problem = Self::new(StatusCode::BAD_REQUEST, detail);
        problem.close = true;
        problem
    }

    /// 421: the request is for another host; `key` is where the configuration has this one's names.
    pub fn misdirected(key: &'static str) -> Self {
        let detail = format!(
            "the request's host (`Host`) is not one of this service: it may be an address, \
             localhost, or a name in `{key}` of the configuration"
        );
        let mut problem = Self::new(StatusCode::MISDIRECTED_REQUEST, detail);
        problem.close = true;
        problem
    }

    /// Whether it is a refusal of an unknown key.
    pub fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// 404: no such route.
    pub fn no_route(path: &str, routes: &[String]) -> Self {
        let detail = if path.len() > 1 && path.ends_with('/') {
            "there is nothing under this path: no route ends in a slash"
        } else if path.contains("//") {
            "there is nothing under this path: no route has an empty segment (`//`)"
        } else {
            "there is nothing under this path"
        };
        let mut problem = Self::new(StatusCode::NOT_FOUND, detail);
        problem.members.push(("routes", json!(routes)));
        problem
    }

    /// 404: no such action.
    pub fn unknown_action<'a>(known: impl Iterator<Item = &'a str>) -> Self {
        let mut problem = Self::new(StatusCode::NOT_FOUND, "there is no action of this name");
        problem.members.push(("known_actions", known.collect()));
        problem
    }

    /// 403: a page of another site made a browser send it.
    pub fn other_site() -> Self {
        let detail = "a browser sent this for a web page of another site, which may neither ask \
                      nor change nor follow anything here";
        let mut problem = Self::new(StatusCode::FORBIDDEN, detail);
        problem.close = true;
        problem
    }

    /// 404: no request of this id is kept.
    pub fn unknown_request(kept: usize) -> Self {
        let detail = format!("it is not among the last {kept} requests that asked their sources");
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 422: the configuration that was read is not put in force.
    pub fn configuration_kept(problems: &[String]) -> Self {
        let detail = "the configuration has mistakes; the one in force stays";
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
        problem.members.push(("problems", json!(problems)));
        problem
    }

    /// 400: the demo has no such faults.
    pub fn faults_refused(problems: &[String]) -> Self {
        let mut problem = Self::bad_request("some faults are not known; nothing has changed");
        problem.members.push(("problems", json!(problems)));
        problem
    }

    /// 405: another method is wanted.
    pub fn method_not_allowed(allowed: &str) -> Self {
        let detail = format!("this path takes {allowed} only");
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, detail);
        let allowed = HeaderValue::from_str(allowed);
        problem.header = allowed.ok().map(|allowed| Box::new((ALLOW, allowed)));
        problem
    }

    /// 408: the body came too slowly.
    pub fn body_timeout(millis: u128) -> Self {
        let detail = format!("the body did not come within {millis} ms");
        let mut problem = Self::new(StatusCode::REQUEST_TIMEOUT, detail);
        problem.close = true;
        problem
    }

    /// 400: the body has no end where it should have one.
    pub fn body_broken(detail: &str) -> Self {
        let mut problem = Self::bad_request(detail);
        problem.close = true;
        problem
    }

    /// 413: the body is too large.
    pub fn body_too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes");
        let mut problem = Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
        problem.close = true;
        problem
    }

    /// 415: the body is not said to be JSON.
    pub fn unsupported_media_type() -> Self {
        let detail = "the body must be JSON, with `Content-Type: application/json`";
        let mut problem = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
        problem.close = true;
        problem
    }

    /// 415: the body has an encoding. The header says which is taken (RFC 9110 section 12.5.3).
    pub fn unsupported_encoding() -> Self {
        let detail = "the body must be plain JSON, without a `Content-Encoding`";
        let mut problem = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
        let taken = HeaderValue::from_static("identity");
        problem.header = Some(Box::new((ACCEPT_ENCODING, taken)));
        problem.close = true;
        problem
    }

    /// 500: a fault of ours.
    pub fn internal() -> Self {
        let detail = "a fault in the service; its log has more";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// 502: an action fails by these replies of required sources; 504 if one of them timed out.
    pub fn required_failed(failed: &[&SourceReply]) -> Self {
        let timed_out = failed.iter().any(|reply| reply.outcome == Outcome::Timeout);
        let status = if timed_out { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY };
        let words =
            failed.iter().map(|reply| format!("{} ({})", reply.source, reply.outcome.as_str()));
        let words = words.collect::<Vec<_>>().join(", ");
        Self::new(status, format!("without a definite answer of a required source: {words}"))
    }

    /// The problem with the text of a whole aggregate in it, and one more header.
    #[must_use]
    pub fn with_aggregate(mut self, json: Vec<u8>, header: (HeaderName, HeaderValue)) -> Self {
        self.aggregate = Some(json.into());
        self.header = Some(Box::new(header));
        self
    }

    /// How large an aggregate may be for the problem to stay within `max_reply` bytes.
    pub fn room_for_aggregate(&self, max_reply: usize) -> usize {
        max_reply.saturating_sub(self.to_json().len() + AGGREGATE_KEY.len())
    }

    /// 503: too many requests are under way.
    pub fn overloaded(limit: usize) -> Self {
        let detail = format!("{limit} requests are under way already, the most allowed; try again");
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        problem.header = Some(Box::new((RETRY_AFTER, HeaderValue::from_static("1"))));
        problem.close = true;
        problem
    }

    /// The same, without ending the connection: the request was read to its end.
    #[must_use]
    pub fn on_a_kept_connection(mut self) -> Self {
        self.close = false;
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The header that goes with the problem, if there is one.
    pub fn header(&self) -> Option<&(HeaderName, HeaderValue)> {
        self.header.as_deref()
    }

    /// The problem's JSON text.
    pub fn to_json(&self) -> String {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut object = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(object) = object.as_object_mut() {
            let members = self.members.iter().cloned();
            object.extend(members.map(|(name, value)| (name.to_owned(), value)));
        }
        let mut text = object.to_string();
        if let Some(aggregate) = &self.aggregate {
            text.pop();
            text.push_str(AGGREGATE_KEY);
            text.push_str(&String::from_utf8_lossy(aggregate));
            text.push('}');
        }
        text
    }

    /// The problem as a reply.
    pub fn into_response(self) -> HttpResponse {
        let mut builder = HttpResponseBuilder::new(self.status);
        builder.insert_header((CONTENT_TYPE, PROBLEM_JSON));
        if let Some((name, value)) = self.header() {
            builder.insert_header((name.clone(), value.clone()));
        }
        if self.close {
            // The rest of the body is not read: the connection cannot be used again.
            builder.force_close();
        }
        builder.body(self.to_json())
    }
}
