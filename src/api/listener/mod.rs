//! From an accepted socket to a request's head: who gets a connection, TLS, time limits, and the refusals of what is no request.

pub mod begun_head;
pub mod connection_limit;
pub mod connection_security;
pub mod error_pages;
pub mod head_refusals;
pub mod inbound_tls;
pub mod lingering;
pub mod listen;
pub mod phase;
pub mod slow_callers;
pub mod upgrade;
