//! How a source's following pages are found and asked for, and where to stop.

use std::time::Duration;

use crate::model::json::Pointer;

/// A source whose answer comes in pages.
#[derive(Debug, Clone, PartialEq)]
pub struct PagingSpec {
    /// How the next page is found.
    pub kind: PagingKind,
    /// Where the page's array of items is.
    pub items: Pointer,
    /// At most this many pages are fetched.
    pub max_pages: u32,
    /// At most this many items are kept.
    pub max_items: usize,
    /// The wait between two pages.
    pub pause: Duration,
}

/// How the next page is found. A new kind is a variant here and an arm in `policy/paging/next_page.rs`.
#[derive(Debug, Clone, PartialEq)]
pub enum PagingKind {
    /// The page carries a cursor that is sent with the next request; none: the last page.
    Cursor {
        /// Where the cursor is.
        next: Pointer,
        /// Where it goes in the next request.
        send_as: SendAs,
    },
    /// Pages are counted: the number of the page is sent with each request.
    PageNumber {
        /// Where the number goes in the request.
        send_as: SendAs,
        /// The number of the first page, 0 or 1 mostly.
        first: u64,
        /// Where the number of pages is; absent: a page without items is the last.
        page_count: Option<Pointer>,
    },
    /// The page names the next one by its URI, which must be of the same origin.
    NextUri {
        /// Where the URI is.
        next: Pointer,
    },
    /// A `Link` header with `rel="next"` (RFC 8288) names the next page, of the same origin.
    LinkHeader,
}

impl PagingKind {
    /// Its word in the configuration.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Cursor { .. } => "cursor",
            Self::PageNumber { .. } => "page_number",
            Self::NextUri { .. } => "next_uri",
            Self::LinkHeader => "link",
        }
    }
}

/// Where a cursor or a page number goes in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendAs {
    /// A query parameter of this name.
    Query(String),
    /// A key of this name at the top of the JSON body.
    Json(String),
}
