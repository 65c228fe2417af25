//! The inbound edge: routes, input checks, problems.

pub mod access;
pub mod actions;
pub mod admin;
pub mod admission;
pub mod draining;
pub mod events;
mod flat_reply_task;
pub mod listener;
pub mod observation;
pub mod problem;
pub mod reply_headers;
pub mod request_body;
pub mod request_context;
mod run_action;
mod scope;
pub mod snapshot;

pub mod route_table;
pub mod routes;
