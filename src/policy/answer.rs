//! What a source answered: one response, and all of it.

use std::borrow::Cow;

use crate::http::hints::ResponseHints;
use crate::model::json::Json;

/// What a source answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The upstream's data.
    Data {
        /// The upstream's status.
        status: u16,
        /// Its JSON.
        data: Json,
    },
    /// A definite "there is none".
    Empty {
        /// The upstream's status.
        status: u16,
    },
    /// Some pages, but not all.
    Part {
        /// What came.
        data: Json,
        /// Why there is no more of it, as a sentence.
        why: Cow<'static, str>,
    },
}

/// A response that was understood.
pub(crate) struct Understood {
    pub(crate) status: u16,
    /// What its headers say.
    pub(crate) hints: ResponseHints,
    pub(crate) content: Content,
}

/// What is in it.
pub(crate) enum Content {
    Data(Json),
    /// A success with an empty body, where that is an answer.
    Nothing,
    /// A definite "there is none".
    NotFound,
}
