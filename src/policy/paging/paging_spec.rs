//! How a source's following pages are found and asked for, and where to stop, as it was configured.

use std::time::Duration;

use crate::config::form::{Text, Word};
use crate::config::key::Key;
use crate::config::model_forms::JsonPointer;
use crate::config::number_form::{Count, Time};
use crate::config::plan_lines::PlanLines;
use crate::config::section::{Kind as SectionKind, Section};
use crate::config::table::Table;
use crate::model::json::Pointer;
use crate::policy::request_spec::RequestParts;

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

/// How the next page is found. A new kind is a variant here, with its keys, and its arms in `next_page.rs`.
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

impl PagingSpec {
    /// Reads the table out of a source's; absent or wrong: none.
    pub(crate) fn read(source: &Table, request: &RequestParts) -> Option<Self> {
        let mut table = source.section(&PAGING)?;
        let kind = table.choose(&KIND);
        let spec = kind.and_then(|kind| read_kind(&table, kind, request));
        table.finish();
        spec
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self, lines: &mut PlanLines) {
        let kind = self.kind.as_str();
        let (pages, items) = (self.max_pages, self.max_items);
        lines.add("paging", format!("{kind}, up to {pages} pages and {items} items"));
    }
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

const SEND_AS_FORM: &str =
    "\"query:NAME\" for a query parameter or \"json:NAME\" for a key of the JSON body";

/// `[sources.NAME.paging]`.
pub(crate) static PAGING: Section = Section {
    kinds: &[
        SectionKind {
            word: "cursor",
            help: "The page carries a cursor that is sent with the next request; none: the last page.",
            keys: &[&NEXT_CURSOR, &SEND_AS],
        },
        SectionKind {
            word: "page_number",
            help: "The number of the page is sent with each request.",
            keys: &[&SEND_AS, &FIRST, &PAGE_COUNT],
        },
        SectionKind {
            word: "next_uri",
            help: "The page names the next one by its URI, which must be of the same origin.",
            keys: &[&NEXT_URI],
        },
        SectionKind {
            word: "link",
            help: "A `Link` header with `rel=\"next\"` names the next page, of the same origin.",
            keys: &[],
        },
    ],
    ..Section::new(
        "paging",
        "How the following pages are asked for; without the table: one page.",
        &[&KIND, &ITEMS, &MAX_PAGES, &MAX_ITEMS, &PAUSE],
    )
};

static KIND: Key<Word<Kind>> = Key::new(
    "kind",
    Word(&[
        ("cursor", Kind::Cursor),
        ("page_number", Kind::PageNumber),
        ("next_uri", Kind::NextUri),
        ("link", Kind::Link),
    ]),
    "How the next page is found.",
)
.required("\"cursor\", \"page_number\", \"next_uri\" or \"link\"");

static ITEMS: Key<JsonPointer> =
    Key::new("items", JsonPointer, "Where the page's list of items is.")
        .required("the JSON Pointer of the page's list of items, such as \"/items\"");

static MAX_PAGES: Key<Count> =
    Key::new("max_pages", Count(1, 10_000), "At most so many pages are fetched.").default(20);

static MAX_ITEMS: Key<Count> =
    Key::new("max_items", Count(1, 10_000_000), "At most so many items are kept.").default(1000);

static PAUSE: Key<Time> =
    Key::new("pause", Time(Duration::ZERO, Duration::from_mins(1)), "The wait between two pages.")
        .default(Duration::ZERO);

static NEXT_CURSOR: Key<JsonPointer> =
    Key::new("next", JsonPointer, "Where the next page's cursor is.")
        .required("the JSON Pointer of the next page's cursor, such as \"/next\"");

static NEXT_URI: Key<JsonPointer> = Key::new("next", JsonPointer, "Where the next page's URI is.")
    .required("the JSON Pointer of the next page's URI, such as \"/next\"");

static SEND_AS: Key<Text> = Key::new(
    "send_as",
    Text,
    "Where the cursor or the page's number goes: \"query:NAME\", or \"json:NAME\" for a key of the JSON body.",
)
.required(SEND_AS_FORM);

static FIRST: Key<Count> =
    Key::new("first", Count(0, u32::MAX), "The number of the first page.").default(1);

static PAGE_COUNT: Key<JsonPointer> = Key::new(
    "page_count",
    JsonPointer,
    "Where the number of pages is; absent: a page without items is the last.",
);

/// The kinds as they are written in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cursor,
    PageNumber,
    NextUri,
    Link,
}

fn read_kind(table: &Table, kind: Kind, request: &RequestParts) -> Option<PagingSpec> {
    let items = table.required(&ITEMS);
    let max_pages = table.value(&MAX_PAGES);
    let max_items = table.value(&MAX_ITEMS) as usize;
    let pause = table.value(&PAUSE);
    let kind = match kind {
        Kind::Cursor => {
            let next = table.required(&NEXT_CURSOR);
            let send_as = send_as(table, request);
            PagingKind::Cursor { next: next?, send_as: send_as? }
        }
        Kind::PageNumber => {
            let send_as = send_as(table, request);
            let first = u64::from(table.value(&FIRST));
            let page_count = table.optional(&PAGE_COUNT);
            PagingKind::PageNumber { send_as: send_as?, first, page_count }
        }
        Kind::NextUri => PagingKind::NextUri { next: table.required(&NEXT_URI)? },
        Kind::Link => PagingKind::LinkHeader,
    };
    Some(PagingSpec { kind, items: items?, max_pages, max_items, pause })
}

/// Where the cursor or page number goes, which must not be taken by something else.
fn send_as(table: &Table, request: &RequestParts) -> Option<SendAs> {
    let text = table.required(&SEND_AS)?;
    match text.split_once(':') {
        Some(("query", name)) if !name.is_empty() => {
            if request.query.iter().any(|(taken, _)| taken == name) {
                table.refuse(&SEND_AS, "a parameter that `query` does not have already");
                return None;
            }
            Some(SendAs::Query(name.to_owned()))
        }
        Some(("json", name)) if !name.is_empty() => {
            let Some(object) = request.body.as_ref().and_then(|body| body.value.as_object()) else {
                table.refuse(&SEND_AS, "\"query:NAME\": the source has no `json` table");
                return None;
            };
            if object.contains_key(name) {
                table.refuse(&SEND_AS, "a key that `json` does not have already");
                return None;
            }
            Some(SendAs::Json(name.to_owned()))
        }
        _ => {
            table.refuse(&SEND_AS, SEND_AS_FORM);
            None
        }
    }
}
