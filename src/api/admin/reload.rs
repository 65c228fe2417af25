//! `POST /v1/reload`: takes the configuration anew.

use std::sync::Arc;
use std::time::SystemTime;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::BoxFuture;
use serde_json::json;

use super::{AdminState, json_reply, problem};
use crate::api::access::same_site;
use crate::api::problem::Problem;

/// Whoever can take the configuration anew. Implemented by the composition root.
pub trait Reload: Send + Sync {
    /// Reads the configuration and puts it in force as a whole. It takes as long as the files take,
    /// holds nothing else up, and goes on if nobody waits for it any more.
    ///
    /// # Errors
    /// [`Kept`]: what is wrong with it. The one in force stays then.
    fn reload(self: Arc<Self>) -> BoxFuture<'static, Result<Reloaded, Kept>>;

    /// How the last reload went; the first load counts as one.
    fn status(&self) -> ReloadStatus;
}

/// How the last reload went, and what is in force.
#[derive(Debug, Clone)]
pub struct ReloadStatus {
    /// Whether the last one put its configuration in force.
    pub succeeded: bool,
    /// When the configuration in force was put in force.
    pub last_success: SystemTime,
    /// The hash of the configuration in force, secrets left out.
    pub config_hash: String,
}

/// The configuration that was read is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// Which parts are new, changed or gone: one line each.
    pub changes: Vec<String>,
    /// What is allowed in it, but most likely not meant: one line each.
    pub warnings: Vec<String>,
}

/// The configuration that was in force stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What is wrong with the one that was read: one line each.
    pub problems: Vec<String>,
}

/// Handles the route: 200 with what has changed, or 422 with what is wrong.
pub(super) async fn reload(request: HttpRequest, state: web::Data<AdminState>) -> HttpResponse {
    if let Err(refusal) = same_site::check(&request) {
        return problem(&request, refusal);
    }
    match Arc::clone(&state.reload).reload().await {
        Ok(Reloaded { changes, warnings }) => json_reply(
            StatusCode::OK,
            &json!({"reloaded": true, "changes": changes, "warnings": warnings}),
        ),
        Err(kept) => problem(&request, Problem::configuration_kept(&kept.problems)),
    }
}
