//! What other systems are told of an action, derived from its configuration so that the two cannot
//! disagree.

mod contract;
pub mod data_action;
