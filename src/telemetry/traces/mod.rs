//! Sends the spans of sampled requests to a collector, by the OpenTelemetry protocol.
//!
//! Spans are made of a request's record once the request is over, and wait in a queue of bounded
//! length for a thread of the SDK's own, which sends them in batches. A full queue loses spans; it
//! never holds a request up.

mod spans;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, WithExportConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor as _};
use rustls::crypto::ring;

use self::spans::Spans;
use crate::model::record::observer::Observer;
use crate::model::record::request_record::RequestRecord;
use crate::model::trace_export::{TraceExport, TraceProtocol};

/// How long the last spans may take to leave when the service stops.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Sends the spans of sampled requests.
pub struct Traces {
    processor: BatchSpanProcessor,
    spans: Spans,
}

impl Traces {
    /// Begins to send where `export` says the spans of a service whose callers speak `scheme`.
    /// Nothing is asked of the collector yet. To be called in a tokio runtime: the connections of
    /// gRPC live there.
    ///
    /// The standard variables that are not in `export` count too: `OTEL_EXPORTER_OTLP_HEADERS`,
    /// `…_TIMEOUT`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_…`.
    ///
    /// # Errors
    /// What is wrong with such a variable.
    pub fn start(export: &TraceExport, scheme: &'static str) -> Result<Self, ExporterBuildError> {
        // For the exporters' own TLS; a second time does no harm.
        let _: Result<(), _> = ring::default_provider().install_default();
        let exporter = opentelemetry_otlp::SpanExporter::builder();
        let exporter = match export.protocol {
            TraceProtocol::Http => exporter
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(&export.endpoint)
                .build()?,
            TraceProtocol::Grpc => exporter
                .with_tonic()
                // Without it, no certificate would be trusted; for `http` it changes nothing.
                .with_tls_config(ClientTlsConfig::new().with_enabled_roots())
                .with_endpoint(&export.endpoint)
                .build()?,
        };
        let exporter = Telling { exporter, is_failing: AtomicBool::new(false) };
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        let resource = Resource::builder()
            .with_service_name(export.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        processor.set_resource(&resource);
        Ok(Self { processor, spans: Spans::new(scheme) })
    }

    /// Sends what waits, for 2 s at most. Blocks meanwhile.
    pub fn stop(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(LAST_SPANS) {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

impl Observer for Traces {
    fn answered(&self, record: &Arc<RequestRecord>) {
        let sampled = record.trace.as_ref().filter(|trace| trace.sampled);
        if let Some(trace) = sampled {
            self.spans.of(record, trace).into_iter().for_each(|span| self.processor.on_end(span));
        }
    }
}

/// Tells once that the collector takes no spans, and once that it does again.
#[derive(Debug)]
struct Telling<E> {
    exporter: E,
    is_failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Telling<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Err(error) if !was_failing => {
                tracing::warn!(%error, "spans do not reach the collector, they are lost");
            }
            Ok(()) if was_failing => tracing::info!("spans reach the collector again"),
            Ok(()) | Err(_) => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
