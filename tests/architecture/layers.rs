//! The layers: which part of the crate may use which. Read from the sources, so that a shortcut
//! between layers is noticed when it is taken.

use std::collections::BTreeSet;

use crate::source_text::{absolute, paths};
use crate::sources::sources;

/// What each part may use of the others. A longer path allows that module or item only.
const LAYERS: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("clock", &[]),
    ("simulator", &[]),
    ("telemetry", &["model"]),
    // The client knows nothing of sources and nothing of the policies around it.
    ("http", &["model", "clock"]),
    // Each policy's keys stand beside what it does with them.
    ("policy", &["config", "http", "model", "clock"]),
    ("export", &["model", "policy::source_spec"]),
    // It knows no key of the configuration.
    ("config", &["model"]),
    // What sources and credentials go by is read beside it; how they do it is none of its business.
    (
        "settings",
        &[
            "config",
            "model",
            "policy::auth::credential_spec",
            "policy::empty_body",
            "policy::paging::paging_spec",
            "policy::paging::send_as",
            "policy::request_spec",
            "policy::request_url",
            "policy::source_spec",
        ],
    ),
    ("actors", &["policy", "http", "model", "clock"]),
    // Of the policies: the headers to pass on, what sources are configured as, and what operators
    // look at; of what the service tells about itself: the last requests.
    (
        "api",
        &[
            "actors",
            "model",
            "clock",
            "telemetry::recent",
            "policy::request::Forwarded",
            "policy::source_spec",
            "policy::source_state::SourceState",
        ],
    ),
    (
        "app",
        &[
            "api",
            "actors",
            "policy",
            "http",
            "clock",
            "settings",
            "telemetry",
            "export",
            "model",
            "simulator",
            "signals",
        ],
    ),
    ("signals", &[]),
    ("cli", &["app", "export", "settings", "telemetry", "model", "simulator", "signals"]),
];

/// The policies around an exchange. None knows another one: only `policy::pipeline` puts them in an
/// order, and holds what each needs.
const POLICIES: [&str; 10] = [
    "auth",
    "breaker",
    "classify",
    "concurrency",
    "exchange",
    "paging",
    "parse",
    "rate_limit",
    "render",
    "retry",
];

/// What decides in the policies: pure as the domain is, so that it can be tried with any time.
const PURE: [&[&str]; 19] = [
    &["policy", "auth", "token_refusals"],
    &["policy", "auth", "credential_spec"],
    &["policy", "breaker", "breaker_spec"],
    &["policy", "breaker", "circuit_breaker"],
    &["policy", "empty_body"],
    &["policy", "exchange_spec"],
    &["policy", "paging", "gathered"],
    &["policy", "paging", "page"],
    &["policy", "paging", "paging_spec"],
    &["policy", "rate_limit", "sliding_log"],
    &["policy", "rate_limit", "throttled"],
    &["policy", "rate_limit", "rate_limit_spec"],
    &["policy", "retry", "backoff"],
    &["policy", "retry", "budget"],
    &["policy", "retry", "decision"],
    &["policy", "retry", "retry_spec"],
    &["policy", "request_spec"],
    &["policy", "request_url"],
    &["policy", "source_spec"],
];

/// What would make the pure part depend on a runtime, a network or the time of day.
const IMPURE: [&str; 17] = [
    "crate::clock",
    "actix",
    "actix_rt",
    "actix_web",
    "actix_http",
    "actix_server",
    "awc",
    "tokio",
    "tokio_rustls",
    "socket2",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::thread",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "Instant::now",
    "SystemTime::now",
];

fn starts_with_path(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What a module uses although its layer may not.
fn violations(module: &[&str], source: &str) -> Vec<String> {
    let layer = module[0];
    let allowed = LAYERS.iter().find(|(name, _)| *name == layer).map(|(_, allowed)| *allowed);
    let Some(allowed) = allowed else {
        return vec![format!("the layer {layer} is not in the table")];
    };
    let mut found = Vec::new();
    // A module may hold others in braces (`mod tests`), in which `super` is one step less.
    let inner: Vec<&str> = module.iter().copied().chain(["inner"]).collect();
    for path in paths(source) {
        let mut seen = BTreeSet::from([absolute(&path, module)]);
        // In `mod tests { use super::…; }` of a layer's top file, `super` is the layer itself.
        if path.starts_with("super::") && module.len() == 1 {
            seen = BTreeSet::from([absolute(&path, &inner)]);
        }
        for path in seen {
            let Some(ours) = path.strip_prefix("crate::") else { continue };
            let top = ours.split("::").next().unwrap_or_default();
            let is_layer = LAYERS.iter().any(|(name, _)| *name == top);
            let may = top == layer || allowed.iter().any(|start| starts_with_path(ours, start));
            if is_layer && !may || is_neighbour(ours, module) {
                found.push(path);
            }
        }
    }
    if layer == "model" || PURE.iter().any(|pure| module.starts_with(pure)) {
        let impure = |path: &String| IMPURE.iter().any(|bad| is_within(path, bad));
        found.extend(paths(source).into_iter().filter(impure));
    }
    found
}

/// Whether the path leads from one policy to another.
fn is_neighbour(path: &str, module: &[&str]) -> bool {
    let ["policy", policy, ..] = module else { return false };
    let other = path.strip_prefix("policy::").and_then(|path| path.split("::").next());
    POLICIES.contains(policy)
        && other.is_some_and(|other| other != *policy && POLICIES.contains(&other))
}

/// Whether the path begins with `bad`, or ends with it where `bad` is a function.
fn is_within(path: &str, bad: &str) -> bool {
    starts_with_path(path, bad) && (path != bad || bad.contains("::"))
        || path.ends_with(&format!("::{bad}"))
}

#[test]
fn every_layer_uses_only_what_lies_below_it() {
    let mut found = Vec::new();
    for file in sources() {
        let module: Vec<&str> = file.module.iter().map(String::as_str).collect();
        // They only tie the crate together. The domain's tests may have a real clock to start from.
        if matches!(module.as_slice(), ["main" | "lib"] | ["model", "time", "test_clock"]) {
            continue;
        }
        let wrong = violations(&module, &file.text);
        found.extend(wrong.into_iter().map(|path| format!("{} uses {path}", file.path)));
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_document_says_the_same_of_each_layer() {
    let page = include_str!("../../docs/ARCHITECTURE.md");
    let (_, table) = page.split_once("| layer | holds | may import |").expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut told = std::collections::BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        let [_, layers, _, may, _] = cells.as_slice() else { panic!("{row}") };
        told.extend(names(layers).into_iter().map(|layer| (layer, names(may))));
    }
    let top = |path: &&str| path.split("::").next().unwrap_or_default().to_owned();
    let all = LAYERS.map(|(layer, may)| (layer.to_owned(), may.iter().map(top).collect()));
    assert_eq!(told, all.into_iter().collect());
}

#[test]
fn every_module_of_the_crate_is_in_the_table() {
    let lib = include_str!("../../src/lib.rs");
    let declared = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let known: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    assert_eq!(declared.collect::<BTreeSet<_>>(), known);
}

#[test]
fn a_panic_never_ends_the_process() {
    let manifest = include_str!("../../Cargo.toml");
    let setting =
        |line: &str| line.split('#').next().unwrap_or_default().replace([' ', '\''], "\"");
    let aborts = manifest.lines().map(setting).any(|line| {
        let line = line.replace('"', "");
        line == "panic=abort"
    });
    assert!(!aborts, "a panic must cost one answer, not all of them");
}

#[test]
fn the_checker_sees_a_violation_however_it_is_written() {
    for (module, source) in [
        ("policy", "use crate::actors::token::TokenActor;"),
        ("policy", "use crate::{actors, model};"),
        ("policy", "use crate::{model::id::Id, actors::{coordinator, source as s}};"),
        ("policy", "use crate :: actors :: token ;"),
        ("policy", "use crate::\n    // why\n    actors::token;"),
        ("policy", "fn f() { crate::actors::token::start(); }"),
        ("policy", "fn f(x: &crate::actors::X) -> Vec<crate::model::Y> {}"),
        ("policy", "use super::super::actors::token;"),
        ("policy", "use super::super::{actors::token};"),
        ("policy", "pub use crate::actors::*;"),
        ("policy", "use crate::settings::Settings;"),
        ("policy", "let s = \"// no comment\"; use crate::api::problem;"),
        ("policy", "let c = '\"'; use crate::api::problem; let d = '\"';"),
        ("policy", "fn f<'a>(x: &'a str) { crate::app::start(x) }"),
        ("policy", "let s = r#\"a\"b\"#; use crate::app;  crate::app::x();"),
        ("settings", "use crate::clock;"),
        ("config", "use crate::settings::Settings;"),
        ("config", "use crate::policy::source_spec::SOURCE;"),
        ("settings", "use crate::policy::breaker::circuit_breaker::Breaker;"),
        ("http", "use crate::policy::rate_limit::bucket::Bucket;"),
        ("telemetry", "use crate::settings::Settings;"),
        ("actors", "use crate::api::problem::Problem;"),
        ("actors", "use crate::settings::Settings;"),
        ("api", "use crate::settings::Settings;"),
        ("api", "use crate::policy::request::{Forwarded, Request};"),
        ("api", "use crate::http::connect;"),
        ("simulator", "use crate::model::id::Id;"),
        ("simulator", "use crate::clock;"),
        ("model", "use crate::clock;"),
        ("model", "use tokio::sync::Mutex;"),
        ("model", "use std::{fmt, time::{Duration, Instant}}; fn f() { Instant::now(); }"),
        ("model", "fn f() { std::time::Instant::now(); }"),
        ("model", "fn f() { std::time::SystemTime::now(); }"),
        ("model", "use std::thread::sleep;"),
        ("model", "use std::{io, thread::sleep};"),
        ("model", "use actix::{Actor, Addr};"),
        ("model", "use awc::http::StatusCode;"),
    ] {
        assert!(!violations(&[module, "some"], source).is_empty(), "{module}: {source}");
    }
}

#[test]
fn the_checker_lets_everything_else_through() {
    for (module, source) in [
        ("policy", "use crate::{model::{id::Id, json}, clock};"),
        ("policy", "// use crate::actors::token;\n/* crate::api::x /* nested */ crate::app */"),
        ("policy", "/// See [`crate::actors::token`].\nfn f() {}"),
        ("policy", "let s = \"crate::actors::token\"; let r = r#\"crate::\"api::x\"#;"),
        ("policy", "use super::failures::of_exchange; use self::inner::X;"),
        ("policy", "use tokio::time::Instant; fn f() { actors::x(); }"),
        (
            "api",
            "use crate::{clock, policy::request::Forwarded}; use crate::actors::source_actor::Fetch;",
        ),
        ("app", "use crate::{api, actors, settings::Settings};"),
        ("model", "use std::time::{Duration, Instant}; fn f(now: Instant) {}"),
        ("model", "use super::ids::Id; use crate::model::json::Json;"),
        ("model", "use std::net::IpAddr; // tokio::sync, Instant::now()"),
        ("simulator", "use super::plan::Plan; use tokio::time::sleep;"),
    ] {
        assert_eq!(
            violations(&[module, "some"], source),
            Vec::<String>::new(),
            "{module}: {source}"
        );
    }
}

#[test]
fn no_policy_knows_its_neighbour_and_what_decides_is_pure() {
    for (module, source) in [
        (["policy", "auth", "authorized"], "use crate::policy::retry::retried::Retried;"),
        (["policy", "paging", "page"], "use super::super::parse::Parsed;"),
        (["policy", "breaker", "circuit_breaker"], "fn f() { std::time::Instant::now(); }"),
        (["policy", "breaker", "circuit_breaker"], "use crate::clock;"),
        (["policy", "retry", "decision"], "use tokio::time::sleep;"),
    ] {
        assert!(!violations(&module, source).is_empty(), "{source}");
    }
    let own = "use super::state::Breaker; use crate::policy::{fetch_context::Context, step::Step};";
    assert_eq!(violations(&["policy", "breaker", "guarded"], own), Vec::<String>::new());
    let all = "use super::auth::authorized::Authorized; use super::breaker::guarded::Guarded;";
    assert_eq!(violations(&["policy", "pipeline"], all), Vec::<String>::new());
}
