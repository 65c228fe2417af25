//! State, messages and lifecycle; the logic stands in plain functions elsewhere.
//!
//! | actor | one per | receives | from | sends |
//! | --- | --- | --- | --- | --- |
//! | [`CoordinatorActor`](coordinator::CoordinatorActor) | worker | [`RunAction`](coordinator::RunAction) | the inbound edge | `Fetch` to the sources of the action |
//! | [`SourceActor`](source_actor::SourceActor) | source and worker | [`Fetch`](source_actor::Fetch) | the coordinator | `GetToken` |
//! | [`TokenActor`](token::TokenActor) | credential and process | [`GetToken`](token::GetToken) | sources | token requests |
//!
//! A whole set of coordinator and sources lives in each worker thread, so that no request
//! crosses threads on its way. Whatever must hold for the process is shared state that outlives
//! the actors.

mod asked;
pub mod coordinator;
pub mod observe;
pub mod reply;
pub mod source_actor;
pub mod supervision;
pub mod token;
pub mod token_handle;
