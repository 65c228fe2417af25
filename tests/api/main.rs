//! The service through its public face: real sockets, simulated upstreams, one file a behaviour.

mod client;
mod harness;

mod dependencies;
mod happy_path;
mod required;
