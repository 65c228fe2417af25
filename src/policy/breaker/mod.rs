//! Leaves an upstream alone that fails most of the time.

pub mod breaker_spec;
pub mod circuit_breaker;
pub(super) mod guarded;
