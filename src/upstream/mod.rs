//! The outbound edge: one call to one upstream, with everything that keeps it within bounds.
//!
//! ```text
//! fetch ─ shared (slots, breaker, budget) ─ limiter ─ auth ─ origin ─ transport ─ guarded_stream
//!   └─ pages ─ next_page
//! ```

pub mod auth;
mod bearer;
mod call_log;
pub mod chunked;
pub mod clock;
pub mod connect_failure;
pub mod connection;
pub mod error;
pub mod exchange;
pub mod fetch;
pub mod guarded_stream;
pub mod hints;
pub mod http_error;
pub mod limiter;
pub mod next_page;
pub mod origin;
mod pages;
pub mod prepare;
mod probe;
pub mod response_guard;
pub mod response_head;
mod server_certificate;
pub mod shared;
pub mod shortage;
pub mod stream_fault;
pub mod tls;
pub mod transport;
