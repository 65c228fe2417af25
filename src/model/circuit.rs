//! A circuit as seen from outside: by requests, metrics and the console.

use std::time::Instant;

/// The state as seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Requests pass and are counted.
    Closed,
    /// Requests are rejected.
    Open {
        /// When the first probe may pass.
        until: Instant,
    },
    /// A few requests pass as probes.
    HalfOpen,
}
