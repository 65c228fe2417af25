//! One page of an answer.

use crate::http::hints::ResponseHints;
use crate::model::json::Json;

/// One page.
pub(super) struct Page {
    pub(super) status: u16,
    /// What its headers say, a `Link` to the next page among it.
    pub(super) hints: ResponseHints,
    /// Its whole JSON.
    pub(super) json: Json,
    /// The elements of the array in it.
    pub(super) items: Vec<Json>,
}
