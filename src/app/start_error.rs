//! Why a service with a valid configuration cannot start.

use std::io;
use std::net::SocketAddr;

use opentelemetry_otlp::ExporterBuildError;

use crate::http::client::HttpClientError;
use crate::http::tls::TlsSetupError;
use crate::model::id::Id;

/// Why the service cannot start although its configuration is right.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} (server.{key}): {source}")]
    Listen {
        /// The configuration's key below `server`.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// So few files may be open that there would be no place for connections.
    #[error(
        "the process may open {limit} files, and needs {needed} at least with {workers} workers: \
         raise the hard limit (ulimit -n), or lower server.workers"
    )]
    Descriptors {
        /// How many may be open.
        limit: usize,
        /// How many are needed at least.
        needed: usize,
        /// The worker threads.
        workers: usize,
    },
    /// A certificate is not usable.
    #[error("{id}: {source}")]
    Tls {
        /// The source or credential.
        id: Id,
        /// Why not.
        source: TlsSetupError,
    },
    /// A source's endpoint is not usable.
    #[error("{id}: {source}")]
    HttpClient {
        /// The source or credential.
        id: Id,
        /// Why not.
        source: HttpClientError,
    },
    /// The metrics cannot be set up: a fault of ours.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The exporter of traces cannot be set up: a variable of the environment is not usable.
    #[error("traces: {0}")]
    Traces(#[from] ExporterBuildError),
    /// A static credential cannot be sent.
    #[error("{id}: the secret or its header has characters that no HTTP header may have")]
    Secret {
        /// The credential.
        id: Id,
    },
}
