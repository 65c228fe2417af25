//! What an action is, and the fields of its flat reply.

pub mod action_spec;
pub mod fields;
