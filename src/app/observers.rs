//! Who is told of requests that are over: the log, the metrics, the last requests, the traces.

use std::sync::Arc;

use super::{StartError, changes};
use crate::model::record::observer::{Observer, Observers};
use crate::settings::Settings;
use crate::telemetry::large_replies::LargeReplies;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::recent::Recent;
use crate::telemetry::request_log::RequestLog;
use crate::telemetry::traces::Traces;

/// Who is told of requests that are over.
pub(super) struct Telemetry {
    pub(super) metrics: Arc<Metrics>,
    pub(super) recent: Arc<Recent>,
    pub(super) traces: Option<Arc<Traces>>,
}

impl Telemetry {
    /// Starts what the settings say of it.
    ///
    /// # Errors
    /// Traces that cannot be sent as configured.
    pub(super) fn start(settings: &Settings) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::try_new()?);
        // From the start, so that the first change of each part can be seen as one.
        for part in changes::PARTS {
            metrics.count_changes(part, 0);
        }
        let scheme = if settings.server.tls.is_some() { "https" } else { "http" };
        let traces = settings.traces.as_ref().map(|export| Traces::start(export, scheme));
        let traces = traces.transpose()?.map(Arc::new);
        Ok(Self { metrics, recent: Arc::default(), traces })
    }

    /// All of them as one.
    pub(super) fn observer(&self) -> Arc<dyn Observer> {
        let mut all: Vec<Arc<dyn Observer>> = vec![
            Arc::new(RequestLog),
            Arc::new(LargeReplies::default()),
            Arc::clone(&self.metrics) as _,
            Arc::clone(&self.recent) as _,
        ];
        all.extend(self.traces.iter().map(|traces| Arc::clone(traces) as _));
        Arc::new(Observers(all))
    }
}
