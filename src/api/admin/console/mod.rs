//! `GET /console`: one page that shows what the service does, live.
//!
//! It is whole in itself: its style and its scripts stand in it, and the policy that is sent along
//! (Content Security Policy Level 3, W3C) lets a browser run exactly those and ask nobody but this
//! service. What came from outside is put on the page as text only.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use crate::model::record::span::SpanKind;
use crate::model::reply::outcome::Outcome;

const PAGE: &str = include_str!("page.html");
const STYLE: (&str, &str) =
    (r#"<link rel="stylesheet" href="style.css">"#, include_str!("style.css"));
/// Where the tables go that the program and the page have in common.
const TABLES: &str = r#"<script src="tables.js"></script>"#;
const SCRIPTS: [(&str, &str); 5] = [
    (r#"<script src="words.js"></script>"#, include_str!("words.js")),
    (r#"<script src="waterfall.js"></script>"#, include_str!("waterfall.js")),
    (r#"<script src="sources.js"></script>"#, include_str!("sources.js")),
    (r#"<script src="live.js"></script>"#, include_str!("live.js")),
    (r#"<script src="page.js"></script>"#, include_str!("page.js")),
];

static CONSOLE: LazyLock<Console> = LazyLock::new(Console::put_together);

pub(super) async fn console() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, CONSOLE.policy.as_str()))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(CONSOLE.page.as_str())
}

struct Console {
    page: String,
    policy: String,
}

impl Console {
    /// The page with everything in it that it refers to as files.
    fn put_together() -> Self {
        let (link, style) = STYLE;
        let mut page = PAGE.replace(link, &format!("<style>{style}</style>"));
        let tables = tables();
        let all = SCRIPTS.iter().copied().chain([(TABLES, tables.as_str())]);
        let mut scripts = Vec::new();
        for (tag, script) in all {
            page = page.replace(tag, &format!("<script>{script}</script>"));
            scripts.push(source_hash(script));
        }
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            scripts.join(" "),
            source_hash(style),
        );
        Self { page, policy }
    }
}

/// What the page has to know of outcomes and spans, from where the program knows it.
fn tables() -> String {
    let outcomes = Outcome::ALL.map(|one| (one.as_str().to_owned(), one.quality().as_str().into()));
    let spans = SpanKind::WITHOUT_ATTEMPTS.map(|kind| {
        let facts = kind.facts();
        (facts.label.to_owned(), json!({ "words": facts.words, "is_wait": facts.is_wait }))
    });
    let [outcomes, spans] = [Map::from_iter(outcomes), Map::from_iter(spans)].map(Value::Object);
    format!("\"use strict\";\nconst OUTCOMES = {outcomes};\nconst SPANS = {spans};\n")
}

/// The text's hash as the policy names it.
fn source_hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_refers_to_nothing_outside_of_itself() {
        let page = &CONSOLE.page;
        for (_, text) in SCRIPTS.iter().chain([&STYLE]) {
            assert!(page.contains(text), "a part is missing");
        }
        assert!(page.contains(&tables()), "the tables are missing");
        for outside in ["<link rel=\"s", " src=", "http:", "https:", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn nothing_on_the_page_is_made_from_text_as_html() {
        for html in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(SCRIPTS.iter().all(|(_, script)| !script.contains(html)), "{html}");
        }
    }
}
