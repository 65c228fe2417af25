//! The last requests and where their time went: `GET /v1/requests`, the newest first, and
//! `GET /v1/requests/{id}`. Those that were refused before a source was asked are not kept.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::{AdminState, json_reply, problem};
use crate::api::problem::Problem;
use crate::model::record::record_json;
use crate::telemetry::recent::{KEPT, Numbered};

/// Handles `GET /v1/requests`.
pub(super) async fn list(state: web::Data<AdminState>) -> HttpResponse {
    let requests: Vec<Value> = state.recent.after(0).iter().rev().map(as_json).collect();
    json_reply(StatusCode::OK, &json!({"requests": requests}))
}

/// Handles `GET /v1/requests/{id}`: the newest of this id.
pub(super) async fn show(
    request: HttpRequest,
    id: web::Path<String>,
    state: web::Data<AdminState>,
) -> HttpResponse {
    match state.recent.find(&id) {
        Some(kept) => json_reply(StatusCode::OK, &as_json(&kept)),
        None => problem(&request, Problem::unknown_request(KEPT)),
    }
}

/// The request's record, with its `number` among all that were kept since the start.
pub(super) fn as_json(kept: &Numbered) -> Value {
    let mut record = record_json::of(&kept.record);
    record["number"] = kept.number.into();
    record
}
