//! One log line for each request that is over, at level debug.

use std::fmt;
use std::sync::Arc;

use crate::domain::ids::Id;
use crate::domain::observer::Observer;
use crate::domain::record::{RequestRecord, SourceRecord};

/// Logs each request.
#[derive(Debug, Default)]
pub struct RequestLog;

impl Observer for RequestLog {
    fn answered(&self, record: &Arc<RequestRecord>) {
        tracing::debug!(
            request_id = record.request_id,
            action = record.action.as_ref().map(Id::as_str),
            caller = record.caller,
            status = record.status,
            complete = record.complete,
            latency_ms = record.latency.as_millis(),
            sources = %Sources(&record.sources),
            "answered"
        );
    }
}

/// Each source's outcome and duration: `genesys=ok/41ms crm=timeout/800ms`.
struct Sources<'a>(&'a [SourceRecord]);

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
