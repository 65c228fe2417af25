//! The last requests and where their time went, kept in memory for the waterfall.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::ids::Id;
use crate::domain::observer::{Answered, Observer};
use crate::domain::outcome::Outcome;
use crate::domain::trace::Span;

/// How many requests are kept.
const KEPT: usize = 200;

/// The last requests.
#[derive(Debug, Default)]
pub struct Recent {
    requests: Mutex<VecDeque<RequestRecord>>,
}

/// One request that was answered.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// The request's id, as it was echoed.
    pub request_id: String,
    /// The action.
    pub action: Id,
    /// When it arrived.
    pub started: Instant,
    /// When the reply had to leave.
    pub deadline: Instant,
    /// How long it took.
    pub latency: Duration,
    /// Its sources, in the order of the reply.
    pub sources: Vec<SourceRecord>,
}

/// What one source did in a request.
#[derive(Debug, Clone)]
pub struct SourceRecord {
    /// The source.
    pub source: Id,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took.
    pub latency: Duration,
    /// How many HTTP requests it took.
    pub attempts: u32,
    /// What the time was spent on.
    pub spans: Vec<Span>,
}

impl Recent {
    /// The request of this id, if it is among the last ones.
    pub fn find(&self, request_id: &str) -> Option<RequestRecord> {
        self.lock().iter().rev().find(|record| record.request_id == request_id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<RequestRecord>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recent {
    fn answered(&self, answered: Answered<'_>) {
        let latency = answered.aggregate.latency;
        let replies = answered.aggregate.replies.into_iter();
        let sources = replies.map(|reply| SourceRecord {
            source: reply.source,
            outcome: reply.outcome,
            latency: reply.latency,
            attempts: reply.attempts,
            spans: reply.spans,
        });
        let record = RequestRecord {
            request_id: answered.request_id.to_owned(),
            action: answered.action.clone(),
            started: answered.started,
            deadline: answered.deadline,
            latency,
            sources: sources.collect(),
        };
        let mut requests = self.lock();
        let oldest = if requests.len() == KEPT { requests.pop_front() } else { None };
        requests.push_back(record);
        drop(requests);
        // Freed outside of the lock.
        drop(oldest);
    }
}
