//! `GET /metrics`: everything that is measured, in the text format of Prometheus.

use std::time::{Instant, UNIX_EPOCH};

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, web};

use super::AdminState;
use crate::clock;
use crate::model::gauges::{ConfigGauge, CredentialGauge, Gauges, SourceGauge};

/// The media type of the text format, version 0.0.4.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(state: web::Data<AdminState>) -> HttpResponse {
    let text = state.metrics.expose(&gauges(&state));
    HttpResponse::Ok().insert_header((CONTENT_TYPE, TEXT_FORMAT)).body(text)
}

fn gauges(state: &AdminState) -> Gauges {
    let now = clock::now();
    let view = state.view.load();
    let mut sources: Vec<SourceGauge> = Vec::new();
    for (spec, state) in &view.sources {
        let (in_flight, breaker) = (state.policies.in_flight(), state.policies.circuit(now).state);
        match sources.iter_mut().find(|known| known.source == spec.id) {
            // Another tenant's: they are one series, as bad as the worst of them.
            Some(known) => known.add(in_flight, breaker),
            None => sources.push(SourceGauge { source: spec.id.clone(), in_flight, breaker }),
        }
    }
    let credentials = view.credentials.iter().map(|credential| {
        let status = credential.status();
        let valid = status.valid(now);
        CredentialGauge {
            credential: credential.id().clone(),
            expires_in: valid.map(|token| (token.expires - now).as_secs_f64()),
            // Each token that was received is a generation of its own.
            received: status.generation,
            failed: status.failed,
        }
    });
    let reload = state.reload.status();
    let since_epoch = reload.last_success.duration_since(UNIX_EPOCH).unwrap_or_default();
    Gauges {
        sources,
        credentials: credentials.collect(),
        restarts: state.restarts.by_actor(),
        silent: silent(state, now),
        config: ConfigGauge {
            last_reload_succeeded: reload.succeeded,
            last_success: since_epoch.as_secs_f64(),
            hash: reload.config_hash,
        },
    }
}

/// How many actors of each name do not answer.
fn silent(state: &AdminState, now: Instant) -> Vec<(String, usize)> {
    let silent = state.restarts.observed().unanswered(now);
    let known = state.restarts.by_actor().into_iter();
    let count = |name: &str| silent.iter().filter(|one| &***one == name).count();
    let counted = known.map(|(name, _)| {
        let count = count(&name);
        (name, count)
    });
    counted.collect()
}
