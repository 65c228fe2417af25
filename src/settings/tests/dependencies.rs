//! Templates that name other sources: what is refused, at which key, and what waits for what.

use super::{good, problems};

/// Sources of the form `name: what their query names`, and an action `p` that asks `asked`.
fn configuration(sources: &[(&str, &str)], asked: &[&str]) -> String {
    let tables = sources.iter().map(|(name, query)| {
        format!("[sources.{name}]\nurl = 'https://h/'\nquery = {{ q = '{query}' }}\n")
    });
    format!("{}[actions.p]\nsources = {asked:?}\n", tables.collect::<String>())
}

/// The only problem of a configuration that must be wrong: its key and its sentence.
fn problem(sources: &[(&str, &str)], asked: &[&str]) -> (String, String) {
    let text = configuration(sources, asked);
    match problems(&text).as_slice() {
        [problem] => (problem.key.clone(), problem.to_string()),
        several => panic!("{text}\n{several:#?}"),
    }
}

/// What each source of the action that waits waits for.
fn waiting(text: &str) -> Vec<(String, Vec<String>)> {
    let settings = good(text);
    let dependencies = settings.actions.iter().flat_map(|action| &action.dependencies);
    let words = dependencies.map(|dependency| {
        let others = dependency.waits_for.iter().map(ToString::to_string);
        (dependency.source.to_string(), others.collect())
    });
    words.collect()
}

fn pair(source: &str, others: &[&str]) -> (String, Vec<String>) {
    (source.to_owned(), others.iter().map(|other| (*other).to_owned()).collect())
}

#[test]
fn a_source_waits_for_each_source_that_it_names_once() {
    let sources = [("c", "{b.x}{a:/y}{b:}"), ("b", "{a.x}"), ("a", "fixed"), ("d", "{{a.x}}")];
    let text = configuration(&sources, &["a", "b", "c", "d"]);
    assert_eq!(waiting(&text), [pair("b", &["a"]), pair("c", &["b", "a"])]);
}

#[test]
fn every_place_of_a_template_counts() {
    for line in [
        "url = 'https://h/{a.x}'",
        "url = 'https://h/'\nquery = { q = '{a.x}' }",
        "url = 'https://h/'\nheaders = { X-Q = '{a.x}' }",
        "url = 'https://h/'\nmethod = 'POST'\njson = { q = ['{a.x}'] }",
        "url = 'https://h/'\nrate_limit = { requests = 1, key = '{a.x}' }",
    ] {
        let text = configuration(&[("a", "")], &["b", "a"]);
        let text = format!("[sources.b]\n{line}\n{text}");
        assert_eq!(waiting(&text), [pair("b", &["a"])], "{line}");
    }
}

#[test]
fn each_action_has_its_own_dependencies() {
    let text = configuration(&[("a", ""), ("b", "{a.x}")], &["a", "b"]);
    let text = format!("{text}[actions.other]\nsources = ['a']\n");
    let settings = good(&text);
    let counts = settings.actions.iter().map(|action| action.dependencies.len());
    assert_eq!(counts.collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn an_action_that_does_not_ask_the_other_source_is_refused() {
    let sources = [("a", ""), ("b", "{a.x}{a.y}"), ("c", "")];
    let (key, sentence) = problem(&sources, &["b", "c"]);
    assert_eq!(key, "sources.b.query");
    let expected = "found {a.x}, but the action p does not ask a; \
                    allowed: a source of the action: add \"a\" to actions.p.sources";
    assert!(sentence.contains(expected), "{sentence}");
}

#[test]
fn a_source_that_no_action_asks_may_name_only_sources_that_there_are() {
    let (key, sentence) = problem(&[("a", ""), ("b", "{nope.x}")], &["a"]);
    assert_eq!(key, "sources.b.query");
    assert!(
        sentence.contains("{nope.x}, and nope is no source; allowed: one of a, b"),
        "{sentence}"
    );
}

#[test]
fn a_circle_is_refused_and_told_step_by_step() {
    let two = [("a", "{b.x}"), ("b", "{a.x}")];
    let beside = [("a", "{b.x}"), ("b", "{c.x}{e.x}"), ("c", "{d.x}"), ("d", "{b.x}"), ("e", "")];
    for (sources, circle) in [
        (&two[..], "a waits for b, b waits for a"),
        (&beside[..], "b waits for c, c waits for d, d waits for b"),
    ] {
        let asked: Vec<&str> = sources.iter().map(|(name, _)| *name).collect();
        let (key, sentence) = problem(sources, &asked);
        assert_eq!(key, "actions.p.sources");
        assert!(sentence.contains(&format!("in a circle: {circle};")), "{sentence}");
    }
}

#[test]
fn the_plan_says_who_waits_and_who_is_required() {
    let text = configuration(&[("a", ""), ("b", "{a.x}"), ("c", "")], &["a", "b", "c"]);
    let plan = good(&format!("{text}required = ['b']\n")).plan();
    let expected = "  sources         a, c, at once
                  b, when it has the answer of a
  required        b: without, the reply is 200, as always
";
    assert!(plan.contains(expected), "{plan}");
    let plan = good(&format!("{text}required = ['b']\non_required_failure = 'fail'")).plan();
    assert!(plan.contains("required        b: without, the reply is 502 or 504"), "{plan}");
}
