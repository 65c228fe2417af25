//! One log line for each request that is over, at level info.

use std::fmt;
use std::sync::Arc;

use crate::model::header::trace_context::TraceContext;
use crate::model::id::{Id, InputName};
use crate::model::record::observer::Observer;
use crate::model::record::request_record::{RequestRecord, SourceRecord};

/// What these lines are called in `RUST_LOG`.
const TARGET: &str = "tributary::request";

/// Logs each request.
#[derive(Debug, Default)]
pub struct RequestLog;

impl Observer for RequestLog {
    fn answered(&self, record: &Arc<RequestRecord>) {
        // More than 64 bits would be written as a text.
        let duration_ms = u64::try_from(record.latency.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            target: TARGET,
            request_id = record.request_id,
            trace_id = record.trace.as_ref().map(TraceId).map(tracing::field::display),
            peer = record.peer.map(tracing::field::display),
            action = record.action.as_ref().map(Id::as_str),
            caller = record.caller,
            status = record.status,
            complete = record.complete,
            duration_ms,
            sources = %Sources(&record.sources),
            wrong_types = names(&record.wrong_types).map(tracing::field::display),
            "request"
        );
    }
}

/// Each source's outcome and milliseconds: `genesys=ok/41 crm=timeout/800`.
///
/// One text for all of them: a log's store has one field whatever the sources are called, a person
/// reads it as it is, and it is written without a detour.
struct Sources<'a>(&'a [SourceRecord]);

impl fmt::Display for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reply) in self.0.iter().enumerate() {
            let separator = if index > 0 { " " } else { "" };
            let (outcome, millis) = (reply.outcome.as_str(), reply.latency.as_millis());
            write!(f, "{separator}{}={outcome}/{millis}", reply.source)?;
        }
        Ok(())
    }
}

/// The names of the fields, if there are any.
fn names(fields: &[InputName]) -> Option<String> {
    let names: Vec<&str> = fields.iter().map(InputName::as_str).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// A trace's id as tracing systems write it.
struct TraceId<'a>(&'a TraceContext);

impl fmt::Display for TraceId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0.trace_id)
    }
}

#[cfg(test)]
mod tests {
    use super::{RequestRecord, SourceRecord, Sources};
    use crate::model::reply::outcome::Outcome;
    use crate::model::time::test_clock::start;

    #[test]
    fn the_sources_stand_in_one_text_in_their_order() {
        let sources = vec![
            SourceRecord::sample("genesys", Outcome::Ok, 41, Vec::new()),
            SourceRecord::sample("crm", Outcome::Timeout, 800, Vec::new()),
        ];
        let record = RequestRecord::sample(start(), 3000, 801, sources);
        assert_eq!(Sources(&record.sources).to_string(), "genesys=ok/41 crm=timeout/800");
        assert_eq!(Sources(&[]).to_string(), "");
    }
}
