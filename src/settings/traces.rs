//! The `[traces]` table, and the standard `OTEL_` variables as a layer below all files.

use serde_json::{Number, Value};
use url::Url;

use crate::config::form::{Text, Word};
use crate::config::key::Key;
use crate::config::layers::Layer;
use crate::config::number_form::Ratio;
use crate::config::section::Section;
use crate::config::shown::Shown;
use crate::config::table::Table;
use crate::model::trace_export::{TraceExport, TraceProtocol};

/// The share of requests that are traced if nobody says.
const DEFAULT_RATIO: f64 = 0.01;
/// Where a collector takes spans by HTTP (OTLP 1.x, "OTLP/HTTP Request").
const HTTP_PATH: &str = "/v1/traces";
/// What the layer of the variables is called in problems.
const VARIABLES: &str = "the OTEL_ variables of the environment";

/// `[traces]`.
pub(super) static TRACES: Section = Section::new(
    "traces",
    "Where the spans of traces are sent (OpenTelemetry); without an endpoint nowhere. What is not \
     said here, the standard variables say: `OTEL_EXPORTER_OTLP_ENDPOINT` and its like.",
    &[&ENDPOINT, &PROTOCOL, &SAMPLE_RATIO, &SERVICE_NAME],
);

static ENDPOINT: Key<Text> =
    Key::new("endpoint", Text, "The URL of a collector.").shown(Shown::Url).at_restart();

static PROTOCOL: Key<Word<TraceProtocol>> = Key::new(
    "protocol",
    Word(&TraceProtocol::NAMES),
    "How the collector is spoken to; gRPC mostly at port 4317.",
)
.default(TraceProtocol::Http)
.at_restart();

static SAMPLE_RATIO: Key<Ratio> = Key::new(
    "sample_ratio",
    Ratio(0.0, 1.0),
    "The share of the requests that are traced among those whose caller brings no trace.",
)
.default(DEFAULT_RATIO)
.at_restart();

static SERVICE_NAME: Key<Text> =
    Key::new("service_name", Text, "What the service is called in the traces.")
        .default("tributary")
        .at_restart();

/// Reads the table; what is wrong is in the report. Absent: no spans are sent.
pub(super) fn read(table: &Table) -> Option<TraceExport> {
    let protocol = table.value(&PROTOCOL);
    let sample_ratio = table.value(&SAMPLE_RATIO);
    let service_name = table.value(&SERVICE_NAME);
    let text = table.optional(&ENDPOINT)?;
    let endpoint = endpoint(&text, protocol);
    if endpoint.is_none() {
        table.refuse(
            &ENDPOINT,
            match protocol {
                TraceProtocol::Http => {
                    "the collector's URL without user and query, such as \"http://127.0.0.1:4318\""
                }
                TraceProtocol::Grpc => {
                    "the collector's scheme, host and port, such as \"http://127.0.0.1:4317\""
                }
            },
        );
    }
    Some(TraceExport { endpoint: endpoint?, protocol, sample_ratio, service_name })
}

/// The whole URL: a collector's mere address gets the path that the protocol has.
fn endpoint(text: &str, protocol: TraceProtocol) -> Option<String> {
    let mut url = Url::parse(text).ok()?;
    let is_web = ["http", "https"].contains(&url.scheme()) && url.has_host();
    let is_plain = url.username().is_empty() && url.password().is_none();
    if !is_web || !is_plain || url.query().is_some() || url.fragment().is_some() {
        return None;
    }
    match (protocol, url.path()) {
        (TraceProtocol::Http, "/") => url.set_path(HTTP_PATH),
        (TraceProtocol::Grpc, "/") | (TraceProtocol::Http, _) => {}
        (TraceProtocol::Grpc, _) => return None,
    }
    Some(url.into())
}

/// Whether the standard variables say that no traces are to be sent, wherever that is configured.
pub(super) fn are_off(environment: &[(String, String)]) -> bool {
    let disabled = variable(environment, "OTEL_SDK_DISABLED");
    disabled.is_some_and(|disabled| disabled.eq_ignore_ascii_case("true"))
        || variable(environment, "OTEL_TRACES_EXPORTER") == Some("none")
}

fn variable<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = environment.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

/// What the standard variables of `OpenTelemetry` say about traces, in the words of `[traces]`;
/// whatever the files say counts more. `None`: nothing, or nothing that counts.
pub(super) fn layer(environment: &[(String, String)]) -> Option<Layer> {
    if are_off(environment) {
        return None;
    }
    let variable = |name: &str| variable(environment, name);
    let protocol = variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        .or_else(|| variable("OTEL_EXPORTER_OTLP_PROTOCOL"));
    let common = variable("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| {
        let has_path = Url::parse(base).is_ok_and(|url| url.path() != "/");
        match protocol {
            // The protocol's path is put behind that of the base.
            None | Some("http/protobuf") if has_path => {
                format!("{}{HTTP_PATH}", base.trim_end_matches('/'))
            }
            // A mere address gets what the protocol wants, which a file may say.
            None | Some(_) => base.to_owned(),
        }
    });
    let endpoint = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").map(str::to_owned).or(common);
    let ratio = sample_ratio(variable("OTEL_TRACES_SAMPLER"), variable("OTEL_TRACES_SAMPLER_ARG"));
    let keys = [
        ("endpoint", endpoint.map(Value::from)),
        ("protocol", protocol.map(Value::from)),
        ("sample_ratio", ratio),
        ("service_name", variable("OTEL_SERVICE_NAME").map(Value::from)),
    ];
    // Texts and numbers of JSON are such of TOML.
    let lines = keys.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", value?)));
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| Layer {
        name: VARIABLES.to_owned(),
        text: format!("[traces]\n{}", lines.concat()),
    })
}

/// The ratio of a sampler; one that is not known stands for itself, to be refused.
fn sample_ratio(sampler: Option<&str>, argument: Option<&str>) -> Option<Value> {
    let ratio = match sampler? {
        "always_on" | "parentbased_always_on" => "1",
        "always_off" | "parentbased_always_off" => "0",
        "traceidratio" | "parentbased_traceidratio" => argument.unwrap_or("1"),
        unknown => unknown,
    };
    let number = ratio.parse::<f64>().ok().and_then(Number::from_f64);
    Some(number.map_or_else(|| ratio.into(), Value::Number))
}
