//! The `paging` table of a source.

use std::time::Duration;

use crate::domain::json::Pointer;
use crate::policy::paging::spec::{PagingKind, PagingSpec, SendAs};

use super::source::Body;
use super::table::Table;

const SEND_AS_FORM: &str =
    "\"query:NAME\" for a query parameter or \"json:NAME\" for a key of the JSON body";

/// The kinds as they are written in the configuration.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Cursor,
    PageNumber,
    NextUri,
    Link,
}

/// Reads `paging` out of a source's table; absent or wrong: none.
pub(super) fn read(
    source: &mut Table,
    body: Option<&Body>,
    query: &[(String, String)],
) -> Option<PagingSpec> {
    let mut table = source.table("paging")?;
    let spec = read_table(&mut table, body, query);
    table.finish();
    spec
}

fn read_table(
    table: &mut Table,
    body: Option<&Body>,
    query: &[(String, String)],
) -> Option<PagingSpec> {
    let kinds = [
        ("cursor", Kind::Cursor),
        ("page_number", Kind::PageNumber),
        ("next_uri", Kind::NextUri),
        ("link", Kind::Link),
    ];
    let Some(kind) = table.choice("kind", &kinds) else {
        if !table.has("kind") {
            table.refuse("kind", "\"cursor\", \"page_number\", \"next_uri\" or \"link\"");
        }
        // Which keys are right depends on the kind.
        table.give_up();
        return None;
    };
    let items = required_pointer(table, "items", "the page's list of items");
    let max_pages = table.integer("max_pages", 1..=10_000, 20);
    let max_items = table.count("max_items", 1..=10_000_000, 1000);
    let pause = table.duration("pause", Duration::ZERO..=Duration::from_mins(1), Duration::ZERO);
    let kind = match kind {
        Kind::Cursor => {
            let next = required_pointer(table, "next", "the next page's cursor");
            let send_as = send_as(table, body, query);
            PagingKind::Cursor { next: next?, send_as: send_as? }
        }
        Kind::PageNumber => {
            let send_as = send_as(table, body, query);
            let first = u64::from(table.integer("first", 0..=u32::MAX, 1));
            let page_count = optional_pointer(table, "page_count");
            PagingKind::PageNumber { send_as: send_as?, first, page_count }
        }
        Kind::NextUri => {
            PagingKind::NextUri { next: required_pointer(table, "next", "the next page's URI")? }
        }
        Kind::Link => PagingKind::LinkHeader,
    };
    Some(PagingSpec { kind, items: items?, max_pages, max_items, pause })
}

fn required_pointer(table: &mut Table, key: &'static str, of: &str) -> Option<Pointer> {
    if !table.has(key) {
        let what = format!("the JSON Pointer of {of}, such as \"/{key}\"");
        table.required_text(key, &what);
        return None;
    }
    optional_pointer(table, key)
}

fn optional_pointer(table: &mut Table, key: &'static str) -> Option<Pointer> {
    let text = table.text(key)?;
    match Pointer::try_new(text) {
        Ok(pointer) => Some(pointer),
        Err(error) => {
            table.refuse(key, &format!("a JSON Pointer ({error})"));
            None
        }
    }
}

/// Where the cursor or page number goes, which must not be taken by something else.
fn send_as(table: &mut Table, body: Option<&Body>, query: &[(String, String)]) -> Option<SendAs> {
    let text = table.required_text("send_as", SEND_AS_FORM)?;
    match text.split_once(':') {
        Some(("query", name)) if !name.is_empty() => {
            if query.iter().any(|(taken, _)| taken == name) {
                table.refuse("send_as", "a parameter that `query` does not have already");
                return None;
            }
            Some(SendAs::Query(name.to_owned()))
        }
        Some(("json", name)) if !name.is_empty() => {
            let Some(object) = body.and_then(|body| body.value.as_object()) else {
                table.refuse("send_as", "\"query:NAME\": the source has no `json` table");
                return None;
            };
            if object.contains_key(name) {
                table.refuse("send_as", "a key that `json` does not have already");
                return None;
            }
            Some(SendAs::Json(name.to_owned()))
        }
        _ => {
            table.refuse("send_as", SEND_AS_FORM);
            None
        }
    }
}
