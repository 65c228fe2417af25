//! The `[traces]` table and the `OTEL_` variables.

use super::{BASE, assert_refused, good, load};
use crate::model::trace_export::{TraceExport, TraceProtocol};

fn traces(layer: &str) -> Option<TraceExport> {
    good(&format!("{layer}\n{BASE}")).traces
}

fn from(variables: &[(&str, &str)]) -> Option<TraceExport> {
    load(BASE, variables).expect("no problem").traces
}

#[test]
fn without_an_endpoint_nothing_is_sent() {
    assert_eq!(traces(""), None);
    assert_eq!(traces("[traces]\nsample_ratio = 1"), None);
    assert_eq!(from(&[("OTEL_SERVICE_NAME", "t"), ("OTEL_TRACES_SAMPLER", "always_on")]), None);
}

#[test]
fn a_mere_address_gets_the_path_of_the_protocol() {
    let endpoint = |text: &str, protocol: &str| {
        let layer = format!("[traces]\nendpoint = \"{text}\"\nprotocol = \"{protocol}\"");
        traces(&layer).expect("an endpoint").endpoint
    };
    assert_eq!(endpoint("http://c:4318", "http/protobuf"), "http://c:4318/v1/traces");
    assert_eq!(endpoint("https://c/otlp/v1/traces", "http/protobuf"), "https://c/otlp/v1/traces");
    assert_eq!(endpoint("http://c:4317", "grpc"), "http://c:4317/");
}

#[test]
fn the_defaults_are_http_and_a_hundredth() {
    let traces = traces("[traces]\nendpoint = \"http://c:4318\"").expect("an endpoint");
    assert_eq!((traces.protocol, traces.service_name.as_str()), (TraceProtocol::Http, "tributary"));
    assert!((traces.sample_ratio - 0.01).abs() < f64::EPSILON);
}

#[test]
fn the_standard_variables_count_where_the_file_says_nothing() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/base/"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_SERVICE_NAME", "who is \"it\""),
    ];
    let traces = from(&variables).expect("an endpoint");
    assert_eq!(traces.endpoint, "http://c:4318/base/v1/traces");
    assert_eq!(traces.service_name, "who is \"it\"");
    assert!((traces.sample_ratio - 0.25).abs() < f64::EPSILON);

    let file =
        format!("[traces]\nendpoint = \"http://file:4318\"\nservice_name = \"file\"\n{BASE}");
    let traces = load(&file, &variables).expect("no problem").traces.expect("an endpoint");
    assert_eq!(
        (traces.endpoint.as_str(), traces.service_name.as_str()),
        ("http://file:4318/v1/traces", "file")
    );
    assert!((traces.sample_ratio - 0.25).abs() < f64::EPSILON);
}

#[test]
fn the_variables_of_traces_alone_count_more_than_those_of_all_signals() {
    let traces = from(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
    ]);
    let traces = traces.expect("an endpoint");
    assert_eq!(
        (traces.endpoint.as_str(), traces.protocol),
        ("http://traces:4317/", TraceProtocol::Grpc)
    );
}

#[test]
fn the_variables_can_turn_it_off() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    assert!(from(&[endpoint]).is_some());
    assert_eq!(from(&[endpoint, ("OTEL_SDK_DISABLED", "true")]), None);
    assert_eq!(from(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]), None);
    assert_eq!(from(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), None);
    let unknown = ("OTEL_TRACES_SAMPLER", "jaeger_remote");
    assert_eq!(from(&[endpoint, unknown, ("OTEL_SDK_DISABLED", "true")]), None);
    let file = format!("[traces]\nendpoint = \"http://file:4318\"\n{BASE}");
    let traces = load(&file, &[("OTEL_SDK_DISABLED", "true")]).expect("no problem").traces;
    assert_eq!(traces, None, "wherever the endpoint is from");
}

#[test]
fn the_protocol_may_be_the_files_and_the_address_the_environments() {
    let file = format!("[traces]\nprotocol = \"grpc\"\n{BASE}");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://agent:4317")];
    let traces = load(&file, &variables).expect("no problem").traces.expect("an endpoint");
    assert_eq!(traces.endpoint, "http://agent:4317/");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let refuse = |keys: &str, key: &str, words: &str| {
        assert_refused(&format!("[traces]\n{keys}"), &format!("traces.{key}"), words);
    };
    refuse("endpoint = \"collector:4318\"", "endpoint", "http://127.0.0.1:4318");
    refuse("endpoint = \"http://me:secret@c\"", "endpoint", "without user");
    refuse("endpoint = \"http://c/x\"\nprotocol = \"grpc\"", "endpoint", "http://127.0.0.1:4317");
    refuse(
        "endpoint = \"http://c\"\nprotocol = \"http/json\"",
        "protocol",
        "\"http/protobuf\" or \"grpc\"",
    );
    refuse("endpoint = \"http://c\"\nsample_ratio = 10", "sample_ratio", "from 0 to 1");
    refuse("endpoints = \"http://c\"", "endpoints", "endpoint");
    let variables =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_TRACES_SAMPLER", "jaeger_remote")];
    let problems = load(BASE, &variables).expect_err("a problem").to_string();
    let expected =
        "the OTEL_ variables of the environment:\n  traces.sample_ratio: found \"jaeger_remote\"";
    assert!(problems.starts_with(expected), "{problems}");
}
