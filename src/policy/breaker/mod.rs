//! Leaves an upstream alone that fails most of the time.

pub mod spec;
pub mod state;
pub(super) mod step;
