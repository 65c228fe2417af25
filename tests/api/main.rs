//! The service through its public face: real sockets, simulated upstreams, one file a behaviour.

mod checks;
mod client;
mod harness;

mod happy_path;
mod pages;
mod token_replies;
