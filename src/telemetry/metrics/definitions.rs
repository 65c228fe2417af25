//! Every metric, once: its name, what it says, its labels, and where its numbers come from.
//!
//! A new one is a row here. The documents' table, the dashboard and the alerts are compared with
//! what the service shows.

use crate::model::circuit::Circuit;
use crate::model::gauges::Gauges;
use crate::model::id::Id;
use crate::model::record::request_record::{CALLER_GONE, RequestRecord, SourceRecord};
use crate::model::record::span::{Attempt, Span, SpanKind};
use crate::model::reply::outcome::Outcome;
use crate::telemetry::large_replies::LARGE_REPLY;

/// The label of a request that named no action that there is.
const NO_ACTION: &str = "none";

pub(super) struct Metric {
    /// Its name, with its unit (Prometheus' conventions).
    pub name: &'static str,
    /// What its numbers say.
    pub help: &'static str,
    /// The names of its labels; no value is a text of a caller.
    pub labels: &'static [&'static str],
    /// Where its numbers come from.
    pub feed: Feed,
}

/// Takes a number for the series with these label values.
pub(super) type Put<'a> = &'a mut dyn FnMut(&[&str], f64);

/// Where a metric's numbers come from.
#[derive(Clone, Copy)]
pub(super) enum Feed {
    /// A counter of what is in the records of requests that are over.
    Records(fn(&RequestRecord, Put<'_>)),
    /// A histogram of seconds that are in the records of requests that are over.
    Seconds(fn(&RequestRecord, Put<'_>)),
    /// A gauge, set when somebody looks.
    State(fn(&Gauges, Put<'_>)),
    /// A counter that somebody else keeps.
    CountedElsewhere(fn(&Gauges, Put<'_>)),
    /// A counter, told by whoever does it.
    Told,
}

/// From a request's arrival to a source's answer; its counts are the counts of outcomes.
pub(super) static SOURCE_DURATION: Metric = Metric {
    name: "tributary_source_duration_seconds",
    help: "From a request's arrival to a source's answer, by what became of it.",
    labels: &["source", "outcome"],
    feed: Feed::Seconds(|record, put| {
        for source in record.sources.iter().filter(|source| has_come_to_something(source, record)) {
            let labels = [source.source.as_str(), source.outcome.as_str()];
            put(&labels, source.latency.as_secs_f64());
        }
    }),
};

/// What reloads changed.
pub(super) static CONFIG_CHANGES: Metric = Metric {
    name: "tributary_config_changes_total",
    help: "Changes of the configuration by reloads, by the part that changed.",
    labels: &["part"],
    feed: Feed::Told,
};

pub(super) static METRICS: [&Metric; 19] = [
    &Metric {
        name: "http_server_request_duration_seconds",
        help: "From a request's head to its reply; 499 is a caller that went away.",
        labels: &["action", "status"],
        feed: Feed::Seconds(|record, put| {
            put(&[action(record), &record.status.to_string()], record.latency.as_secs_f64());
        }),
    },
    &Metric {
        name: "tributary_aggregates_total",
        help: "Aggregates by completeness: complete or partial.",
        labels: &["action", "completeness"],
        feed: Feed::Records(|record, put| {
            if let Some(complete) = record.complete {
                put(&[action(record), if complete { "complete" } else { "partial" }], 1.0);
            }
        }),
    },
    &Metric {
        name: "tributary_large_replies_total",
        help: "Replies above 256 KiB, more than Genesys Cloud advises.",
        labels: &["action"],
        feed: Feed::Records(|record, put| {
            if record.reply_bytes > LARGE_REPLY {
                put(&[action(record)], 1.0);
            }
        }),
    },
    &Metric {
        name: "tributary_field_wrong_type_total",
        help: "Fields of flat replies for which a value of another type came.",
        labels: &["action", "field"],
        feed: Feed::Records(|record, put| {
            for field in &record.wrong_types {
                put(&[action(record), field.as_str()], 1.0);
            }
        }),
    },
    &SOURCE_DURATION,
    &Metric {
        name: "tributary_source_attempts_total",
        help: "HTTP requests to the upstream, by what came of them.",
        labels: &["source", "result"],
        feed: Feed::Records(|record, put| {
            for source in &record.sources {
                for attempt in attempts(source) {
                    let result = attempt.failure.map_or("ok", |failure| failure.facts().label);
                    put(&[source.source.as_str(), result], 1.0);
                }
            }
        }),
    },
    &Metric {
        name: "tributary_source_retries_total",
        help: "Attempts that repeat a failed one, by why that one failed.",
        labels: &["source", "reason"],
        feed: Feed::Records(|record, put| {
            for source in &record.sources {
                let before = attempts(source).map(|attempt| attempt.failure);
                let repeats = attempts(source).skip(1).zip(before);
                for (_, failed) in repeats.filter(|(attempt, _)| attempt.resend > 0) {
                    let reason = failed.map_or("unknown", |failure| failure.facts().label);
                    put(&[source.source.as_str(), reason], 1.0);
                }
            }
        }),
    },
    &Metric {
        name: "tributary_rate_limit_wait_seconds",
        help: "Waits for a permit of the rate limiter, those without a wait left out.",
        labels: &["source"],
        feed: Feed::Seconds(|record, put| {
            for source in &record.sources {
                let waits = source.spans.iter().filter(|span| span.kind == SpanKind::RateLimit);
                for wait in waits.map(Span::length) {
                    put(&[source.source.as_str()], wait.as_secs_f64());
                }
            }
        }),
    },
    &Metric {
        name: "tributary_source_in_flight",
        help: "Calls to the source that are under way.",
        labels: &["source"],
        feed: Feed::State(|gauges, put| {
            for one in &gauges.sources {
                put(&[one.source.as_str()], float(one.in_flight));
            }
        }),
    },
    &Metric {
        name: "tributary_breaker_state",
        help: "The circuit breaker: 0 closed, 1 half-open, 2 open.",
        labels: &["source"],
        feed: Feed::State(|gauges, put| {
            for one in &gauges.sources {
                let state = match one.breaker {
                    Circuit::Closed => 0.0,
                    Circuit::HalfOpen => 1.0,
                    Circuit::Open { .. } => 2.0,
                };
                put(&[one.source.as_str()], state);
            }
        }),
    },
    &Metric {
        name: "tributary_token_expires_in_seconds",
        help: "How long the credential's token is still valid; 0 without one.",
        labels: &["credential"],
        feed: Feed::State(|gauges, put| {
            for one in &gauges.credentials {
                put(&[one.credential.as_str()], one.expires_in.unwrap_or_default());
            }
        }),
    },
    &Metric {
        name: "tributary_token_refreshes_total",
        help: "Token requests: ok or failed.",
        labels: &["credential", "result"],
        feed: Feed::CountedElsewhere(|gauges, put| {
            for one in &gauges.credentials {
                put(&[one.credential.as_str(), "ok"], count(one.received));
                put(&[one.credential.as_str(), "failed"], count(one.failed));
            }
        }),
    },
    &Metric {
        name: "tributary_actor_restarts_total",
        help: "Actors that were started again after a panic.",
        labels: &["actor"],
        feed: Feed::CountedElsewhere(|gauges, put| {
            for (actor, times) in &gauges.restarts {
                put(&[actor], count(*times));
            }
        }),
    },
    &Metric {
        name: "tributary_actors_unresponsive",
        help: "Actors that have not answered for 5 s.",
        labels: &["actor"],
        feed: Feed::State(|gauges, put| {
            for (actor, silent) in &gauges.silent {
                put(&[actor], float(*silent));
            }
        }),
    },
    &Metric {
        name: "tributary_config_last_reload_successful",
        help: "1 if the last reload put its configuration in force, 0 if not.",
        labels: &[],
        feed: Feed::State(|gauges, put| {
            put(&[], f64::from(u8::from(gauges.config.last_reload_succeeded)));
        }),
    },
    &Metric {
        name: "tributary_config_last_reload_success_timestamp_seconds",
        help: "When the configuration in force was put in force, seconds since the epoch.",
        labels: &[],
        feed: Feed::State(|gauges, put| put(&[], gauges.config.last_success)),
    },
    &Metric {
        name: "tributary_config_info",
        help: "The hash of the configuration in force, secrets left out; always 1.",
        labels: &["hash"],
        feed: Feed::State(|gauges, put| put(&[gauges.config.hash.as_str()], 1.0)),
    },
    &CONFIG_CHANGES,
    &Metric {
        name: "tributary_build_info",
        help: "The version of the program; always 1.",
        labels: &["version"],
        feed: Feed::State(|_, put| put(&[env!("CARGO_PKG_VERSION")], 1.0)),
    },
];

fn action(record: &RequestRecord) -> &str {
    record.action.as_ref().map_or(NO_ACTION, Id::as_str)
}

/// A source whose caller went away before says nothing of itself.
fn has_come_to_something(source: &SourceRecord, record: &RequestRecord) -> bool {
    record.status != CALLER_GONE || source.outcome != Outcome::Skipped
}

fn attempts(source: &SourceRecord) -> impl Iterator<Item = Attempt> {
    source.spans.iter().filter_map(Span::attempt)
}

fn float(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// A count as Prometheus has its samples, exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "no process counts that far")]
fn count(number: u64) -> f64 {
    number as f64
}
