//! The reply of an action, and what became of each source in it.

pub mod aggregate;
pub mod members;
pub mod outcome;
