//! What ends a list besides that nothing names another page.

use crate::config::form::Flag;
use crate::config::key::{AnyKey, Key};
use crate::config::list_form::Numbers;
use crate::config::model_forms::JsonPointer;
use crate::config::number_form::Count;
use crate::config::table::Table;
use crate::model::failure::Failure;
use crate::model::json::{Json, Kind, Pointer};
use crate::policy::failures::unusable;
use crate::policy::paging::page::Page;

const NO_LIST: &str = "the page has no array where its items should be";
const NO_LIST_AT_ALL: &str = "the page has no array where its items should be, nor anything else \
                              (items_optional lets an empty list be left out)";

/// What ends a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEnd {
    /// Where the page says whether there are more.
    more: Option<Pointer>,
    /// Where the page says how many items there are over all pages.
    total: Option<Pointer>,
    /// How many items a page has that is not the last.
    page_size: Option<usize>,
    /// Statuses that say so in place of a page, but for the first.
    statuses: Vec<u16>,
    /// Whether a page without a list is one without items.
    items_optional: bool,
}

/// Its keys in the table of the paging.
pub(super) const KEYS: [&dyn AnyKey; 5] =
    [&MORE, &TOTAL, &PAGE_SIZE, &END_STATUSES, &ITEMS_OPTIONAL];

static MORE: Key<JsonPointer> = Key::new(
    "more",
    JsonPointer,
    "Where the page says whether there are more: false, 0, \"false\", \"0\", \"\" and null end the list.",
);

static TOTAL: Key<JsonPointer> = Key::new(
    "total",
    JsonPointer,
    "Where the page says how many items all pages have together; so many end the list.",
);

static PAGE_SIZE: Key<Count> = Key::new(
    "page_size",
    Count(1, 1_000_000),
    "How many items a page has; one with fewer ends the list.",
);

static END_STATUSES: Key<Numbers> = Key::new(
    "end_statuses",
    Numbers(400, 499),
    "Statuses that end the list where a later page was asked for; of the first page they are failures.",
)
.default(&[]);

static ITEMS_OPTIONAL: Key<Flag> = Key::new(
    "items_optional",
    Flag,
    "Whether a page without a list at `items`, or with null there, is one without items.",
)
.default(false);

impl ListEnd {
    /// Reads its keys; what is wrong is in the report.
    pub(super) fn read(table: &Table) -> Self {
        Self {
            more: table.optional(&MORE),
            total: table.optional(&TOTAL),
            page_size: table.optional(&PAGE_SIZE).map(|size| size as usize),
            statuses: table.value(&END_STATUSES),
            items_optional: table.value(&ITEMS_OPTIONAL),
        }
    }

    /// Whether this page is the last, with so many items on all pages so far.
    ///
    /// # Errors
    /// A failure if the page does not say what it should.
    pub(super) fn is_after(&self, page: &Page, items: usize) -> Result<bool, Failure> {
        if let Some(more) = &self.more {
            let missing = || unusable("the page does not say whether there are more (more)");
            if is_no(&page.json.pointer(more).ok_or_else(missing)?) {
                return Ok(true);
            }
        }
        if let Some(total) = &self.total {
            let missing = || unusable("the page does not say how many items there are (total)");
            let total = number_at(&page.json, total).ok_or_else(missing)?;
            if u64::try_from(items).is_ok_and(|items| items >= total) {
                return Ok(true);
            }
        }
        Ok(self.page_size.is_some_and(|size| page.items.len() < size))
    }

    /// Whether a failure of a later page only says that there is none.
    pub(super) fn is_told_by(&self, failure: &Failure) -> bool {
        failure.status.is_some_and(|status| self.statuses.contains(&status))
    }

    /// The items at this place of a page.
    ///
    /// # Errors
    /// A failure if there is no list.
    pub(super) fn items(&self, page: &Json, place: &Pointer) -> Result<Vec<Json>, Failure> {
        let found = page.pointer(place);
        let is_nothing = found.as_ref().is_none_or(|found| found.kind() == Kind::Null);
        if is_nothing && self.items_optional {
            return Ok(Vec::new());
        }
        let missing = || unusable(if is_nothing { NO_LIST_AT_ALL } else { NO_LIST });
        found.and_then(|items| items.items()).map(Iterator::collect).ok_or_else(missing)
    }
}

/// A whole number, also one that is written as a text or as `2.0`.
pub(super) fn number_at(page: &Json, pointer: &Pointer) -> Option<u64> {
    let found = page.pointer(pointer)?;
    let text = found.scalar_text()?;
    let text = text.trim();
    let whole = text.split_once('.').filter(|(_, part)| part.bytes().all(|digit| digit == b'0'));
    whole.map_or(text, |(whole, _)| whole).parse().ok()
}

/// Whether a value says no.
fn is_no(value: &Json) -> bool {
    match value.kind() {
        Kind::Null => true,
        Kind::Bool => value.as_str() == "false",
        Kind::Number => value.as_str().parse::<f64>().is_ok_and(|number| number == 0.0),
        Kind::String => value
            .text()
            .is_some_and(|text| matches!(text.trim(), "" | "0" | "false" | "False" | "FALSE")),
        Kind::Array | Kind::Object => false,
    }
}

#[cfg(test)]
impl ListEnd {
    /// None of all this.
    pub(super) fn none() -> Self {
        Self {
            more: None,
            total: None,
            page_size: None,
            statuses: Vec::new(),
            items_optional: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::hints::ResponseHints;

    fn pointer(text: &str) -> Pointer {
        Pointer::try_new(text).unwrap()
    }

    fn page(text: &str) -> Page {
        let json = Json::parse(text.to_owned().into(), 10).unwrap();
        let items = json.pointer(&pointer("/items")).and_then(|items| items.items());
        let items = items.map(Iterator::collect).unwrap_or_default();
        Page { status: 200, hints: ResponseHints::default(), json, items }
    }

    #[test]
    fn a_flag_that_says_no_ends_the_list_and_one_that_is_missing_is_a_failure() {
        let end = ListEnd { more: Some(pointer("/meta/more")), ..ListEnd::none() };
        let ends = |more: &str| end.is_after(&page(&format!(r#"{{"meta":{{"more":{more}}}}}"#)), 1);
        for no in ["false", "0", "0.0", r#""""#, r#""false""#, r#""0""#, "null"] {
            assert_eq!(ends(no), Ok(true), "{no}");
        }
        for yes in ["true", "1", r#""true""#, r#""abc""#, "[]"] {
            assert_eq!(ends(yes), Ok(false), "{yes}");
        }
        assert!(end.is_after(&page("{}"), 1).is_err());
    }

    #[test]
    fn as_many_items_as_there_are_and_a_short_page_end_the_list() {
        let end = ListEnd { total: Some(pointer("/total")), ..ListEnd::none() };
        for total in ["2", r#""2""#, "2.0", r#"" 2 ""#] {
            let page = page(&format!(r#"{{"total":{total}}}"#));
            assert_eq!(
                (end.is_after(&page, 1), end.is_after(&page, 2)),
                (Ok(false), Ok(true)),
                "{total}"
            );
        }
        for none in ["2.5", r#""two""#, "null", "-1", "[]"] {
            assert!(end.is_after(&page(&format!(r#"{{"total":{none}}}"#)), 1).is_err(), "{none}");
        }
        let end = ListEnd { page_size: Some(2), ..ListEnd::none() };
        assert_eq!(end.is_after(&page(r#"{"items":[1,2]}"#), 2), Ok(false));
        assert_eq!(end.is_after(&page(r#"{"items":[1]}"#), 3), Ok(true));
    }

    #[test]
    fn a_list_may_be_left_out_where_that_is_allowed_and_nothing_else_may_stand_there() {
        let strict = ListEnd::none();
        let lenient = ListEnd { items_optional: true, ..ListEnd::none() };
        let items = |end: &ListEnd, text: &str| end.items(&page(text).json, &pointer("/items"));
        for nothing in ["{}", r#"{"items":null}"#] {
            assert_eq!(items(&lenient, nothing), Ok(Vec::new()));
            let why = items(&strict, nothing).unwrap_err().detail;
            assert!(why.contains("items_optional"), "{why}");
        }
        for wrong in [r#"{"items":{}}"#, r#"{"items":"x"}"#] {
            assert!(items(&lenient, wrong).is_err(), "{wrong}");
        }
    }
}
