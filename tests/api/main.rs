//! The service through its public face: real sockets, simulated upstreams, one file a behaviour.

#![expect(clippy::disallowed_methods, reason = "real sockets take real time")]

mod authority;
mod checks;
mod client;
#[allow(dead_code, reason = "a part of it is for other tests")]
mod collector;
mod harness;
mod panics;

mod admin_keys;
mod analytics;
mod bad_input;
mod body_failures;
mod breaker;
mod cancellation;
mod connections;
mod deadline;
mod dependencies;
mod empty_bodies;
mod events;
mod export;
mod faults;
mod fields;
mod foreign_pages;
mod given_up;
mod happy_path;
mod heads;
mod hostile_values;
mod hosts;
mod http_edge;
mod inbound_tls;
mod isolation;
mod last_replies;
mod latencies;
mod live;
mod metrics;
mod monitoring;
mod openapi;
mod outcomes;
mod pages;
mod payloads;
mod prewarm;
mod rate_limit;
mod reload;
mod reply_headers;
mod request_id;
mod required;
mod retry;
mod tenants;
mod terraform;
mod tls;
mod token_outage;
mod token_refusals;
mod token_replies;
mod tokens;
mod traces;
mod upgrade;
mod velocity;
