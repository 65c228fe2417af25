//! Sends a request again where that may help, and not too often.

pub mod backoff;
pub mod budget;
pub mod decision;
pub(super) mod retried;
pub mod retry_spec;
