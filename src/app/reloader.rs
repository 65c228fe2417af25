//! Takes the configuration anew while the service runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::api::admin::AdminView;
use crate::api::admin::reload::{Kept, Reload, ReloadStatus, Reloaded};
use crate::api::listener::inbound_tls::TlsInForce;
use crate::app::blocking::in_a_thread;
use crate::app::changes::{self, Change};
use crate::app::deployment::Deployment;
use crate::app::descriptors::Descriptors;
use crate::app::process::Process;
use crate::settings::{Problems, ServerTls, Settings};
use crate::telemetry::metrics::Metrics;

/// Reads the configuration as it is now.
pub type Load = Box<dyn Fn() -> Result<Settings, Problems> + Send + Sync>;

/// Swaps the configuration in force for the one that is read anew, whole or not at all.
pub(super) struct Reloader {
    pub(super) load: Load,
    pub(super) process: Process,
    /// Other sources need another number of connections.
    pub(super) descriptors: Descriptors,
    /// The workers follow it.
    pub(super) deployments: watch::Sender<Arc<Deployment>>,
    /// The operators' routes look at it.
    pub(super) view: Arc<ArcSwap<AdminView>>,
    /// The listeners look at them for each new connection.
    pub(super) tls: Option<TlsInForce>,
    pub(super) admin_tls: Option<TlsInForce>,
    /// Count what is changed.
    pub(super) metrics: Arc<Metrics>,
    /// A second reload waits for the first.
    pub(super) one_at_a_time: Arc<tokio::sync::Mutex<()>>,
    /// How the last one went.
    pub(super) status: Mutex<ReloadStatus>,
}

impl Reload for Reloader {
    fn reload(self: Arc<Self>) -> BoxFuture<'static, Result<Reloaded, Kept>> {
        Box::pin(async move {
            let alone = Arc::clone(&self.one_at_a_time).lock_owned().await;
            let reload = in_a_thread("reload", move || {
                // Held by the thread, whether somebody waits for it or not.
                let _alone = alone;
                self.reload_now()
            });
            let kept = |error| Kept { problems: vec![format!("tributary: {error}")] };
            reload.await.map_err(|error| kept(error.to_string()))?
        })
    }

    fn status(&self) -> ReloadStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The status after a configuration was put in force just now.
pub(super) fn succeeded(config_hash: &str) -> ReloadStatus {
    ReloadStatus {
        succeeded: true,
        last_success: SystemTime::now(),
        config_hash: config_hash.to_owned(),
    }
}

impl Reloader {
    /// Takes as long as the files take.
    fn reload_now(&self) -> Result<Reloaded, Kept> {
        let result = self.replace();
        self.note(&result);
        let config_hash = &self.status().config_hash;
        match &result {
            Ok(Reloaded { changes, warnings }) if warnings.is_empty() => {
                tracing::info!(?changes, config_hash, "configuration replaced");
            }
            Ok(Reloaded { changes, warnings }) => {
                tracing::warn!(?changes, ?warnings, config_hash, "configuration replaced");
            }
            Err(kept) => {
                let problems = &kept.problems;
                tracing::error!(?problems, config_hash, "configuration kept as it was");
            }
        }
        result
    }

    /// Notes how a reload went.
    fn note(&self, result: &Result<Reloaded, Kept>) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => *status = succeeded(&self.deployments.borrow().config_hash),
            Err(_) => status.succeeded = false,
        }
    }

    fn replace(&self) -> Result<Reloaded, Kept> {
        let settings = (self.load)().map_err(|problems| Kept { problems: lines(&problems) })?;
        let warnings = settings.warnings.iter().map(ToString::to_string).collect();
        let before = Arc::clone(&self.deployments.borrow());
        let problems = settings.in_effect.needs_restart(&before.in_effect);
        if !problems.is_empty() {
            return Err(Kept { problems });
        }
        let next = Deployment::build(settings, Some(&before), &self.process);
        let next = next.map_err(|error| Kept { problems: vec![error.to_string()] })?;
        let changes = changes::between(&before, &next);
        self.descriptors.divide(&next);
        self.view.store(Arc::new(next.admin_view(&self.process)));
        put_in_force(self.tls.as_ref(), next.server.tls.as_ref());
        put_in_force(self.admin_tls.as_ref(), next.server.admin_tls.as_ref());
        self.deployments.send_replace(Arc::new(next));
        for change in &changes {
            self.metrics.count_changes(change.part, 1);
        }
        let changes = changes.iter().map(Change::to_string).collect();
        Ok(Reloaded { changes, warnings })
    }
}

fn put_in_force(in_force: Option<&TlsInForce>, tls: Option<&ServerTls>) {
    if let (Some(in_force), Some(tls)) = (in_force, tls) {
        in_force.store(Arc::clone(&tls.config));
    }
}

fn lines(problems: &Problems) -> Vec<String> {
    let each = problems.as_slice().iter();
    each.map(|problem| format!("{}: {problem}", problem.file)).collect()
}
