//! What a source is asked, before and after its templates are filled in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use awc::http::header::{HeaderName, HeaderValue};
use awc::http::uri::PathAndQuery;

use crate::http::client;
use crate::model::failure::{Failure, FailureKind};
use crate::model::header::trace_context::TraceContext;
use crate::model::id::Id;
use crate::model::inputs::Inputs;
use crate::model::json::Json;
use crate::model::record::recorder::Recorder;
use crate::model::time::deadline::Deadline;

/// What goes on to the sources from the caller's request.
#[derive(Debug, Clone, Default)]
pub struct Forwarded {
    /// Header names and values, checked.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The trace, of which each attempt is a span.
    pub trace: Option<TraceContext>,
}

/// One request to one source.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// What the caller sent, checked.
    pub inputs: Arc<Inputs>,
    /// What goes on to the source from the caller's headers.
    pub forwarded: Arc<Forwarded>,
    /// The data of the sources that this one waited for; one without data is left out.
    pub sources: Vec<(Id, Json)>,
    /// When nothing was waited for any more: the request's arrival, or later if other sources' data
    /// was.
    pub ready_since: Instant,
    /// When the answer must be there.
    pub deadline: Deadline,
    /// An upstream that was given less time than this is not to blame for a timeout.
    pub min_fair_time: Duration,
    /// Where what is done is written down; it is whose who waits for the answer.
    pub recorder: Recorder,
}

/// The same, rendered: what the upstream gets, and what its limits go by.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is sent.
    pub http: client::Request,
    /// What the rate limit counts apart; absent: nothing.
    pub rate_limit_key: Option<String>,
}

/// A rendered path and query as awc wants it.
pub(super) fn target_of(text: &str) -> Result<PathAndQuery, Failure> {
    // The template escapes everything that could be wrong here, but for the length.
    PathAndQuery::try_from(text).map_err(|_| unsendable("URL"))
}

/// A part of a request that HTTP cannot carry.
pub(super) fn unsendable(part: &str) -> Failure {
    let detail = format!("the request cannot be sent: its {part} is not valid or too long");
    Failure::new(FailureKind::Unsendable, detail)
}
