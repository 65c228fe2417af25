//! What is measured of the configuration in force, under the names that Prometheus has for its own.

use prometheus::{Gauge, IntGauge, IntGaugeVec, Opts, Registry};

use crate::domain::gauges::ConfigGauge;

/// The gauges of the configuration.
pub(super) struct ConfigMetrics {
    last_reload_successful: IntGauge,
    last_success: Gauge,
    info: IntGaugeVec,
}

impl ConfigMetrics {
    /// # Errors
    /// Never in practice: that of a name that is no metric's, or is there twice.
    pub(super) fn try_new(registry: &Registry) -> prometheus::Result<Self> {
        let last_reload_successful = IntGauge::new(
            "tributary_config_last_reload_successful",
            "1 if the last reload put its configuration in force, 0 if not.",
        )?;
        let last_success = Gauge::new(
            "tributary_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was put in force, seconds since the epoch.",
        )?;
        let info = Opts::new(
            "tributary_config_info",
            "The hash of the configuration in force, secrets left out; always 1.",
        );
        let info = IntGaugeVec::new(info, &["hash"])?;
        registry.register(Box::new(last_reload_successful.clone()))?;
        registry.register(Box::new(last_success.clone()))?;
        registry.register(Box::new(info.clone()))?;
        Ok(Self { last_reload_successful, last_success, info })
    }

    pub(super) fn set(&self, config: &ConfigGauge) {
        self.last_reload_successful.set(i64::from(config.last_reload_succeeded));
        self.last_success.set(config.last_success);
        // The hash before is in force no more.
        self.info.reset();
        self.info.with_label_values(&[config.hash.as_str()]).set(1);
    }
}
