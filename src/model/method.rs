//! The HTTP methods a source may use.

/// The HTTP methods a source may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Safe and idempotent.
    Get,
    /// Neither, unless the source says `idempotent = true`.
    Post,
    /// Idempotent.
    Put,
    /// Neither, unless the source says `idempotent = true`.
    Patch,
    /// Idempotent.
    Delete,
}

impl Method {
    /// The method as it stands in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a request may be repeated by its method alone (RFC 9110 section 9.2.2).
    pub fn is_idempotent(self) -> bool {
        match self {
            Self::Get | Self::Put | Self::Delete => true,
            Self::Post | Self::Patch => false,
        }
    }
}
