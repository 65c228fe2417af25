//! Follows one request from its head to its end, and tells the observer what became of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use actix_web::http::header::HeaderValue;

use crate::clock;
use crate::model::failure::{Failure, FailureKind};
use crate::model::header::trace_context::TraceContext;
use crate::model::id::{Id, InputName};
use crate::model::record::observer::Observer;
use crate::model::record::recorder::Progress;
use crate::model::record::request_record::{CALLER_GONE, RequestRecord, SourceRecord};

/// One request under way. Whoever handles it notes what becomes known; [`Self::finish`] tells the
/// observer. A request that is given up (its caller went away) is told of when this is dropped.
pub struct Observation<'a> {
    observer: &'a dyn Observer,
    route: &'static str,
    id: &'a HeaderValue,
    started: Instant,
    started_at: SystemTime,
    is_over: bool,
    /// Who sent it.
    pub peer: Option<IpAddr>,
    /// The action, once it is known that there is one.
    pub action: Option<Id>,
    /// The name of the caller's key.
    pub caller: Option<String>,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
    /// When the reply has to leave.
    pub deadline: Option<Instant>,
    /// Whether every source gave a definite answer, and every field of a flat reply has what came.
    pub complete: Option<bool>,
    /// The fields for which a value of another type came.
    pub wrong_types: Vec<InputName>,
    /// The fields that gave way to their defaults because of the reply's size.
    pub left_out: Vec<InputName>,
    /// What each source did, once there is an aggregate.
    pub sources: Vec<SourceRecord>,
    /// What the sources do meanwhile.
    pub progress: Option<Arc<Progress>>,
}

impl<'a> Observation<'a> {
    /// A request to this route that arrived at `started`.
    pub fn begin(
        observer: &'a dyn Observer,
        route: &'static str,
        id: &'a HeaderValue,
        started: Instant,
    ) -> Self {
        Self {
            observer,
            route,
            id,
            started,
            started_at: SystemTime::now(),
            is_over: false,
            peer: None,
            action: None,
            caller: None,
            trace: None,
            deadline: None,
            complete: None,
            wrong_types: Vec::new(),
            left_out: Vec::new(),
            sources: Vec::new(),
            progress: None,
        }
    }

    /// The request's id, as it is echoed.
    pub fn id(&self) -> &'a HeaderValue {
        self.id
    }

    /// The request is answered with this status and so many bytes.
    pub fn finish(mut self, status: u16, reply_bytes: usize) {
        self.tell(status, reply_bytes);
    }

    fn tell(&mut self, status: u16, reply_bytes: usize) {
        self.is_over = true;
        let now = clock::now();
        if self.sources.is_empty() {
            self.sources = self.given_up(status, now);
        }
        let record = RequestRecord {
            request_id: self.id.to_str().unwrap_or_default().to_owned(),
            action: self.action.take(),
            route: self.route,
            peer: self.peer,
            caller: self.caller.take(),
            trace: self.trace.take(),
            started: self.started,
            started_at: self.started_at,
            deadline: self.deadline,
            latency: now.saturating_duration_since(self.started),
            status,
            complete: self.complete,
            reply_bytes,
            wrong_types: std::mem::take(&mut self.wrong_types),
            left_out: std::mem::take(&mut self.left_out),
            sources: std::mem::take(&mut self.sources),
        };
        self.observer.answered(&Arc::new(record));
    }

    /// What the sources had done when it ended without an aggregate.
    fn given_up(&self, status: u16, now: Instant) -> Vec<SourceRecord> {
        let Some(progress) = &self.progress else { return Vec::new() };
        let failure = if status == CALLER_GONE {
            let detail = "not waited for: the caller went away";
            Failure::new(FailureKind::NotWaitedFor, detail)
        } else {
            Failure::internal()
        };
        progress.give_up(&failure, now)
    }
}

impl Drop for Observation<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // A panic passes here too; it is answered with 500, and its own log line says more.
            let status = if std::thread::panicking() { 500 } else { CALLER_GONE };
            self.tell(status, 0);
        }
    }
}
