//! The inbound edge: routes, input checks, problems.

pub mod access;
pub mod admin;
pub mod admission;
pub mod admit;
pub mod aggregate;
pub mod auth;
pub mod auth_failures;
mod begun_head;
pub mod body;
pub mod connection_limit;
pub mod connection_security;
pub mod context;
pub mod draining;
pub mod error_pages;
pub mod events;
mod flat;
pub mod host;
pub mod inbound;
mod lingering;
pub mod listener;
pub mod observation;
pub mod phase;
pub mod problem;
pub mod refusals;
pub mod reply_headers;

pub mod route_table;
pub mod routes;
pub mod same_site;
pub mod slow_callers;
pub mod state;
pub mod upgrade;
