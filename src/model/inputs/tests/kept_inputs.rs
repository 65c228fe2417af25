//! What is kept of inputs, and laws of whatever comes.

use proptest::prelude::*;
use serde_json::json;

use super::super::*;
use super::{read, required, spec};

#[test]
fn unknown_inputs_are_ignored_and_their_names_kept_within_bounds() {
    let mut body = serde_json::Map::new();
    body.insert("a".to_owned(), json!("x"));
    body.insert("z".repeat(1000), json!([1, {"deep": true}]));
    let inputs = Inputs::from_object(&body, &[spec("a", InputKind::String)]).unwrap();
    assert_eq!(inputs.ignored(), [format!("{}…", "z".repeat(64))]);
    for n in 0..100 {
        body.insert(format!("k{n}"), json!(n));
    }
    let inputs = Inputs::from_object(&body, &[spec("a", InputKind::String)]).unwrap();
    assert_eq!(inputs.ignored().len(), 20);
    assert!(!inputs.ignored().contains(&"a".to_owned()));
}

#[test]
fn echoed_inputs_come_in_the_order_of_the_specs() {
    let echoed = |name| InputSpec { echo: true, ..spec(name, InputKind::String) };
    let specs = [echoed("z"), spec("m", InputKind::String), echoed("b"), echoed("a")];
    let inputs = read(&json!({"a": "1", "m": "2", "z": "3"}), &specs).unwrap();
    let names: Vec<&str> = inputs.echoed().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["z", "a"]);
}

#[test]
fn debug_shows_names_and_no_values() {
    let specs = [spec("key", InputKind::String), spec("n", InputKind::Integer)];
    let inputs = read(&json!({"key": "hunter2", "n": 4711}), &specs).unwrap();
    let shown = format!("{inputs:?} {:?}", inputs.get("key"));
    assert!(shown.contains(r#"Inputs{"key", "n"}"#), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("4711"), "{shown}");
}

#[test]
fn a_declaration_that_contradicts_itself_has_a_problem_for_each() {
    assert!(required("a", InputKind::String).problems().is_empty());
    let text = |text: &str| Some(InputValue::Text(text.to_owned()));
    let wrong = InputSpec {
        required: true,
        secret: true,
        echo: true,
        max_length: 0,
        pattern: InputPattern::try_new("x").ok(),
        default: text("x"),
        ..spec("a", InputKind::Integer)
    };
    assert_eq!(wrong.problems().len(), 6, "{:?}", wrong.problems());
    let too_long = InputSpec { max_length: 1, default: text("xx"), ..spec("a", InputKind::String) };
    assert_eq!(too_long.problems(), ["has a default that is longer than 1 characters (it has 2)"]);
    let example = InputSpec { max_length: 1, example: text("xx"), ..spec("a", InputKind::String) };
    assert_eq!(example.problems(), ["has an example that is longer than 1 characters (it has 2)"]);
    let secret = InputSpec { secret: true, example: text("x"), ..spec("a", InputKind::String) };
    assert_eq!(secret.problems(), ["is secret and has an example: whoever may call reads that"]);
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer_and_no_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Inputs::from_body(&body, &[required("a", InputKind::String)]);
    }

    #[test]
    fn json_text_of_a_value_reads_back_as_the_value(text in any::<String>()) {
        let written = InputValue::Text(text.clone()).to_json();
        prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }

    #[test]
    fn no_error_repeats_the_value(value in "[A-Z]{12,40}") {
        let specs = [
            InputSpec { max_length: 5, ..spec("short", InputKind::String) },
            InputSpec { pattern: InputPattern::try_new("x").ok(), ..spec("x", InputKind::String) },
            spec("n", InputKind::Number),
        ];
        let body = json!({"short": value, "x": value, "n": value, "other": value});
        let error = read(&body, &specs).unwrap_err();
        prop_assert!(!error.to_string().contains(&value));
        let debug = format!("{error:?}");
        prop_assert!(!debug.contains(&value));
    }
}
