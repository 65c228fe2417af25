//! The service through its public face: real sockets, simulated upstreams, one file a behaviour.

#![expect(clippy::disallowed_methods, reason = "real sockets take real time")]

mod client;
mod harness;

mod bad_input;
mod cancellation;
mod events;
mod happy_path;
mod hostile_values;
mod http_edge;
mod request_id;
