//! One log line for each request that was answered, at level debug.

use std::fmt;
use std::sync::Arc;

use super::recent::Recent;
use crate::domain::observer::{Answered, Observer};
use crate::domain::outcome::SourceReply;

/// Logs each request, then keeps it among the last ones.
#[derive(Debug)]
pub struct RequestLog {
    recent: Arc<Recent>,
}

impl RequestLog {
    /// A log in front of `recent`.
    pub fn new(recent: Arc<Recent>) -> Self {
        Self { recent }
    }
}

impl Observer for RequestLog {
    fn answered(&self, answered: Answered<'_>) {
        tracing::debug!(
            request_id = answered.request_id,
            action = %answered.action,
            complete = answered.aggregate.is_complete(),
            latency_ms = answered.aggregate.latency.as_millis(),
            sources = %Sources(&answered.aggregate.replies),
            "answered"
        );
        self.recent.answered(answered);
    }
}

/// Each source's outcome and duration: `genesys=ok/41ms crm=timeout/800ms`.
struct Sources<'a>(&'a [SourceReply]);

impl fmt::Display for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reply) in self.0.iter().enumerate() {
            let separator = if index > 0 { " " } else { "" };
            let (outcome, millis) = (reply.outcome.as_str(), reply.latency.as_millis());
            write!(f, "{separator}{}={outcome}/{millis}ms", reply.source)?;
        }
        Ok(())
    }
}
