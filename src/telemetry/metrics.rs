//! What is measured, in the text format of Prometheus.
//!
//! Counters and histograms are fed from the record of each request that is over; gauges are set
//! when somebody asks. No label has a text of a caller: an action that there is not is `none`.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::domain::circuit::Circuit;
use crate::domain::failure::FailureKind;
use crate::domain::gauges::{Exposition, Gauges, OutcomeCount};
use crate::domain::ids::Id;
use crate::domain::observer::Observer;
use crate::domain::outcome::Outcome;
use crate::domain::record::{CALLER_GONE, RequestRecord, SourceRecord};
use crate::domain::trace::SpanKind;

use super::config_metrics::ConfigMetrics;
use super::large_replies::LARGE_REPLY;

/// Upper bounds of the histograms, seconds: from a cache's answer to the longest deadline in use.
const BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// The label of a request that named no action that there is.
const NO_ACTION: &str = "none";

/// Everything that is measured in one process.
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    aggregates: IntCounterVec,
    large_replies: IntCounterVec,
    wrong_types: IntCounterVec,
    sources: HistogramVec,
    attempts: IntCounterVec,
    retries: IntCounterVec,
    rate_limit_waits: HistogramVec,
    in_flight: IntGaugeVec,
    breakers: IntGaugeVec,
    token_expiry: GaugeVec,
    token_refreshes: IntCounterVec,
    restarts: IntCounterVec,
    config: ConfigMetrics,
    config_changes: IntCounterVec,
    /// Held while the gauges are set and read, so that two who ask at once do not mix.
    exposing: Mutex<()>,
}

impl Metrics {
    /// Metrics that count from zero.
    ///
    /// # Errors
    /// Never in practice: that of a name that is no metric's, or is there twice.
    pub fn try_new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let build = Gauge::with_opts(
            Opts::new("tributary_build_info", "The version of the program; always 1.")
                .const_label("version", env!("CARGO_PKG_VERSION")),
        )?;
        build.set(1.0);
        registry.register(Box::new(build))?;
        let histogram = |name: &str, help: &str, labels: &[&str]| {
            let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
            registered(&registry, HistogramVec::new(options, labels)?)
        };
        let counter = |name: &str, help: &str, labels: &[&str]| {
            registered(&registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            registered(&registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
        };
        let token_expiry = Opts::new(
            "tributary_token_expires_in_seconds",
            "How long the credential's token is still valid; 0 without one.",
        );
        Ok(Self {
            requests: histogram(
                "http_server_request_duration_seconds",
                "From a request's head to its reply; 499 is a caller that went away.",
                &["action", "status"],
            )?,
            aggregates: counter(
                "tributary_aggregates_total",
                "Aggregates by completeness: complete or partial.",
                &["action", "completeness"],
            )?,
            large_replies: counter(
                "tributary_large_replies_total",
                "Replies above 256 KiB, more than Genesys Cloud advises.",
                &["action"],
            )?,
            wrong_types: counter(
                "tributary_field_wrong_type_total",
                "Fields of flat replies for which a value of another type came.",
                &["action", "field"],
            )?,
            sources: histogram(
                "tributary_source_duration_seconds",
                "From a request's arrival to a source's answer, by what became of it.",
                &["source", "outcome"],
            )?,
            attempts: counter(
                "tributary_source_attempts_total",
                "HTTP requests to the upstream, by what came of them.",
                &["source", "result"],
            )?,
            retries: counter(
                "tributary_source_retries_total",
                "Attempts that repeat a failed one, by why that one failed.",
                &["source", "reason"],
            )?,
            rate_limit_waits: histogram(
                "tributary_rate_limit_wait_seconds",
                "Waits for a permit of the rate limiter, those without a wait left out.",
                &["source"],
            )?,
            in_flight: gauge(
                "tributary_source_in_flight",
                "Calls to the source that are under way.",
                &["source"],
            )?,
            breakers: gauge(
                "tributary_breaker_state",
                "The circuit breaker: 0 closed, 1 half-open, 2 open.",
                &["source"],
            )?,
            token_expiry: registered(&registry, GaugeVec::new(token_expiry, &["credential"])?)?,
            token_refreshes: counter(
                "tributary_token_refreshes_total",
                "Token requests: ok or failed.",
                &["credential", "result"],
            )?,
            restarts: counter(
                "tributary_actor_restarts_total",
                "Actors that were started again after a panic.",
                &["actor"],
            )?,
            config: ConfigMetrics::try_new(&registry)?,
            config_changes: counter(
                "tributary_config_changes_total",
                "Changes of the configuration by reloads, by the part that changed.",
                &["part"],
            )?,
            registry,
            exposing: Mutex::new(()),
        })
    }

    /// Counts changes of this part of the configuration.
    pub fn count_changes(&self, part: &str, changes: u64) {
        self.config_changes.with_label_values(&[part]).inc_by(changes);
    }

    /// Counts what a source came to, unless its caller went away before: that says nothing of it.
    fn count_outcome(&self, record: &SourceRecord, status: u16) {
        if status == CALLER_GONE && record.outcome == Outcome::Skipped {
            return;
        }
        let labels = [record.source.as_str(), record.outcome.as_str()];
        self.sources.with_label_values(&labels).observe(record.latency.as_secs_f64());
    }

    /// Counts what a source's time was spent on, whatever became of it.
    fn count_attempts(&self, record: &SourceRecord) {
        let source = record.source.as_str();
        let mut failed_before = None;
        for span in &record.spans {
            match span.kind {
                SpanKind::Attempt(attempt) => {
                    let result = attempt.failure.map_or("ok", |failure| failure.facts().label);
                    self.attempts.with_label_values(&[source, result]).inc();
                    if attempt.resend > 0 {
                        let reason = failed_before
                            .map_or("unknown", |failure: FailureKind| failure.facts().label);
                        self.retries.with_label_values(&[source, reason]).inc();
                    }
                    failed_before = attempt.failure;
                }
                SpanKind::RateLimit => {
                    let waited = span.end.saturating_duration_since(span.start).as_secs_f64();
                    self.rate_limit_waits.with_label_values(&[source]).observe(waited);
                }
                SpanKind::Dependencies
                | SpanKind::Token
                | SpanKind::Connect
                | SpanKind::Backoff
                | SpanKind::Pause => {}
            }
        }
    }

    fn set(&self, gauges: &Gauges) {
        for one in &gauges.sources {
            let source = [one.source.as_str()];
            let in_flight = i64::try_from(one.in_flight).unwrap_or(i64::MAX);
            self.in_flight.with_label_values(&source).set(in_flight);
            self.breakers.with_label_values(&source).set(match one.breaker {
                Circuit::Closed => 0,
                Circuit::HalfOpen => 1,
                Circuit::Open { .. } => 2,
            });
        }
        for one in &gauges.credentials {
            let credential = one.credential.as_str();
            let expiry = self.token_expiry.with_label_values(&[credential]);
            expiry.set(one.expires_in.unwrap_or_default());
            set_to(&self.token_refreshes, &[credential, "ok"], one.received);
            set_to(&self.token_refreshes, &[credential, "failed"], one.failed);
        }
        for (actor, times) in &gauges.restarts {
            set_to(&self.restarts, &[actor], *times);
        }
        self.config.set(&gauges.config);
    }
}

impl Observer for Metrics {
    fn answered(&self, record: &Arc<RequestRecord>) {
        let action = record.action.as_ref().map_or(NO_ACTION, Id::as_str);
        let status = record.status.to_string();
        let seconds = record.latency.as_secs_f64();
        self.requests.with_label_values(&[action, status.as_str()]).observe(seconds);
        if let Some(complete) = record.complete {
            let completeness = if complete { "complete" } else { "partial" };
            self.aggregates.with_label_values(&[action, completeness]).inc();
        }
        if record.reply_bytes > LARGE_REPLY {
            self.large_replies.with_label_values(&[action]).inc();
        }
        for field in &record.wrong_types {
            self.wrong_types.with_label_values(&[action, field.as_str()]).inc();
        }
        for source in &record.sources {
            self.count_outcome(source, record.status);
            self.count_attempts(source);
        }
    }
}

impl Exposition for Metrics {
    fn expose(&self, gauges: &Gauges) -> String {
        let _one_at_a_time = self.exposing.lock().unwrap_or_else(PoisonError::into_inner);
        self.set(gauges);
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    fn outcomes(&self) -> Vec<OutcomeCount> {
        let families = self.sources.collect();
        let series = families.iter().flat_map(MetricFamily::get_metric);
        let counts = series.map(|one| {
            let label = |name: &str| {
                let label = one.get_label().iter().find(|label| label.name() == name);
                label.map(|label| label.value().to_owned()).unwrap_or_default()
            };
            let count = one.get_histogram().get_sample_count();
            OutcomeCount { source: label("source"), outcome: label("outcome"), count }
        });
        counts.collect()
    }
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// Sets a counter to what was counted elsewhere.
fn set_to(counter: &IntCounterVec, labels: &[&str], value: u64) {
    let counter = counter.with_label_values(labels);
    counter.inc_by(value.saturating_sub(counter.get()));
}
