//! What a success without a body means.

/// What a success with an empty body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyBody {
    /// An answer whose data is `null`.
    Null,
    /// No answer: JSON has at least one value.
    BadPayload,
}

impl EmptyBody {
    /// What it is with this status, if it is `self` with any that does not say so itself. The words
    /// Created, Accepted, No Content and Reset Content (RFC 9110 section 15.3) tell the whole
    /// answer; their content is optional or forbidden.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        match status {
            201 | 202 | 204 | 205 => Self::Null,
            _ => self,
        }
    }

    /// The value of `empty_body`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::BadPayload => "bad_payload",
        }
    }
}
