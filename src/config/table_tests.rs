use proptest::prelude::*;

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::layers::{Layer, merge};
use super::*;

/// Reads one text as a table, and gives what the reading function did and what it reported.
fn read<T>(text: &str, reader: impl Fn(&mut Table) -> T) -> (T, String) {
    read_with(text, &[], reader)
}

fn read_with<T>(
    text: &str,
    environment: &[(&str, &str)],
    reader: impl Fn(&mut Table) -> T,
) -> (T, String) {
    let report = Report::default();
    let layer = Layer { name: "a.toml".to_owned(), text: text.to_owned() };
    let environment =
        environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let merged = merge(&[layer], environment, &report);
    let mut table = Table::root(&merged, "a.toml", &report);
    let value = reader(&mut table);
    table.finish();
    let problems = report.into_result(()).err().map(|problems| problems.to_string());
    (value, problems.unwrap_or_default())
}

fn seconds(range: RangeInclusive<u64>) -> RangeInclusive<Duration> {
    Duration::from_secs(*range.start())..=Duration::from_secs(*range.end())
}

#[test]
fn good_values_come_back_without_a_problem() {
    let text = r#"
        text = "abc"
        flag = true
        count = 12
        ratio = 0.25
        whole = 1
        wait = "2s"
        size = "64KiB"
        bytes = 100
        words = ["a", "b"]
        numbers = [404, 410]
        word = "form"
    "#;
    let ((), problems) = read(text, |table| {
        assert_eq!(table.text("text"), Some("abc"));
        assert_eq!(table.boolean("flag"), Some(true));
        assert_eq!(table.integer("count", 1..=20, 5), 12);
        assert_eq!(table.number("ratio", 0.0..=1.0, 0.5).to_string(), "0.25");
        assert_eq!(table.number("whole", 0.0..=1.0, 0.5).to_string(), "1");
        let wait = table.duration("wait", seconds(1..=9), Duration::from_secs(5));
        assert_eq!(wait, Duration::from_secs(2));
        assert_eq!(table.size("size", 1..=100_000, 5), 65_536);
        assert_eq!(table.size("bytes", 1..=100_000, 5), 100);
        assert_eq!(table.texts("words"), Some(vec!["a", "b"]));
        assert_eq!(table.integers("numbers", 100..=599), Some(vec![404, 410]));
        assert_eq!(table.choice("word", &[("basic", 1), ("form", 2)]), Some(2));
    });
    assert_eq!(problems, "");
}

#[test]
fn absent_keys_get_their_defaults() {
    let ((), problems) = read("", |table| {
        assert_eq!(table.text("text"), None);
        assert_eq!(table.boolean("flag"), None);
        assert_eq!(table.count("count", 1..=20, 5), 5);
        assert_eq!(table.number("ratio", 0.0..=1.0, 0.5).to_string(), "0.5");
        let wait = table.duration("wait", seconds(1..=9), Duration::from_secs(5));
        assert_eq!(wait, Duration::from_secs(5));
        assert_eq!(table.size("size", 1..=100_000, 7), 7);
        assert_eq!(table.texts("words"), None);
        assert_eq!(table.json("any"), None);
        let mut inner = table.table_or_empty("inner");
        assert_eq!(inner.integer("x", 0..=9, 3), 3);
        inner.finish();
        assert!(table.named_tables("none").is_empty());
        assert!(table.listed_tables("none").is_empty());
    });
    assert_eq!(problems, "");
}

/// Checks that reading `text` notes one problem, the one that ends `expected`.
fn assert_one_problem(text: &str, reader: fn(&mut Table), expected: &str) {
    let ((), problems) = read(text, reader);
    let expected = format!("a.toml:\n  x: found {expected}\n1 problem in the configuration");
    assert_eq!(problems, expected, "{text}");
}

/// Reads `x` as a duration from 1s to 9s.
fn read_duration(table: &mut Table) {
    table.duration("x", seconds(1..=9), Duration::ZERO);
}

/// Reads `x` as a whole number from 1 to 20.
fn read_integer(table: &mut Table) {
    table.integer("x", 1..=20, 5);
}

#[test]
fn a_wrong_scalar_says_what_was_found_and_what_is_allowed() {
    let text = |table: &mut Table| drop(table.text("x").map(str::to_owned));
    assert_one_problem("x = 1", text, "a number; allowed: a text in quotes");
    let boolean = |table: &mut Table| assert_eq!(table.boolean("x"), None);
    assert_one_problem("x = 'maybe'", boolean, "\"maybe\"; allowed: true or false");
    let number = |table: &mut Table| assert!(table.number("x", 0.0..=1.0, 0.5) > 0.4);
    assert_one_problem("x = nan", number, "NaN; allowed: a number from 0 to 1");
    let whole = "allowed: a whole number from 1 to 20";
    assert_one_problem("x = 21", read_integer, &format!("21; {whole}"));
    assert_one_problem("x = '7'", read_integer, &format!("\"7\"; {whole}"));
    assert_one_problem("x = 7.0", read_integer, &format!("7; {whole}"));
    let choice = |table: &mut Table| assert_eq!(table.choice("x", &[("a", 1), ("b", 2)]), None);
    assert_one_problem("x = 'both'", choice, "\"both\"; allowed: \"a\" or \"b\"");
}

#[test]
fn a_wrong_duration_or_size_says_how_they_are_written_and_their_limits() {
    let allowed = "allowed: a duration such as \"250ms\", \"3s\", \"1m\" or \"1h\", from 1s to 9s";
    for (text, found) in [("x = 3", "3"), ("x = '10s'", "\"10s\""), ("x = []", "a list")] {
        assert_one_problem(text, read_duration, &format!("{found}; {allowed}"));
    }
    let size = |table: &mut Table| assert_eq!(table.size("x", 1..=1024, 5), 5);
    let allowed =
        "allowed: a size such as \"64KiB\", \"2MB\" or a number of bytes, from 1B to 1KiB";
    for (text, found) in [("x = -1", "-1"), ("x = '2MB'", "\"2MB\""), ("x = 1.5", "1.5")] {
        assert_one_problem(text, size, &format!("{found}; {allowed}"));
    }
}

#[test]
fn a_wrong_list_or_table_never_repeats_what_is_in_it() {
    let texts = |table: &mut Table| assert_eq!(table.texts("x"), None);
    let allowed = "allowed: a list of texts, in a file";
    assert_one_problem("x = 'a,b'", texts, &format!("a text; {allowed}"));
    let other = "a list with other things in it";
    assert_one_problem("x = ['a', 1]", texts, &format!("{other}; {allowed}"));
    let integers = |table: &mut Table| assert_eq!(table.integers("x", 100..=599), None);
    let allowed = "allowed: a list of whole numbers from 100 to 599, in a file";
    assert_one_problem("x = [404, 4040]", integers, &format!("{other}; {allowed}"));
    let json = |table: &mut Table| assert_eq!(table.json("x"), None);
    let found = "a number that JSON does not have; allowed: any value without nan, inf";
    assert_one_problem("x = [inf]", json, found);
    let inner = |table: &mut Table| assert!(table.table("x").is_some());
    assert_one_problem("x = 'secret?'", inner, "a text; allowed: a table");
    let listed = |table: &mut Table| assert!(table.listed_tables("x").is_empty());
    assert_one_problem("x = {}", listed, "a table; allowed: a list of tables, in a file");
}

#[test]
fn a_table_that_is_none_is_one_problem() {
    let ((), problems) = read("x = 'hunter2'", |table| {
        let mut inner = table.table_or_empty("x");
        inner.required_text("y", "a name");
        assert_eq!(inner.integer("z", 0..=9, 3), 3);
        inner.finish();
    });
    let expected = "a.toml:\n  x: found a text; allowed: a table\n1 problem in the configuration";
    assert_eq!(problems, expected);
}

#[test]
fn a_missing_or_blank_required_text_is_one_problem() {
    for text in ["", "x = ' '"] {
        let (value, problems) = read(text, |table| table.required_text("x", "a name").is_none());
        assert!(value);
        assert!(problems.contains("x: found "), "{problems}");
        assert!(problems.contains("allowed: a name\n1 problem"), "{problems}");
    }
}

#[test]
fn numbers_and_booleans_of_the_environment_come_as_text() {
    let environment = [("TRIBUTARY__A", "7"), ("TRIBUTARY__B", "True"), ("TRIBUTARY__C", "0.5")];
    let ((), problems) = read_with("", &environment, |table| {
        assert_eq!(table.integer("a", 1..=9, 1), 7);
        assert_eq!(table.boolean("b"), Some(true));
        assert_eq!(table.number("c", 0.0..=1.0, 0.0).to_string(), "0.5");
    });
    assert_eq!(problems, "");
}

#[test]
fn an_unknown_key_is_named_and_the_nearest_known_one_suggested() {
    let (_, problems) = read("timout = 'never-shown'", |table| table.text("timeout").is_some());
    assert!(problems.contains("timout: found an unknown key; allowed: did you mean `timeout`?"));
    assert!(!problems.contains("never-shown"));
    let (_, problems) =
        read("colour = 1", |table| table.text("url").is_some() || table.text("json").is_some());
    assert!(problems.contains("colour: found an unknown key; allowed: one of url, json"));
}

#[test]
fn json_keeps_every_kind_of_value_and_turns_a_date_into_text() {
    let text = "x = { a = [1, 2.5, true, 'b'], d = 2026-01-31, e = {} }";
    let (value, problems) = read(text, |table| table.json("x"));
    assert_eq!(problems, "");
    let expected = serde_json::json!({"a": [1, 2.5, true, "b"], "d": "2026-01-31", "e": {}});
    assert_eq!(value, Some(expected));
}

proptest! {
    #[test]
    fn every_getter_copes_with_every_value(text in "[a-z0-9'\".\\[\\]{}=, -]{0,40}") {
        let text = format!("x = {text}");
        let (integer, _) = read(&text, |table| {
            table.text("x");
            table.boolean("x");
            table.texts("x");
            table.integers("x", 0..=9);
            table.json("x");
            table.listed_tables("x");
            table.named_tables("x");
            table.integer("x", 3..=9, 5)
        });
        prop_assert!((3..=9).contains(&integer));
    }
}
