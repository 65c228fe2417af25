//! Where the spans of traces are sent, and of how many requests.

/// Where the spans of traces are sent, and of how many requests.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceExport {
    /// The collector's URL, whole: with the path where the protocol has one.
    pub endpoint: String,
    /// How it is spoken to.
    pub protocol: TraceProtocol,
    /// The share of requests, 0 to 1, whose spans are sent where no caller has decided that.
    pub sample_ratio: f64,
    /// What the service is called in the traces.
    pub service_name: String,
}

/// The forms of the OpenTelemetry protocol (OTLP 1.x).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceProtocol {
    /// Protobuf in the body of a POST.
    Http,
    /// gRPC.
    Grpc,
}

impl TraceProtocol {
    /// All of them, by the names that `OTEL_EXPORTER_OTLP_PROTOCOL` gives them.
    pub const NAMES: [(&'static str, Self); 2] =
        [(Self::Http.as_str(), Self::Http), (Self::Grpc.as_str(), Self::Grpc)];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http/protobuf",
            Self::Grpc => "grpc",
        }
    }
}
