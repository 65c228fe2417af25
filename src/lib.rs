//! Tributary: one request in, several upstream APIs asked in parallel, one aggregate out before
//! the deadline. It stands behind a Genesys Cloud Data Action.
//!
//! One request, followed through the modules, is the architecture:
//!
//! ```text
//! api::aggregate → CoordinatorActor → SourceActor ×N in parallel → policy::pipeline
//!     → render, bulkhead, pages, retry, token, breaker, rate limit → http::client
//!     → model::reply → api → reply
//! ```
//!
//! Imports point downward only (`tests/architecture/layers.rs` enforces it): [`app`] wires everything;
//! [`api`] uses [`actors`], [`model`] and a little of [`policy`]; [`actors`] use [`policy`];
//! [`policy`] uses [`http`], the client beneath, which knows nothing of it; [`settings`] and
//! [`telemetry`] use [`model`], which is pure; [`settings`] are read with [`config`] into the specs
//! of [`policy`].
//! [`simulator`] stands apart: the upstreams of the demo and of the tests.

pub mod actors;
pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod export;
pub mod http;
pub mod model;
pub mod policy;
pub mod settings;
pub mod signals;
pub mod simulator;
pub mod telemetry;
