//! What is measured, in the text format of Prometheus.
//!
//! Counters and histograms are fed from the record of each request that is over; gauges are set
//! when somebody asks.

mod definitions;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, Opts, Registry, TextEncoder};

use self::definitions::{CONFIG_CHANGES, Feed, METRICS, Metric, SOURCE_DURATION};
use crate::model::gauges::{Exposition, Gauges, OutcomeCount};
use crate::model::record::observer::Observer;
use crate::model::record::request_record::RequestRecord;

/// Upper bounds of the histograms, seconds: from a cache's answer to the longest deadline in use.
const BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Everything that is measured in one process.
pub struct Metrics {
    registry: Registry,
    all: Vec<(&'static Metric, Series)>,
    /// Held while the gauges are set and read, so that two who ask at once do not mix.
    exposing: Mutex<()>,
}

enum Series {
    Counter(CounterVec),
    Gauge(GaugeVec),
    Histogram(HistogramVec),
}

impl Metrics {
    /// Metrics that count from zero.
    ///
    /// # Errors
    /// Never in practice: that of a name that is no metric's, or is there twice.
    pub fn try_new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let mut all = Vec::with_capacity(METRICS.len());
        for metric in METRICS {
            let series = Series::try_new(metric)?;
            registry.register(series.collector())?;
            all.push((metric, series));
        }
        Ok(Self { registry, all, exposing: Mutex::new(()) })
    }

    /// Counts changes of this part of the configuration.
    pub fn count_changes(&self, part: &str, changes: u32) {
        if let Some(series) = self.series_of(&CONFIG_CHANGES) {
            series.put(&[part], f64::from(changes));
        }
    }

    fn series_of(&self, wanted: &Metric) -> Option<&Series> {
        let found = self.all.iter().find(|(metric, _)| metric.name == wanted.name);
        found.map(|(_, series)| series)
    }

    fn set(&self, gauges: &Gauges) {
        for (metric, series) in &self.all {
            match metric.feed {
                Feed::State(read) => {
                    // What was there before, and is no more, has no state.
                    series.forget();
                    read(gauges, &mut |labels, value| series.put(labels, value));
                }
                Feed::CountedElsewhere(read) => {
                    read(gauges, &mut |labels, count| series.raise_to(labels, count));
                }
                Feed::Records(_) | Feed::Seconds(_) | Feed::Told => {}
            }
        }
    }
}

impl Observer for Metrics {
    fn answered(&self, record: &Arc<RequestRecord>) {
        for (metric, series) in &self.all {
            match metric.feed {
                Feed::Records(read) | Feed::Seconds(read) => {
                    read(record, &mut |labels, value| series.put(labels, value));
                }
                Feed::State(_) | Feed::CountedElsewhere(_) | Feed::Told => {}
            }
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
        let Some(Series::Histogram(sources)) = self.series_of(&SOURCE_DURATION) else {
            return Vec::new();
        };
        let families = sources.collect();
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

impl Series {
    fn try_new(metric: &Metric) -> prometheus::Result<Self> {
        let (name, help, labels) = (metric.name, metric.help, metric.labels);
        Ok(match metric.feed {
            Feed::Records(_) | Feed::CountedElsewhere(_) | Feed::Told => {
                Self::Counter(CounterVec::new(Opts::new(name, help), labels)?)
            }
            Feed::State(_) => Self::Gauge(GaugeVec::new(Opts::new(name, help), labels)?),
            Feed::Seconds(_) => {
                let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
                Self::Histogram(HistogramVec::new(options, labels)?)
            }
        })
    }

    fn collector(&self) -> Box<dyn Collector> {
        match self {
            Self::Counter(counter) => Box::new(counter.clone()),
            Self::Gauge(gauge) => Box::new(gauge.clone()),
            Self::Histogram(histogram) => Box::new(histogram.clone()),
        }
    }

    /// Counts so many more, sets to this, or counts so many seconds.
    fn put(&self, labels: &[&str], value: f64) {
        match self {
            Self::Counter(counter) => counter.with_label_values(labels).inc_by(value),
            Self::Gauge(gauge) => gauge.with_label_values(labels).set(value),
            Self::Histogram(histogram) => histogram.with_label_values(labels).observe(value),
        }
    }

    /// Sets a counter to what was counted elsewhere; others stay as they are.
    fn raise_to(&self, labels: &[&str], count: f64) {
        if let Self::Counter(counter) = self {
            let counter = counter.with_label_values(labels);
            counter.inc_by((count - counter.get()).max(0.0));
        }
    }

    /// Drops every series of a gauge; what counts goes on counting.
    fn forget(&self) {
        if let Self::Gauge(gauge) = self {
            gauge.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::circuit::Circuit;
    use crate::model::failure::FailureKind;
    use crate::model::gauges::{CredentialGauge, SourceGauge};
    use crate::model::id::{Id, InputName};
    use crate::model::record::request_record::SourceRecord;
    use crate::model::record::span::{Attempt, Span, SpanKind};
    use crate::model::reply::outcome::Outcome;
    use crate::model::time::test_clock::{ms, start};

    /// A request in which everything happened that is counted.
    fn everything() -> RequestRecord {
        let failed = Attempt::sample(1, 0, Some(503), Some(FailureKind::ServerError));
        let repeated = Attempt::sample(2, 1, Some(200), None);
        let spans = [SpanKind::RateLimit, SpanKind::Attempt(failed), SpanKind::Attempt(repeated)];
        let spans = spans.map(|kind| Span { kind, start: start(), end: start() + ms(5) });
        let source = SourceRecord::sample("crm", Outcome::Ok, 15, spans.to_vec());
        let mut record = RequestRecord::sample(start(), 3000, 16, vec![source]);
        record.reply_bytes = 1_000_000;
        record.wrong_types = vec![InputName::try_new("tier").expect("a name")];
        record
    }

    fn id(id: &str) -> Id {
        Id::try_new(id).expect("an id")
    }

    #[test]
    fn every_metric_of_the_table_has_series_with_its_own_labels() {
        let metrics = Metrics::try_new().expect("each name is a metric's, and there once");
        metrics.answered(&Arc::new(everything()));
        metrics.count_changes("server", 1);
        let gauges = Gauges {
            sources: vec![SourceGauge {
                source: id("crm"),
                in_flight: 3,
                breaker: Circuit::HalfOpen,
            }],
            credentials: vec![CredentialGauge {
                credential: id("crm"),
                expires_in: None,
                received: 2,
                failed: 1,
            }],
            restarts: vec![("coordinator".to_owned(), 1)],
            silent: vec![("coordinator".to_owned(), 1)],
            ..Gauges::default()
        };
        let text = metrics.expose(&gauges);
        for metric in METRICS {
            let series = text.lines().find(|line| line.starts_with(metric.name));
            let series = series.unwrap_or_else(|| panic!("{} has no series", metric.name));
            assert!(metric.labels.iter().all(|label| series.contains(&format!("{label}=\""))));
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
        for series in [
            r#"tributary_source_attempts_total{result="upstream_error",source="crm"} 1"#,
            r#"tributary_source_retries_total{reason="upstream_error",source="crm"} 1"#,
            r#"tributary_breaker_state{source="crm"} 1"#,
            r#"tributary_token_refreshes_total{credential="crm",result="ok"} 2"#,
        ] {
            assert!(text.lines().any(|line| line == series), "{series} is not in {text}");
        }
    }

    #[test]
    fn a_source_that_is_gone_has_no_state_and_what_counts_goes_on() {
        let metrics = Metrics::try_new().expect("each name is a metric's, and there once");
        let mut gauges = Gauges {
            sources: vec![SourceGauge {
                source: id("crm"),
                in_flight: 1,
                breaker: Circuit::Closed,
            }],
            restarts: vec![("source crm".to_owned(), 2)],
            ..Gauges::default()
        };
        assert!(metrics.expose(&gauges).contains("tributary_source_in_flight{source=\"crm\"} 1"));
        gauges = Gauges::default();
        let text = metrics.expose(&gauges);
        assert!(!text.contains("tributary_source_in_flight{"), "{text}");
        assert!(text.contains("tributary_actor_restarts_total{actor=\"source crm\"} 2"), "{text}");
    }
}
