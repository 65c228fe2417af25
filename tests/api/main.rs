//! The service through its public face: real sockets, simulated upstreams, one file a behaviour.

mod checks;
mod client;
mod harness;

mod breaker;
mod deadline;
mod happy_path;
mod isolation;
mod outcomes;
mod pages;
mod payloads;
mod rate_limit;
mod retry;
mod tls;
mod token_replies;
mod tokens;
