//! Requests that the HTTP layer refuses before any route is looked for: what is replied, and that
//! they are told of like all others.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::api::listener::begun_head::BegunHead;
use crate::api::listener::phase::Phase;
use crate::api::problem::PROBLEM_JSON;
use crate::api::reply_headers::LINES;
use crate::api::request_context;
use crate::clock;
use crate::model::paths;
use crate::model::record::observer::Observer;
use crate::model::record::request_record::RequestRecord;

/// What actix-http's `http::Uri` takes, bytes.
const LONGEST_TARGET: usize = 65_534;

/// Refuses requests on one connection. Clones are of the same connection.
#[derive(Clone)]
pub struct Refusals {
    observer: Option<Arc<dyn Observer>>,
    peer: Option<IpAddr>,
    phase: Phase,
}

impl Refusals {
    /// For a connection to `peer`. The observer is told of each; absent: nobody is.
    pub fn new(observer: Option<Arc<dyn Observer>>, peer: Option<IpAddr>, phase: Phase) -> Self {
        Self { observer, peer, phase }
    }

    /// The whole reply of this status, the last one on its connection: empty if that has had its
    /// last one already. Nothing for a status by which the HTTP layer refuses nothing.
    pub(in crate::api) fn reply(&self, status: u16) -> Option<String> {
        let head = self.phase.begun_head();
        let status = head.as_ref().map_or(status, |(_, head)| true_status(status, head));
        let (title, detail) = words(status)?;
        if self.phase.is_over() {
            return Some(String::new());
        }
        let given = head.as_ref().and_then(|(_, head)| request_context::request_id_in(head.kept()));
        let id = given.unwrap_or_else(request_context::new_id);
        let id = id.to_str().unwrap_or_default();
        let body = format!(
            r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"}}"#
        );
        let length = body.len();
        // A connection on which nothing came is no request.
        if !self.phase.is_silent() {
            let began = head.map_or_else(clock::now, |(began, _)| began);
            self.tell(began, id, status, length);
        }
        self.phase.refused();
        Some(format!(
            "HTTP/1.1 {status} {title}\r\ncontent-type: {PROBLEM_JSON}\r\n{LINES}\
             content-length: {length}\r\n{}: {id}\r\nconnection: close\r\n\r\n{body}",
            request_context::REQUEST_ID
        ))
    }

    /// Whether the connection is to end with what is written so far.
    pub(in crate::api) fn ends_with_what_is_written(&self) -> bool {
        self.phase.ends_with_what_is_written()
    }

    fn tell(&self, started: Instant, id: &str, status: u16, reply_bytes: usize) {
        let Some(observer) = &self.observer else { return };
        let latency = clock::now().saturating_duration_since(started);
        let now = SystemTime::now();
        observer.answered(&Arc::new(RequestRecord {
            request_id: id.to_owned(),
            action: None,
            route: paths::NONE,
            peer: self.peer,
            caller: None,
            trace: None,
            started,
            started_at: now.checked_sub(latency).unwrap_or(now),
            deadline: None,
            latency,
            status,
            complete: None,
            reply_bytes,
            wrong_types: Vec::new(),
            left_out: Vec::new(),
            sources: Vec::new(),
        }));
    }
}

/// The status that says what is wrong: actix-http has one for all that is no request to it.
fn true_status(status: u16, head: &BegunHead) -> u16 {
    let is_too_long = status == 400 && head.target_length() > LONGEST_TARGET;
    if is_too_long { 414 } else { status }
}

/// The title and the detail of a problem of this status.
fn words(status: u16) -> Option<(&'static str, &'static str)> {
    match status {
        400 => Some(("Bad Request", "the request is not valid HTTP")),
        408 => Some(("Request Timeout", "the request's head did not come in time")),
        413 => Some(("Content Too Large", "the request is too large")),
        414 => Some(("URI Too Long", "the request's target is longer than 65534 bytes")),
        431 => Some((
            "Request Header Fields Too Large",
            "the request's head has more than 96 fields, or is larger than 128 KiB",
        )),
        501 => Some(("Not Implemented", "the request uses something that is not supported")),
        500..=599 => Some(("Internal Server Error", "a fault in the service; its log has more")),
        _ => None,
    }
}
