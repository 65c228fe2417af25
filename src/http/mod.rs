//! The HTTP/1.1 client beneath the policies: connections, bytes and replies, nothing of sources.
//!
//! ```text
//! client ─ awc ─ connect ─ guard ─ connection ─ socket
//! ```

pub mod client;
pub mod connect;
pub mod connect_failure;
pub mod connection;
pub mod exchange_log;
pub mod guard;
pub mod hints;
pub mod http_error;
pub mod persistence;
mod platform_roots;
mod pool;
mod response_body;
pub mod send_permit;
mod server_certificate;
pub mod shortage;
mod socket;
pub mod stream_fault;
pub mod tls;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "real sockets take real time")]
mod tests;
