use proptest::prelude::*;

use std::time::Duration;

use super::super::form::{FileName, Flag, Text, Word};
use super::super::key::Retired;
use super::super::layers::{Layer, merge};
use super::super::list_form::{AnyValue, Numbers, Texts};
use super::super::number_form::{Count, Ratio, Size, Time};
use super::super::section::Shape;
use super::*;
use crate::config::report::Warning;

const SECOND: Duration = Duration::from_secs(1);

static TEXT: Key<Text> = Key::new("text", Text, "A text.");
static NAME: Key<Text> = Key::new("name", Text, "A name.").required("a name");
static FLAG: Key<Flag> = Key::new("flag", Flag, "A flag.").default(false);
static COUNT: Key<Count> = Key::new("count", Count(1, 20), "A count.").default(5);
static RATIO: Key<Ratio> = Key::new("ratio", Ratio(0.0, 1.0), "A ratio.").default(0.5);
static WAIT: Key<Time> =
    Key::new("wait", Time(SECOND, Duration::from_secs(9)), "A time.").default(SECOND);
static SIZE: Key<Size> = Key::new("size", Size(1, 100_000), "A size.").default(5);
static WORDS: Key<Texts> = Key::new("words", Texts, "Texts.");
static NUMBERS: Key<Numbers> = Key::new("numbers", Numbers(100, 599), "Numbers.");
static WORD: Key<Word<u8>> = Key::new("word", Word(&[("basic", 1), ("form", 2)]), "A word.");
static ANY: Key<AnyValue> = Key::new("any", AnyValue, "Any value.");
static MOVED: Key<Count> =
    Key::new("moved", Count(1, 20), "It was renamed.").default(7).was("before", "0.2");
static FILE: Key<FileName> = Key::file("moved_file", "The same in a file.");

static INNER: Section = Section::new("inner", "A table within.", &[&NAME, &COUNT]);
static LISTED: Section =
    Section { shape: Shape::List, ..Section::new("listed", "A list of tables.", &[&NAME]) };
static NAMED: Section =
    Section { shape: Shape::Named("NAME"), ..Section::new("named", "Tables by name.", &[&NAME]) };
static ROOT: Section = Section {
    sections: &[&INNER, &LISTED, &NAMED],
    retired: &[Retired { name: "gone", version: "0.2", instead: "leave it out" }],
    ..Section::new(
        "",
        "The top.",
        &[
            &TEXT, &NAME, &FLAG, &COUNT, &RATIO, &WAIT, &SIZE, &WORDS, &NUMBERS, &WORD, &ANY,
            &MOVED, &FILE,
        ],
    )
};

/// Reads one text as a table, and gives what the reading function did and what it reported.
fn read<T>(text: &str, reader: impl Fn(&Table) -> T) -> (T, String) {
    let (value, problems, _) = read_layers(&[text], &[], reader);
    (value, problems)
}

fn read_layers<T>(
    texts: &[&str],
    environment: &[(&str, &str)],
    reader: impl Fn(&Table) -> T,
) -> (T, String, Vec<Warning>) {
    let report = Report::default();
    let layer = |(index, text): (usize, &&str)| Layer {
        name: if index == 0 { "a.toml".to_owned() } else { format!("{index}.toml") },
        text: (*text).to_owned(),
    };
    let layers: Vec<Layer> = texts.iter().enumerate().map(layer).collect();
    let environment =
        environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let merged = merge(&layers, environment, &report);
    let table = Table::root(&ROOT, &merged, "a.toml", &report);
    let value = reader(&table);
    table.finish();
    let warnings = report.take_warnings();
    let problems = report.into_result(()).err().map(|problems| problems.to_string());
    (value, problems.unwrap_or_default(), warnings)
}

#[test]
fn good_values_come_back_without_a_problem() {
    let text = r#"
        text = "abc"
        flag = true
        count = 12
        ratio = 0.25
        wait = "2s"
        size = "64KiB"
        words = ["a", "b"]
        numbers = [404, 410]
        word = "form"
    "#;
    let ((), problems) = read(text, |table| {
        assert_eq!(table.optional(&TEXT).as_deref(), Some("abc"));
        assert!(table.value(&FLAG));
        assert_eq!(table.value(&COUNT), 12);
        assert_eq!(table.value(&RATIO).to_string(), "0.25");
        assert_eq!(table.value(&WAIT), 2 * SECOND);
        assert_eq!(table.value(&SIZE), 65_536);
        assert_eq!(table.optional(&WORDS), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(table.optional(&NUMBERS), Some(vec![404, 410]));
        assert_eq!(table.optional(&WORD), Some(2));
    });
    assert_eq!(problems, "");
    let (size, problems) = read("size = 100\nratio = 1", |table| {
        (table.value(&SIZE), table.value(&RATIO).to_string())
    });
    assert_eq!((size, problems), ((100, "1".to_owned()), String::new()));
}

#[test]
fn absent_keys_get_their_defaults() {
    let ((), problems) = read("", |table| {
        assert_eq!(table.optional(&TEXT), None);
        assert!(!table.value(&FLAG));
        assert_eq!((table.value(&COUNT), table.value(&SIZE)), (5, 5));
        assert_eq!(table.value_or(&COUNT, 8), 8);
        assert_eq!(table.value(&RATIO).to_string(), "0.5");
        assert_eq!(table.value(&WAIT), SECOND);
        assert_eq!(table.optional(&WORDS), None);
        assert_eq!(table.optional(&ANY), None);
        let inner = table.section_or_empty(&INNER);
        assert_eq!(inner.value(&COUNT), 5);
        inner.finish();
        assert!(table.section(&INNER).is_none());
        assert!(table.named(&NAMED).is_empty());
        assert!(table.listed(&LISTED).is_empty());
    });
    assert_eq!(problems, "");
}

/// Checks that reading `text` notes one problem, the one that `expected` tells.
fn assert_one_problem(text: &str, reader: impl Fn(&Table), expected: &str) {
    let ((), problems) = read(text, reader);
    let expected = format!("a.toml:\n  {expected}\n1 problem in the configuration");
    assert_eq!(problems, expected, "{text}");
}

#[test]
fn a_wrong_scalar_says_what_was_found_and_what_is_allowed() {
    let text = |table: &Table| assert_eq!(table.optional(&TEXT), None);
    assert_one_problem("text = 1", text, "text: found a number; allowed: a text in quotes");
    let flag = |table: &Table| assert!(!table.value(&FLAG));
    assert_one_problem("flag = 'maybe'", flag, "flag: found \"maybe\"; allowed: true or false");
    let ratio = |table: &Table| assert!(table.value(&RATIO) > 0.4);
    assert_one_problem("ratio = nan", ratio, "ratio: found NaN; allowed: a number from 0 to 1");
    for (text, found) in [("21", "21"), ("'7'", "\"7\""), ("7.0", "7"), ("0", "0")] {
        let count = |table: &Table| assert_eq!(table.value(&COUNT), 5);
        let expected = format!("count: found {found}; allowed: a whole number from 1 to 20");
        assert_one_problem(&format!("count = {text}"), count, &expected);
    }
    let word = |table: &Table| assert_eq!(table.optional(&WORD), None);
    let expected = "word: found \"both\"; allowed: \"basic\" or \"form\"";
    assert_one_problem("word = 'both'", word, expected);
}

#[test]
fn a_wrong_duration_or_size_says_how_they_are_written_and_their_limits() {
    let allowed = "a duration such as \"250ms\", \"3s\", \"1m\" or \"1h\", from 1s to 9s";
    for (text, found) in [("3", "3"), ("'10s'", "\"10s\""), ("[]", "a list")] {
        let wait = |table: &Table| assert_eq!(table.value(&WAIT), SECOND);
        let expected = format!("wait: found {found}; allowed: {allowed}");
        assert_one_problem(&format!("wait = {text}"), wait, &expected);
    }
    let allowed = "a size such as \"64KiB\", \"2MB\" or a number of bytes, from 1B to 100KB";
    for (text, found) in [("-1", "-1"), ("'2MB'", "\"2MB\""), ("1.5", "1.5")] {
        let size = |table: &Table| assert_eq!(table.value(&SIZE), 5);
        let expected = format!("size: found {found}; allowed: {allowed}");
        assert_one_problem(&format!("size = {text}"), size, &expected);
    }
}

#[test]
fn a_wrong_list_or_table_never_repeats_what_is_in_it() {
    let words = |table: &Table| assert_eq!(table.optional(&WORDS), None);
    let allowed = "allowed: a list of texts, in a file";
    assert_one_problem("words = 'a,b'", words, &format!("words: found a text; {allowed}"));
    let other = "found a list with other things in it";
    assert_one_problem("words = ['a', 1]", words, &format!("words: {other}; {allowed}"));
    let numbers = |table: &Table| assert_eq!(table.optional(&NUMBERS), None);
    let allowed = "allowed: a list of whole numbers from 100 to 599, in a file";
    assert_one_problem("numbers = [404, 4040]", numbers, &format!("numbers: {other}; {allowed}"));
    let any = |table: &Table| assert_eq!(table.optional(&ANY), None);
    let expected =
        "any: found a number that JSON does not have; allowed: any value without nan, inf";
    assert_one_problem("any = [inf]", any, expected);
    let inner = |table: &Table| assert!(table.section(&INNER).is_some());
    assert_one_problem("inner = 'secret?'", inner, "inner: found a text; allowed: a table");
    let listed = |table: &Table| assert!(table.listed(&LISTED).is_empty());
    let expected = "listed: found a table; allowed: a list of tables, in a file";
    assert_one_problem("listed = {}", listed, expected);
}

#[test]
fn a_table_that_is_none_is_one_problem() {
    let inner = |table: &Table| {
        let inner = table.section_or_empty(&INNER);
        inner.required(&NAME);
        assert_eq!(inner.value(&COUNT), 5);
        inner.finish();
    };
    assert_one_problem("inner = 'hunter2'", inner, "inner: found a text; allowed: a table");
}

#[test]
fn a_missing_or_blank_required_text_is_one_problem() {
    for (text, found) in [("", "nothing"), ("name = ' '", "\" \"")] {
        let name = |table: &Table| assert_eq!(table.required(&NAME), None);
        assert_one_problem(text, name, &format!("name: found {found}; allowed: a name"));
    }
}

#[test]
fn numbers_and_flags_of_the_environment_come_as_text() {
    let environment =
        [("TRIBUTARY__COUNT", "7"), ("TRIBUTARY__FLAG", "True"), ("TRIBUTARY__RATIO", "0.25")];
    let ((), problems, _) = read_layers(&[""], &environment, |table| {
        assert_eq!(table.value(&COUNT), 7);
        assert!(table.value(&FLAG));
        assert_eq!(table.value(&RATIO).to_string(), "0.25");
    });
    assert_eq!(problems, "");
}

#[test]
fn an_unknown_key_is_named_and_the_nearest_known_one_suggested_whatever_was_read() {
    let nothing_is_read = |_: &Table| {};
    let expected = "waitt: found an unknown key; allowed: did you mean `wait`?";
    assert_one_problem("waitt = 'never-shown'\nwait = 1", nothing_is_read, expected);
    let expected = "inner.colour: found an unknown key; allowed: one of name, count";
    let inner = |table: &Table| table.section_or_empty(&INNER).finish();
    assert_one_problem("inner.colour = 1", inner, expected);
}

#[test]
fn an_earlier_name_is_read_and_warned_of_and_beside_the_present_one_refused() {
    let moved = |table: &Table| table.value(&MOVED);
    let (value, problems, warnings) = read_layers(&["before = 3"], &[], moved);
    assert_eq!((value, problems.as_str()), (3, ""));
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let expected = "a.toml: before: `before` is called `moved` since 0.2; write that, \
                    0.3 refuses the old name";
    assert_eq!(warnings, [expected]);

    let (_, problems, _) = read_layers(&["before = 30"], &[], moved);
    assert!(problems.contains("before: found 30; allowed: a whole number"), "{problems}");
    let (_, problems, _) = read_layers(&["before = 3\nmoved = 3"], &[], moved);
    let expected = "moved: found both `before` and `moved`; allowed: `moved` alone";
    assert!(problems.contains(expected), "{problems}");
    // In two layers they are no contradiction: the later one counts.
    for (layers, expected) in [(["before = 3", "moved = 4"], 4), (["moved = 4", "before = 3"], 3)] {
        let (value, problems, warnings) = read_layers(&layers, &[], moved);
        assert_eq!((value, problems.as_str(), warnings.len()), (expected, "", 1), "{layers:?}");
    }
}

#[test]
fn a_retired_key_is_warned_of() {
    let ((), problems, warnings) = read_layers(&["gone = 3"], &[], |_| {});
    assert_eq!(problems, "");
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let expected = "a.toml: gone: does nothing since 0.2, and 0.3 refuses it; leave it out";
    assert_eq!(warnings, [expected]);
}

#[test]
fn json_keeps_every_kind_of_value_and_turns_a_date_into_text() {
    let text = "any = { a = [1, 2.5, true, 'b'], d = 2026-01-31, e = {} }";
    let (value, problems) = read(text, |table| table.optional(&ANY));
    assert_eq!(problems, "");
    let expected = serde_json::json!({"a": [1, 2.5, true, "b"], "d": "2026-01-31", "e": {}});
    assert_eq!(value, Some(expected));
}

proptest! {
    #[test]
    fn every_reader_copes_with_every_value(text in "[a-z0-9'\".\\[\\]{}=, -]{0,40}") {
        let all = ["text", "flag", "count", "words", "numbers", "any", "listed", "named", "moved"];
        let lines: Vec<String> = all.iter().map(|key| format!("{key} = {text}\n")).collect();
        let (count, _) = read(&lines.concat(), |table| {
            table.optional(&TEXT);
            table.value(&FLAG);
            table.optional(&WORDS);
            table.optional(&NUMBERS);
            table.optional(&ANY);
            table.listed(&LISTED);
            table.named(&NAMED);
            table.value(&MOVED);
            table.value(&COUNT)
        });
        prop_assert!((1..=20).contains(&count));
    }
}
