//! The `paging` of a source: what is refused, at which key and in which words, and what is read.

use super::{BASE, assert_refused, good};
use crate::model::json::Pointer;
use crate::policy::paging::paging_spec::{PagingKind, PagingSpec};
use crate::policy::paging::send_as::SendAs;

#[test]
fn rules_of_paging() {
    let cursor = "kind = 'cursor', items = '/i', next = '/n'";
    let pages = "kind = 'page_number', items = '/i', send_as = 'query:p'";
    let cases = [
        ("items = '/i'".to_owned(), "kind", "found nothing"),
        ("kind = 'pages'".to_owned(), "kind", "\"cursor\" or"),
        ("kind = 'link'".to_owned(), "items", "JSON Pointer of the page's list"),
        ("kind = 'link', items = 'i'".to_owned(), "items", "begins with '/'"),
        ("kind = 'link', items = '', next = '/n'".to_owned(), "next", "unknown key"),
        ("kind = 'next_uri', items = '/i'".to_owned(), "next", "the next page's URI"),
        (cursor.to_owned(), "send_as", "\"query:NAME\""),
        (format!("{cursor}, send_as = 'header:x'"), "send_as", "\"query:NAME\""),
        (format!("{cursor}, send_as = 'query:'"), "send_as", "\"query:NAME\""),
        (format!("{cursor}, send_as = 'query:taken'"), "send_as", "`query` does not have"),
        (format!("{cursor}, send_as = 'json:cursor'"), "send_as", "no `json` table"),
        (format!("{cursor}, send_as = 'query:c', max_pages = 0"), "max_pages", "from 1"),
        (format!("{cursor}, send_as = 'query:c', max_items = 0"), "max_items", "from 1"),
        (format!("{cursor}, send_as = 'query:c', pause = '2m'"), "pause", "to 1m"),
        (format!("{pages}, page_count = 'n'"), "page_count", "begins with '/'"),
        (
            "kind = 'cursor', items = '/d', next = '/d/-1/id', send_as = 'query:c'".to_owned(),
            "next",
            "$.items[-1].id",
        ),
        (format!("{cursor}, send_as = 'query:c', last = 0"), "last", "such as [0, -1"),
        ("kind = 'offset', items = '/i'".to_owned(), "send_as", "\"query:NAME\""),
        (format!("{pages}, end_statuses = [500]"), "end_statuses", "from 400 to 499"),
    ];
    for (paging, key, words) in cases {
        let text = format!("[sources.crm]\nquery = {{ taken = 1 }}\npaging = {{ {paging} }}");
        assert_refused(&text, &format!("sources.crm.paging.{key}"), words);
    }
    let text = format!(
        "[sources.crm]\nmethod = 'POST'\njson = {{ taken = 1 }}\n\
         paging = {{ {cursor}, send_as = 'json:taken' }}"
    );
    assert_refused(&text, "sources.crm.paging.send_as", "`json` does not have");
    for (place, words) in [
        ("json:paging.pageNumber", "\"json:/paging/pageNumber\" for a place within"),
        ("json:/taken/x", "leads through something else"),
        ("json:/a~", "must be followed by 0"),
    ] {
        let text = format!(
            "[sources.crm]\nmethod = 'POST'\njson = {{ taken = 1 }}\n\
             paging = {{ {cursor}, send_as = '{place}' }}"
        );
        assert_refused(&text, "sources.crm.paging.send_as", words);
    }
}

/// The paging of a source with a JSON body.
fn paging(text: &str) -> PagingSpec {
    let more = format!("[sources.crm]\nmethod = 'POST'\njson = {{}}\npaging = {{ {text} }}");
    let settings = good(&BASE.replace("[sources.crm]", &more));
    let paging = settings.sources.into_iter().find_map(|source| source.policies.paging);
    paging.expect("paging")
}

#[test]
fn every_kind_of_paging_can_be_configured() {
    let spec = paging("kind = 'cursor', items = '/i', next = '/n', send_as = 'json:c'");
    assert_eq!((spec.max_pages, spec.max_items, spec.pause.as_millis()), (20, 1000, 0));
    let PagingKind::Cursor { send_as, .. } = spec.kind else { panic!("{spec:?}") };
    assert_eq!(send_as, SendAs::Json(Pointer::of_name("c")));
    let spec = paging("kind = 'page_number', items = '', send_as = 'query:p', first = 0");
    let PagingKind::PageNumber { send_as, first, page_count } = spec.kind else {
        panic!("{spec:?}")
    };
    assert_eq!((send_as, first, page_count), (SendAs::Query("p".to_owned()), 0, None));
    let spec = paging("kind = 'next_uri', items = '/i', next = '/n'");
    assert!(matches!(spec.kind, PagingKind::NextUri { .. }));
    assert!(matches!(paging("kind = 'link', items = '/i'").kind, PagingKind::LinkHeader { .. }));
}
