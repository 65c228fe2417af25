//! The layers: which part of the crate may use which. Read from the sources, so that a shortcut
//! between layers is noticed when it is taken.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each part may use of the others. A longer path allows that module or item only.
const LAYERS: [(&str, &[&str]); 14] = [
    ("domain", &[]),
    ("clock", &[]),
    ("simulator", &[]),
    ("telemetry", &["domain"]),
    // The client knows nothing of sources and nothing of the policies around it.
    ("http", &["domain", "clock"]),
    ("policy", &["http", "domain", "clock"]),
    ("export", &["domain", "policy::source_spec"]),
    // It knows no key of the configuration.
    ("config", &["domain"]),
    // What the policies go by stands beside them; how they do it is none of its business.
    (
        "settings",
        &[
            "config",
            "domain",
            "policy::auth::spec",
            "policy::breaker::spec",
            "policy::empty_body",
            "policy::paging::spec",
            "policy::rate_limit::spec",
            "policy::retry::backoff",
            "policy::retry::budget",
            "policy::retry::decision",
            "policy::source_spec",
        ],
    ),
    ("actors", &["policy", "http", "domain", "clock"]),
    // Of the policies: the headers to pass on, what sources are configured as, and what operators
    // look at; of what the service tells about itself: the last requests.
    (
        "api",
        &[
            "actors",
            "domain",
            "clock",
            "telemetry::recent",
            "policy::request::Forwarded",
            "policy::source_spec",
            "policy::state::SourceState",
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
            "domain",
            "simulator",
            "signals",
        ],
    ),
    ("signals", &[]),
    ("cli", &["app", "export", "settings", "telemetry", "domain", "simulator", "signals"]),
];

/// The policies around an exchange. None knows another one: only `policy::pipeline` puts them in an
/// order, and `policy::state` and `policy::source_spec` hold what each needs.
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
const PURE: [&[&str]; 12] = [
    &["policy", "auth", "refusals"],
    &["policy", "auth", "spec"],
    &["policy", "breaker", "spec"],
    &["policy", "breaker", "state"],
    &["policy", "empty_body"],
    &["policy", "paging", "spec"],
    &["policy", "rate_limit", "sliding_log"],
    &["policy", "rate_limit", "spec"],
    &["policy", "retry", "backoff"],
    &["policy", "retry", "budget"],
    &["policy", "retry", "decision"],
    &["policy", "source_spec"],
];

/// What would make the pure part depend on a runtime, a network or the time of day.
const IMPURE: [&str; 16] = [
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

/// A word or a sign of Rust source text, without comments, strings and white space.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
    /// `::`
    Path,
}

/// Splits source text into tokens.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut found = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = at(i);
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            i = end_of_comment(&chars, i);
        } else if let Some(end) = end_of_raw_string(&chars, i) {
            i = end;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' {
            // A character, or a lifetime, which has no closing quote.
            if at(i + 1) == '\\' {
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            } else {
                i += if at(i + 2) == '\'' { 3 } else { 1 };
            }
        } else if c.is_alphanumeric() || c == '_' {
            let start = i;
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            found.push(Token::Word(chars[start..i].iter().collect()));
        } else if c == ':' && at(i + 1) == ':' {
            found.push(Token::Path);
            i += 2;
        } else {
            if !c.is_whitespace() {
                found.push(Token::Sign(c));
            }
            i += 1;
        }
    }
    found
}

/// Behind a block comment, which may hold others.
fn end_of_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0_usize, start);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

/// Behind a raw string (`r"…"`, `br#"…"#`), if one begins here.
fn end_of_raw_string(chars: &[char], start: usize) -> Option<usize> {
    let within_word = start > 0 && (chars[start - 1].is_alphanumeric() || chars[start - 1] == '_');
    let mut i = start + usize::from(chars[start] == 'b');
    if within_word || chars.get(i) != Some(&'r') {
        return None;
    }
    i += 1;
    let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
    i += hashes;
    if chars.get(i) != Some(&'"') {
        return None;
    }
    loop {
        i += 1;
        let closes = *chars.get(i)? == '"';
        let after = chars.get(i + 1..i + 1 + hashes).unwrap_or_default();
        if closes && after.len() == hashes && after.iter().all(|c| *c == '#') {
            return Some(i + 1 + hashes);
        }
    }
}

/// Every path in the text, groups in braces taken apart: `use a::{b, c::d};` gives `a::b` and
/// `a::c::d`. Paths of one word are left out unless they stand in a group or after `use`.
fn paths(source: &str) -> BTreeSet<String> {
    let tokens = tokens(source);
    let mut found = BTreeSet::new();
    let mut i = 0;
    while i < tokens.len() {
        let follows_path = i > 0 && tokens[i - 1] == Token::Path;
        match &tokens[i] {
            Token::Word(word) if word == "use" => i += 1,
            Token::Word(_) if !follows_path => i = path(&tokens, i, "", &mut found),
            Token::Word(_) | Token::Sign(_) | Token::Path => i += 1,
        }
    }
    found
}

/// Takes the path that begins at `i` below `prefix`; returns where it ends.
fn path(tokens: &[Token], mut i: usize, prefix: &str, found: &mut BTreeSet<String>) -> usize {
    let mut path = prefix.to_owned();
    loop {
        match tokens.get(i) {
            Some(Token::Word(word)) => {
                if !path.is_empty() {
                    path.push_str("::");
                }
                path.push_str(word);
                i += 1;
                if tokens.get(i) != Some(&Token::Path) {
                    break;
                }
                i += 1;
            }
            Some(Token::Sign('{')) if !path.is_empty() => {
                return group(tokens, i + 1, &path, found);
            }
            // A glob takes everything; `::<T>` ends the path.
            _ => break,
        }
    }
    found.insert(path);
    i
}

/// Takes the paths of a group that has been opened below `prefix`; returns where it ends.
fn group(tokens: &[Token], mut i: usize, prefix: &str, found: &mut BTreeSet<String>) -> usize {
    while let Some(token) = tokens.get(i) {
        match token {
            Token::Sign('}') => return i + 1,
            Token::Word(word) if word == "as" => i += 2,
            Token::Word(_) => i = path(tokens, i, prefix, found),
            Token::Sign(_) | Token::Path => i += 1,
        }
    }
    i
}

/// The paths as seen from the crate: `super` and `self` resolved for a module such as
/// `api::problem`. A path that begins otherwise is left as it is.
fn absolute(path: &str, module: &[&str]) -> String {
    let mut parts: Vec<&str> = path.split("::").collect();
    let mut base: Vec<&str> = match parts[0] {
        "crate" | "tributary" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module[..module.len().saturating_sub(1)].to_vec(),
        _ => return path.to_owned(),
    };
    parts.remove(0);
    while parts.first() == Some(&"super") {
        base.pop();
        parts.remove(0);
    }
    ["crate"].into_iter().chain(base).chain(parts).collect::<Vec<_>>().join("::")
}

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
    if layer == "domain" || PURE.iter().any(|pure| module.starts_with(pure)) {
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

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `src/api/problem.rs` to `["api", "problem"]`; `mod.rs` is its folder.
fn module_of(file: &Path, src: &Path) -> Vec<String> {
    let relative = file.strip_prefix(src).expect("below src").with_extension("");
    let parts = relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

#[test]
fn every_layer_uses_only_what_lies_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 100, "the sources were found: {}", files.len());
    let mut found = Vec::new();
    for file in files {
        let module = module_of(&file, &src);
        let module: Vec<&str> = module.iter().map(String::as_str).collect();
        // They only tie the crate together. The domain's tests may have a real clock to start from.
        if matches!(module.as_slice(), ["main" | "lib"] | ["domain", "test_clock"]) {
            continue;
        }
        let source = fs::read_to_string(&file).expect("text");
        let wrong = violations(&module, &source);
        found.extend(wrong.into_iter().map(|path| format!("{} uses {path}", file.display())));
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_module_of_the_crate_is_in_the_table() {
    let lib = include_str!("../src/lib.rs");
    let declared = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let known: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    assert_eq!(declared.collect::<BTreeSet<_>>(), known);
}

#[test]
fn a_panic_never_ends_the_process() {
    let manifest = include_str!("../Cargo.toml");
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
        ("policy", "use crate::{actors, domain};"),
        ("policy", "use crate::{domain::ids::Id, actors::{coordinator, source as s}};"),
        ("policy", "use crate :: actors :: token ;"),
        ("policy", "use crate::\n    // why\n    actors::token;"),
        ("policy", "fn f() { crate::actors::token::start(); }"),
        ("policy", "fn f(x: &crate::actors::X) -> Vec<crate::domain::Y> {}"),
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
        ("settings", "use crate::policy::breaker::state::Breaker;"),
        ("http", "use crate::policy::rate_limit::bucket::Bucket;"),
        ("telemetry", "use crate::settings::Settings;"),
        ("actors", "use crate::api::problem::Problem;"),
        ("actors", "use crate::settings::Settings;"),
        ("api", "use crate::settings::Settings;"),
        ("api", "use crate::policy::request::{Forwarded, Request};"),
        ("api", "use crate::http::connect;"),
        ("simulator", "use crate::domain::ids::Id;"),
        ("simulator", "use crate::clock;"),
        ("domain", "use crate::clock;"),
        ("domain", "use tokio::sync::Mutex;"),
        ("domain", "use std::{fmt, time::{Duration, Instant}}; fn f() { Instant::now(); }"),
        ("domain", "fn f() { std::time::Instant::now(); }"),
        ("domain", "fn f() { std::time::SystemTime::now(); }"),
        ("domain", "use std::thread::sleep;"),
        ("domain", "use std::{io, thread::sleep};"),
        ("domain", "use actix::{Actor, Addr};"),
        ("domain", "use awc::http::StatusCode;"),
    ] {
        assert!(!violations(&[module, "some"], source).is_empty(), "{module}: {source}");
    }
}

#[test]
fn the_checker_lets_everything_else_through() {
    for (module, source) in [
        ("policy", "use crate::{domain::{ids::Id, json}, clock};"),
        ("policy", "// use crate::actors::token;\n/* crate::api::x /* nested */ crate::app */"),
        ("policy", "/// See [`crate::actors::token`].\nfn f() {}"),
        ("policy", "let s = \"crate::actors::token\"; let r = r#\"crate::\"api::x\"#;"),
        ("policy", "use super::failures::of_exchange; use self::inner::X;"),
        ("policy", "use tokio::time::Instant; fn f() { actors::x(); }"),
        (
            "api",
            "use crate::{clock, policy::request::Forwarded}; use crate::actors::source::Fetch;",
        ),
        ("app", "use crate::{api, actors, settings::Settings};"),
        ("domain", "use std::time::{Duration, Instant}; fn f(now: Instant) {}"),
        ("domain", "use super::ids::Id; use crate::domain::json::Json;"),
        ("domain", "use std::net::IpAddr; // tokio::sync, Instant::now()"),
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
        (["policy", "auth", "step"], "use crate::policy::retry::step::Retried;"),
        (["policy", "paging", "page"], "use super::super::parse::Parsed;"),
        (["policy", "breaker", "state"], "fn f() { std::time::Instant::now(); }"),
        (["policy", "retry", "decision"], "use tokio::time::sleep;"),
    ] {
        assert!(!violations(&module, source).is_empty(), "{source}");
    }
    let own = "use super::state::Breaker; use crate::policy::{context::Context, step::Step};";
    assert_eq!(violations(&["policy", "breaker", "step"], own), Vec::<String>::new());
    let all = "use super::auth::step::Authorized; use super::breaker::step::Guarded;";
    assert_eq!(violations(&["policy", "pipeline"], all), Vec::<String>::new());
}
