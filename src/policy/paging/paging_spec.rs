//! How a source's following pages are found and asked for, and where to stop, as it was configured.

use std::time::Duration;

use serde_json::Value;

use crate::config::form::{Text, Word};
use crate::config::key::Key;
use crate::config::list_form::AnyValue;
use crate::config::model_forms::JsonPointer;
use crate::config::number_form::{Count, Time};
use crate::config::plan_lines::PlanLines;
use crate::config::section::{Kind as SectionKind, Section};
use crate::config::table::Table;
use crate::model::action::fields::FieldPath;
use crate::model::json::Pointer;
use crate::policy::paging::list_end::{self, ListEnd};
use crate::policy::paging::send_as::{SEND_AS, SendAs};
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
    /// What else ends the list.
    pub end: ListEnd,
}

/// How the next page is found. A new kind is a variant here, with its keys, and its arms in `next_page.rs`.
#[derive(Debug, Clone, PartialEq)]
pub enum PagingKind {
    /// The page carries a cursor that is sent with the next request; none: the last page.
    Cursor {
        /// Where the cursor is.
        next: FieldPath,
        /// Where it goes in the next request.
        send_as: SendAs,
        /// Cursors that are none: they end the list.
        last: Vec<Value>,
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
    /// The number of the first item of the page is sent with each request.
    Offset {
        /// Where the number goes in the request.
        send_as: SendAs,
        /// The number of the first item of all.
        first: u64,
        /// By how much it grows with each page; absent: by as many items as came.
        step: Option<u64>,
    },
    /// The page names the next one by its URI.
    NextUri {
        /// Where the URI is.
        next: Pointer,
        /// What becomes of one of another origin.
        origin: NextOrigin,
    },
    /// A `Link` header with `rel="next"` (RFC 8288) names the next page.
    LinkHeader {
        /// What becomes of one of another origin.
        origin: NextOrigin,
    },
}

/// What becomes of a next page of another origin. The request carries the source's credentials, so it is
/// never sent there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextOrigin {
    /// It is not asked for.
    Refuse,
    /// Its path and query are asked for at the source's own origin.
    Replace,
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
    /// Whether the upstream says how many pages there are: then two of them may well be alike.
    pub fn knows_page_count(&self) -> bool {
        matches!(self, Self::PageNumber { page_count: Some(_), .. })
    }

    /// Its word in the configuration.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Cursor { .. } => "cursor",
            Self::PageNumber { .. } => "page_number",
            Self::Offset { .. } => "offset",
            Self::NextUri { .. } => "next_uri",
            Self::LinkHeader { .. } => "link",
        }
    }
}

/// `[sources.NAME.paging]`.
pub(crate) static PAGING: Section = Section {
    kinds: &[
        SectionKind {
            word: "cursor",
            help: "The page carries a cursor that is sent with the next request; none: the last page.",
            keys: &[&NEXT_CURSOR, &SEND_AS, &LAST],
        },
        SectionKind {
            word: "page_number",
            help: "The number of the page is sent with each request.",
            keys: &[&SEND_AS, &FIRST, &PAGE_COUNT],
        },
        SectionKind {
            word: "offset",
            help: "The number of the page's first item is sent with each request; a page without items is the last.",
            keys: &[&SEND_AS, &FIRST_OFFSET, &STEP],
        },
        SectionKind {
            word: "next_uri",
            help: "The page names the next one by its URI, which must be of the same origin.",
            keys: &[&NEXT_URI, &NEXT_ORIGIN],
        },
        SectionKind {
            word: "link",
            help: "A `Link` header with `rel=\"next\"` names the next page, of the same origin.",
            keys: &[&NEXT_ORIGIN],
        },
    ],
    groups: &[&list_end::KEYS],
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
        ("offset", Kind::Offset),
        ("next_uri", Kind::NextUri),
        ("link", Kind::Link),
    ]),
    "How the next page is found.",
)
.required("\"cursor\", \"page_number\", \"offset\", \"next_uri\" or \"link\"");

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

static NEXT_CURSOR: Key<Text> = Key::new(
    "next",
    Text,
    "Where the next page's cursor is: a JSON Pointer such as \"/next\", or a JSONPath such as \"$.items[-1].id\", the last item's id.",
)
.required(NEXT_FORM);

const NEXT_FORM: &str = "the JSON Pointer of the next page's cursor, such as \"/next\", or a JSONPath such \
                         as \"$.items[-1].id\"";

static LAST: Key<AnyValue> = Key::new(
    "last",
    AnyValue,
    "Cursors that are none, besides null, false and \"\": they end the list, such as [0, -1, \"0\"].",
);

static FIRST_OFFSET: Key<Count> =
    Key::new("first", Count(0, u32::MAX), "The number of the first item.").default(0);

static STEP: Key<Count> = Key::new(
    "step",
    Count(1, 1_000_000),
    "By how much the number grows with each page; absent: by as many items as came.",
);

static NEXT_URI: Key<JsonPointer> = Key::new("next", JsonPointer, "Where the next page's URI is.")
    .required("the JSON Pointer of the next page's URI, such as \"/next\"");

static NEXT_ORIGIN: Key<Word<NextOrigin>> = Key::new(
    "next_origin",
    Word(&[("refuse", NextOrigin::Refuse), ("replace", NextOrigin::Replace)]),
    "What becomes of a next page on another scheme, host or port, such as an internal name: it is not asked for, or its path and query are asked for at the source's own.",
)
.default(NextOrigin::Refuse);

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
    Offset,
    NextUri,
    Link,
}

fn read_kind(table: &Table, kind: Kind, request: &RequestParts) -> Option<PagingSpec> {
    let items = table.required(&ITEMS);
    let max_pages = table.value(&MAX_PAGES);
    let max_items = table.value(&MAX_ITEMS) as usize;
    let pause = table.value(&PAUSE);
    let end = ListEnd::read(table);
    let kind = match kind {
        Kind::Cursor => {
            let (next, last) = (next_cursor(table), last(table));
            let send_as = SendAs::read(table, request);
            PagingKind::Cursor { next: next?, send_as: send_as?, last: last? }
        }
        Kind::PageNumber => {
            let send_as = SendAs::read(table, request);
            let first = u64::from(table.value(&FIRST));
            let page_count = table.optional(&PAGE_COUNT);
            PagingKind::PageNumber { send_as: send_as?, first, page_count }
        }
        Kind::Offset => {
            let send_as = SendAs::read(table, request);
            let first = u64::from(table.value(&FIRST_OFFSET));
            let step = table.optional(&STEP).map(u64::from);
            PagingKind::Offset { send_as: send_as?, first, step }
        }
        Kind::NextUri => {
            let origin = table.value(&NEXT_ORIGIN);
            PagingKind::NextUri { next: table.required(&NEXT_URI)?, origin }
        }
        Kind::Link => PagingKind::LinkHeader { origin: table.value(&NEXT_ORIGIN) },
    };
    Some(PagingSpec { kind, items: items?, max_pages, max_items, pause, end })
}

/// Where the next cursor is; a pointer that could lead nowhere is refused.
fn next_cursor(table: &Table) -> Option<FieldPath> {
    let text = table.required(&NEXT_CURSOR)?;
    let counts_from_the_end =
        |name: &str| name == "-" || name.parse::<i64>().is_ok_and(|at| at < 0);
    match FieldPath::try_new(&text) {
        Ok(FieldPath::Pointer(pointer)) if pointer.names().into_iter().any(counts_from_the_end) => {
            let allowed =
                "a JSONPath such as \"$.items[-1].id\": a JSON Pointer does not count from the end";
            table.refuse(&NEXT_CURSOR, allowed);
            None
        }
        Ok(path) => Some(path),
        Err(error) => {
            table.refuse(&NEXT_CURSOR, &format!("{NEXT_FORM} ({error})"));
            None
        }
    }
}

/// The cursors that end the list.
fn last(table: &Table) -> Option<Vec<Value>> {
    match table.optional(&LAST) {
        None => Some(Vec::new()),
        Some(Value::Array(values))
            if !values.iter().any(|one| one.is_array() || one.is_object()) =>
        {
            Some(values)
        }
        Some(_) => {
            table.refuse(&LAST, "a list of texts and numbers, such as [0, -1, \"0\"]");
            None
        }
    }
}
