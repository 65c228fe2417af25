//! The `OpenAPI` 3.1 document of the configured actions.
//!
//! It is made of the configuration at run time, so that crates which derive a document from Rust
//! types do not help.

use serde_json::{Map, Value, json};

use super::{example, schemas};
use crate::model::action::action_spec::{ActionSpec, OnRequiredFailure};
use crate::model::id::Id;
use crate::model::paths;
use crate::policy::source_spec::SourceSpec;

const JSON: &str = "application/json";
/// RFC 9457 section 3.
const PROBLEM_JSON: &str = "application/problem+json";

/// What a document is made of.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// The actions, in the order of the configuration.
    pub actions: &'a [ActionSpec],
    /// The sources, for their fallbacks.
    pub sources: &'a [SourceSpec],
    /// Whether callers are asked for a key.
    pub asks_for_key: bool,
    /// The service's public address, without a path; absent: where the document was read.
    pub url: Option<&'a str>,
}

/// The document.
pub fn document(service: Service<'_>) -> Value {
    let mut paths = Map::new();
    for action in service.actions {
        paths.insert(
            paths::of_action(action.id.as_str()),
            json!({ "post": of_action(action, service) }),
        );
    }
    paths.insert(paths::EVENTS.to_owned(), json!({ "post": of_events(service) }));
    paths.insert(paths::OPENAPI.to_owned(), json!({ "get": of_document(service) }));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tributary",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Asks several upstream APIs in parallel and answers with one aggregate before a deadline.",
        },
        "servers": [{ "url": service.url.unwrap_or("/") }],
        "paths": paths,
        "components": components(service),
    });
    if service.asks_for_key {
        document["security"] = json!([{ "bearer": [] }, { "apiKey": [] }]);
    }
    document
}

fn components(service: Service<'_>) -> Value {
    let header = |kind: &str, description: &str| json!({ "schema": { "type": kind }, "description": description });
    let parameter = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "header", "schema": schema, "description": description });
    let mut components = json!({
        "schemas": { "Problem": schemas::problem(None) },
        "headers": {
            "RequestId": header("string", "The request's id: the caller's, or a new one."),
            "ServerTiming": header("string", "The time of each source (W3C Server Timing)."),
            "RetryAfter": header("integer", "Seconds after which another try is worth it."),
            "Challenge": header("string", "How to say who asks (RFC 9110 section 11.6.1)."),
        },
        "parameters": {
            "Timeout": parameter(
                "X-Request-Timeout-Ms",
                json!({ "type": "integer", "minimum": 1 }),
                "Lowers the deadline for this request, milliseconds.",
            ),
            "CorrelationId": parameter(
                "ININ-Correlation-Id",
                json!({ "type": "string", "maxLength": 128 }),
                "The request's id; X-Request-Id is taken as well.",
            ),
            "TraceParent": parameter(
                "traceparent",
                json!({ "type": "string" }),
                "The caller's trace (W3C Trace Context).",
            ),
        },
    });
    if service.asks_for_key {
        components["securitySchemes"] = json!({
            "bearer": { "type": "http", "scheme": "bearer" },
            "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
        });
    }
    components
}

fn of_action(action: &ActionSpec, service: Service<'_>) -> Value {
    let reply = json!({
        JSON: {
            "schema": schemas::reply(action),
            "examples": { "partial": {
                "summary": "The last source did not answer in time.",
                "value": example::reply(action, service.sources),
            } },
        },
    });
    let mut responses = failures(service);
    responses.insert(
        "200".to_owned(),
        response("Whole or partial, see `complete`.", &reply, &[REQUEST_ID, SERVER_TIMING]),
    );
    if action.on_required_failure == OnRequiredFailure::Fail {
        let problem = json!({
            PROBLEM_JSON: { "schema": schemas::problem(Some(schemas::aggregate(action))) },
        });
        let headers = [REQUEST_ID, SERVER_TIMING];
        for (status, why) in [("502", "failed"), ("504", "did not answer in time")] {
            let description = format!("A required source {why}; the aggregate comes along.");
            responses.insert(status.to_owned(), response(&description, &problem, &headers));
        }
    }
    let mut body = json!({ "schema": schemas::inputs(action) });
    if let Some(inputs) = example::inputs(action) {
        body["example"] = inputs;
    }
    json!({
        "operationId": action.id.as_str(),
        "summary": format!("Asks {}.", list(action)),
        "description": format!("Answers within {} ms, with whatever there is.", action.deadline.as_millis()),
        "parameters": parameters(),
        "requestBody": {
            "required": true,
            "content": { JSON: body },
        },
        "responses": responses,
    })
}

fn list(action: &ActionSpec) -> String {
    action.sources.iter().map(Id::as_str).collect::<Vec<_>>().join(", ")
}

fn of_events(service: Service<'_>) -> Value {
    let ids: Vec<&str> = service.actions.iter().map(|action| action.id.as_str()).collect();
    let envelope = json!({
        JSON: { "schema": {
            "type": "object",
            "required": ["statusCode", "body"],
            "additionalProperties": false,
            "properties": {
                "statusCode": { "type": "integer", "description": "The status of the action's own path." },
                "body": {
                    "type": "string",
                    "contentMediaType": JSON,
                    "description": "What the action's own path would have answered.",
                },
            },
        } },
    });
    let mut responses = failures(service);
    responses.insert(
        "200".to_owned(),
        response("Whenever the event could be read.", &envelope, &[REQUEST_ID]),
    );
    let mut body = json!({ "schema": {
        "type": "object",
        "properties": {
            "action": { "type": ["string", "null"], "enum": ids.iter().map(|id| json!(id)).chain([Value::Null]).collect::<Vec<_>>() },
            "input": { "type": ["object", "null"], "description": "The action's inputs." },
        },
    } });
    if let Some(event) = service.actions.iter().find_map(example::event) {
        body["example"] = event;
    }
    json!({
        "operationId": "events",
        "summary": "The same for a serverless event.",
        "parameters": parameters(),
        "requestBody": { "required": true, "content": { JSON: body } },
        "responses": responses,
    })
}

fn of_document(service: Service<'_>) -> Value {
    let document = json!({ JSON: { "schema": { "type": "object" } } });
    let mut responses = Map::new();
    responses.insert("200".to_owned(), response("OpenAPI 3.1.", &document, &[REQUEST_ID]));
    if service.asks_for_key {
        responses.insert("401".to_owned(), unauthorized());
    }
    responses.insert("default".to_owned(), other());
    json!({ "operationId": "openapi", "summary": "This document.", "responses": responses })
}

fn parameters() -> Value {
    let all = ["Timeout", "CorrelationId", "TraceParent"];
    json!(all.map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })))
}

/// A header of a reply: its name and that of its component.
type Header = (&'static str, &'static str);
const REQUEST_ID: Header = ("X-Request-Id", "RequestId");
const SERVER_TIMING: Header = ("Server-Timing", "ServerTiming");
const RETRY_AFTER: Header = ("Retry-After", "RetryAfter");
const CHALLENGE: Header = ("WWW-Authenticate", "Challenge");

fn response(description: &str, content: &Value, headers: &[Header]) -> Value {
    let of_header = |(name, component): &Header| {
        let reference = format!("#/components/headers/{component}");
        ((*name).to_owned(), json!({ "$ref": reference }))
    };
    json!({
        "description": description,
        "headers": headers.iter().map(of_header).collect::<Map<_, _>>(),
        "content": content,
    })
}

fn problem(description: &str, headers: &[Header]) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    response(description, &json!({ PROBLEM_JSON: { "schema": schema } }), headers)
}

fn unauthorized() -> Value {
    problem("No key, or one that is not known.", &[REQUEST_ID, CHALLENGE])
}

/// From the HTTP layer, which knows no request id.
fn other() -> Value {
    problem("The request is no HTTP that is supported.", &[])
}

/// What may be answered instead of an aggregate.
fn failures(service: Service<'_>) -> Map<String, Value> {
    let mut responses = Map::new();
    for (status, description) in [
        ("400", "Inputs are missing or not as they should be: all of them are told."),
        ("408", "The body came too slowly."),
        ("413", "The body is too large."),
        ("415", "The body is said to be something other than JSON, or to have an encoding."),
        ("500", "A fault of the service."),
    ] {
        responses.insert(status.to_owned(), problem(description, &[REQUEST_ID]));
    }
    if service.asks_for_key {
        responses.insert("401".to_owned(), unauthorized());
    }
    let shed = problem("Too many requests are under way.", &[REQUEST_ID, RETRY_AFTER]);
    responses.insert("503".to_owned(), shed);
    responses.insert("default".to_owned(), other());
    responses
}
