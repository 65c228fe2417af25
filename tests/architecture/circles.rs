//! No file uses one that uses it, through however many others: what is in a circle can only be
//! understood, tested and moved together.
//!
//! A module and the files that it is made of may use each other: they are one thing.

use std::collections::{BTreeMap, BTreeSet};

use crate::source_text::{absolute, paths};
use crate::sources::{SourceFile, sources};

type Module = Vec<String>;

/// Which modules each one uses, tests left out.
fn uses(files: &[SourceFile]) -> BTreeMap<Module, BTreeSet<Module>> {
    let known: BTreeSet<Module> = files.iter().map(|file| file.module.clone()).collect();
    let mut graph = BTreeMap::new();
    for file in files.iter().filter(|file| !is_test(&file.module)) {
        let module: Vec<&str> = file.module.iter().map(String::as_str).collect();
        let used = paths(without_tests(&file.text)).into_iter();
        let used = used.filter_map(|path| target(&absolute(&path, &module), &known));
        let used: BTreeSet<Module> =
            used.filter(|used| !is_one_thing(used, &file.module)).collect();
        graph.insert(file.module.clone(), used);
    }
    graph
}

fn is_test(module: &Module) -> bool {
    module.iter().any(|part| part == "tests") || matches!(module[0].as_str(), "main" | "lib")
}

/// The tests of a file are its end.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
}

/// The module that the path leads into.
fn target(path: &str, known: &BTreeSet<Module>) -> Option<Module> {
    let path = path.strip_prefix("crate::")?;
    let mut parts: Module = path.split("::").map(str::to_owned).collect();
    while !parts.is_empty() && !known.contains(&parts) {
        parts.pop();
    }
    (!parts.is_empty()).then_some(parts)
}

fn is_one_thing(one: &Module, other: &Module) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The circles: sets of modules each of which leads to all others.
fn circles(graph: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<BTreeSet<Module>> {
    let reached: BTreeMap<_, _> = graph.keys().map(|from| (from, reach(graph, from))).collect();
    let of = |module: &Module| -> BTreeSet<Module> {
        let ahead = &reached[module];
        ahead.iter().filter(|other| reached[*other].contains(module)).cloned().collect()
    };
    graph.keys().map(of).filter(|circle| !circle.is_empty()).collect()
}

fn reach(graph: &BTreeMap<Module, BTreeSet<Module>>, from: &Module) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        for used in graph.get(module).into_iter().flatten() {
            if graph.contains_key(used) && found.insert(used.clone()) {
                next.push(used);
            }
        }
    }
    found
}

#[test]
fn no_two_files_use_each_other() {
    let circles = circles(&uses(&sources()));
    let names = |circle: &BTreeSet<Module>| {
        circle.iter().map(|module| module.join("::")).collect::<Vec<_>>().join(", ")
    };
    let circles: Vec<_> = circles.iter().map(names).collect();
    assert!(circles.is_empty(), "each of these lines is a circle:\n{}", circles.join("\n"));
}

fn file(module: &str, text: &str) -> SourceFile {
    let module = module.split("::").map(str::to_owned).collect();
    SourceFile { path: String::new(), module, text: text.to_owned() }
}

#[test]
fn the_checker_finds_a_circle_through_others_and_none_where_there_is_none() {
    let a = file("a", "use crate::b::c::Thing;");
    let test = "use crate::d;\n#[cfg(test)]\nmod tests { use crate::a; }";
    let [c, d] = [file("b::c", test), file("d", "fn f() { super::a::run() }")];
    let in_circle = circles(&uses(&[a, c, d]));
    assert_eq!(in_circle.len(), 1);
    assert_eq!(in_circle.first().map(BTreeSet::len), Some(3));

    let whole = file("a", "mod part; pub use part::Part; use crate::b;");
    let part = file("a::part", "use super::Whole;");
    let below = file("b", "#[cfg(test)]\nmod tests { use crate::a; }");
    assert!(circles(&uses(&[whole, part, below])).is_empty());
}
