//! What other systems are told of the actions, derived from their configuration so that the two
//! cannot disagree.

mod contract;
pub mod data_action;
mod example;
pub mod openapi;
mod schemas;
pub mod terraform;
