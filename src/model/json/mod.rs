//! JSON text that is checked once and then passed on byte for byte; it never becomes a tree.
//!
//! | file | idea |
//! | --- | --- |
//! | `json/scan.rs` | runs over string content eight bytes at a time |
//! | `json/validate.rs` | is this text JSON that every reader of the aggregate will accept? |
//! | `json/navigate.rs` | finds a value inside checked text and cuts it out without copying |
//! | `json/pointer.rs` | JSON Pointer (RFC 6901), parsed once |
//! | `json/text.rs` | string literals to text and back |
//! | `json/tree.rs` | the text as a tree, for `JSONPath` |

mod json_text;
mod navigate;
mod pointer;
mod scan;
#[cfg(test)]
mod tests;
mod tree;
mod validate;

use std::fmt;

use bytes::{Buf, Bytes};
use thiserror::Error;

pub use json_text::write_string;
pub use navigate::{Items, Kind};
pub use pointer::{Pointer, PointerError};

/// U+FEFF in UTF-8, which some servers put before their text.
const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// The text without a byte-order mark at its beginning: nobody may send one, but a reader may skip
/// it (RFC 8259 section 8.1).
pub fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Valid JSON text (RFC 8259) without surrounding white space.
///
/// Cloning is cheap: clones, and values found inside, share one buffer, which lives as long as any
/// of them. Two are equal if their bytes are, so `1.0` and `1.00` differ. `Debug` tells the length
/// only: the content belongs to somebody else and may be secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Bytes);

impl Json {
    /// Checks `bytes`, a whole JSON text, and keeps it as it is, less the white space around it and
    /// a byte-order mark before it.
    ///
    /// `max_depth` is the number of containers that may be open at once: `1` has depth 0, `[]`
    /// depth 1. Stricter than the grammar in one place where many readers would refuse the whole
    /// aggregate: half a surrogate pair (`"\ud800"`). Duplicate keys and numbers of any size and
    /// precision pass, `1e400` among them.
    ///
    /// # Errors
    /// The first thing that is wrong, see [`JsonError`].
    pub fn parse(mut bytes: Bytes, max_depth: usize) -> Result<Self, JsonError> {
        let value = validate::find_value(&bytes, max_depth)?;
        bytes.truncate(value.end);
        bytes.advance(value.start);
        Ok(Self(bytes))
    }

    /// The text `null`, without an allocation.
    pub const fn null() -> Self {
        Self(Bytes::from_static(b"null"))
    }

    /// The compact text of a value that we hold as a tree, such as one out of the configuration.
    pub fn from_value(value: &serde_json::Value) -> Self {
        Self(Bytes::from(value.to_string()))
    }

    /// A text put together from valid parts in a valid way; nothing is checked.
    pub(crate) fn from_parts(text: Vec<u8>) -> Self {
        Self(Bytes::from(text))
    }

    /// The text as bytes. This is the one to write out: it costs nothing.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text as a string. Looks at every byte; to write the text out take [`Json::as_bytes`].
    #[expect(clippy::missing_panics_doc, reason = "the text is UTF-8, so it never panics")]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked when made, and only cut beside ASCII bytes")
    }

    /// The length of the text in bytes; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "no JSON text is empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        Self::from_value(value)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.len())
    }
}

/// Why a text is not usable JSON. Its sentence never quotes the text; offsets are in bytes, the
/// first one is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JsonError {
    /// Nothing, or white space only.
    #[error("the body is empty or white space, and JSON has at least one value")]
    Empty,
    /// RFC 8259 section 8.1: JSON is UTF-8.
    #[error("the bytes at byte {at} are not UTF-8")]
    NotUtf8 {
        /// The first byte that belongs to no character.
        at: usize,
    },
    /// Something else stands where the grammar wants `expected`.
    #[error("expected {expected} at byte {at}")]
    Syntax {
        /// Where it should stand; the length of the text if the text is cut short.
        at: usize,
        /// What may stand there.
        expected: &'static str,
    },
    /// More than `limit` containers are open at once.
    #[error("arrays and objects are nested more than {limit} deep")]
    TooDeep {
        /// The depth that is allowed.
        limit: usize,
    },
    /// A `\u` escape is half of a surrogate pair and the other half is missing.
    #[error("the escape at byte {at} is half of a surrogate pair, which is no character")]
    LoneSurrogate {
        /// The backslash of the escape.
        at: usize,
    },
    /// A complete value, and then something more.
    #[error("expected nothing but white space after the value, from byte {at} on")]
    Trailing {
        /// The first byte that is too much.
        at: usize,
    },
}
