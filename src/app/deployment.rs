//! One configuration in force: what is made of it once for all workers.

use std::sync::Arc;

use super::StartError;
use super::credentials::{self, Credential};
use super::process::Process;
use super::sources::{self, SourceParts};
use crate::api::admin::AdminView;
use crate::api::admission::Admission;
use crate::api::request_body::BodyLimits;
use crate::api::snapshot::Shared;
use crate::app::who_may_ask;
use crate::export::openapi::{self, Service};
use crate::policy::source_spec::SourceSpec;
use crate::settings::{InEffect, KeyDigests, ServerSpec, Settings};

/// One configuration in force.
pub(super) struct Deployment {
    pub(super) server: ServerSpec,
    pub(super) credentials: Vec<Credential>,
    pub(super) sources: Vec<SourceParts>,
    pub(super) shared: Arc<Shared>,
    /// Of the settings, secrets left out.
    pub(super) config_hash: String,
    /// Whereby the next one tells what it changes.
    pub(super) keys: KeyDigests,
    /// What a reload is held against.
    pub(super) in_effect: InEffect,
}

impl Deployment {
    /// Makes ready what the settings say. Parts that are configured as `before` go on with their
    /// state: tokens, breakers, rate limits, connections.
    ///
    /// # Errors
    /// [`StartError`]: an unusable certificate or secret. Nothing has changed then.
    pub(super) fn build(
        settings: Settings,
        before: Option<&Self>,
        process: &Process,
    ) -> Result<Self, StartError> {
        let Settings {
            server,
            credentials,
            sources,
            actions,
            traces,
            config_hash,
            keys,
            in_effect,
            warnings: _,
        } = settings;
        let known = before.map_or(&[][..], |before| &before.credentials);
        let credentials =
            credentials::start(credentials, known, &process.arbiter, &process.restarts)?;
        let known = before.map_or(&[][..], |before| &before.sources);
        let sources = sources::share_sources(sources, &credentials, known)?;
        if before.is_none() {
            // A service that is in use already is not taken out of it for a new source or credential.
            for source in sources.iter().filter(|source| source.spec.policies.exchange.prewarm) {
                source.state.expect_warm_ups(server.workers);
            }
            for token in credentials.iter().filter_map(|known| known.auth.token_handle()) {
                token.await_first_token();
            }
        }
        let limit = server.max_concurrent_requests;
        let specs: Vec<SourceSpec> =
            sources.iter().map(|source| SourceSpec::clone(&source.spec)).collect();
        let document = openapi::document(Service {
            actions: &actions,
            sources: &specs,
            asks_for_key: !server.api_keys.is_empty(),
            url: None,
        });
        let shared = Shared {
            actions: actions.into_iter().map(Arc::new).collect(),
            sources: sources.iter().map(|source| Arc::clone(&source.spec)).collect(),
            default_action: server.default_action.clone(),
            access: who_may_ask::of_callers(&server, &process.callers_refused),
            openapi: document.to_string().into(),
            admission: before.map_or_else(
                || Admission::new(limit),
                |before| before.shared.admission.with_limit(limit),
            ),
            body_limits: BodyLimits { max_body: server.max_body, timeout: server.body_timeout },
            sample_ratio: traces.as_ref().map(|traces| traces.sample_ratio),
            draining: Arc::clone(&process.draining),
            observer: Arc::clone(&process.observer),
        };
        let shared = Arc::new(shared);
        Ok(Self { server, credentials, sources, shared, config_hash, keys, in_effect })
    }

    /// What operators may look at, and who may do so.
    pub(super) fn admin_view(&self, process: &Process) -> AdminView {
        let sources =
            self.sources.iter().map(|source| (Arc::clone(&source.spec), Arc::clone(&source.state)));
        let tokens = self.credentials.iter().filter_map(|known| known.auth.token_handle());
        AdminView {
            access: who_may_ask::of_operators(&self.server, &process.operators_refused),
            sources: sources.collect(),
            credentials: tokens.collect(),
        }
    }
}
