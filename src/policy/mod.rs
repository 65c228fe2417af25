//! What keeps a call within bounds: a folder an idea, each with a step that acts, state that is pure
//! and the spec that it goes by. [`pipeline`] has the order.

pub mod answer;
pub mod auth;
pub mod body_failure;
pub mod breaker;
mod classify;
pub mod concurrency;
pub mod empty_body;
mod exchange;
mod exchange_spec;
mod failures;
#[cfg(test)]
mod fake;
mod fetch_context;
mod lock;
pub mod paging;
mod parse;
pub mod pipeline;
pub mod rate_limit;
mod render;
pub mod request;
pub mod request_spec;
pub mod request_url;
pub mod retry;
pub mod source_pipeline;
pub mod source_spec;
pub mod source_state;
mod step;
