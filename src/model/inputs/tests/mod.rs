mod kept_inputs;

use serde_json::{Value, json};

use super::*;
use crate::model::id::InputName;

fn spec(name: &str, kind: InputKind) -> InputSpec {
    InputSpec::new(InputName::try_new(name).unwrap(), kind)
}

fn required(name: &str, kind: InputKind) -> InputSpec {
    InputSpec { required: true, ..spec(name, kind) }
}

fn read(body: &Value, specs: &[InputSpec]) -> Result<Inputs, InputErrors> {
    Inputs::from_body(body.to_string().as_bytes(), specs)
}

fn problems(body: &Value, specs: &[InputSpec]) -> Vec<(String, String)> {
    match read(body, specs) {
        Err(InputErrors::Invalid(list)) => list.into_iter().map(|p| (p.input, p.problem)).collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

fn integer(json_text: &str) -> Result<Option<InputValue>, String> {
    let body = format!(r#"{{"n": {json_text}}}"#);
    match Inputs::from_body(body.as_bytes(), &[spec("n", InputKind::Integer)]) {
        Ok(inputs) => Ok(inputs.get("n").cloned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn each_kind_is_read_as_it_is() {
    let specs = [
        spec("s", InputKind::String),
        spec("i", InputKind::Integer),
        spec("n", InputKind::Number),
        spec("b", InputKind::Boolean),
    ];
    let inputs = read(&json!({"s": "x y", "i": -3, "n": 1.5, "b": false}), &specs).unwrap();
    let text = |name: &str| inputs.get(name).unwrap().to_json();
    assert_eq!(text("s"), r#""x y""#);
    assert_eq!(text("i"), "-3");
    assert_eq!(text("n"), "1.5");
    assert_eq!(text("b"), "false");
    assert_eq!(inputs.get("other"), None);
}

#[test]
fn all_problems_come_together_in_the_order_of_the_specs() {
    let specs = [
        required("customerId", InputKind::String),
        required("limit", InputKind::Integer),
        InputSpec { max_length: 3, ..spec("note", InputKind::String) },
        InputSpec {
            pattern: Some(InputPattern::try_new("[a-z]+").unwrap()),
            ..spec("word", InputKind::String)
        },
    ];
    let body = json!({"limit": "five", "note": "äöüß", "word": "a1"});
    let found = problems(&body, &specs);
    let expected = [
        ("customerId", "is required"),
        ("limit", "must be an integer, got a string"),
        ("note", "is longer than 3 characters (it has 4)"),
        ("word", "does not match the pattern `[a-z]+`"),
    ];
    assert_eq!(found, expected.map(|(input, problem)| (input.to_owned(), problem.to_owned())));
}

#[test]
fn length_is_counted_in_characters_not_in_bytes() {
    let specs = [InputSpec { max_length: 3, ..spec("note", InputKind::String) }];
    assert!(read(&json!({"note": "äöü"}), &specs).is_ok());
}

#[test]
fn the_wrapper_of_a_serverless_event_is_taken_off() {
    let specs = [required("a", InputKind::String)];
    let inputs = read(&json!({"input": {"a": "x"}}), &specs).unwrap();
    assert_eq!(inputs.get("a"), Some(&InputValue::Text("x".to_owned())));
    // Only once: within it, `input` is a name that is not known.
    assert_eq!(problems(&json!({"input": {"input": {"a": "x"}}}), &specs).len(), 1);
    assert_eq!(problems(&json!({"input": null}), &specs).len(), 1);
}

#[test]
fn a_wrapper_that_holds_no_inputs_is_told() {
    let specs = [spec("a", InputKind::String)];
    for (wrapped, found) in [
        (json!([]), "an array"),
        (json!([{"a": "x"}]), "an array"),
        (json!("a"), "a string"),
        (json!(7), "a number"),
        (json!(false), "a boolean"),
    ] {
        let error = read(&json!({"input": wrapped}), &specs).unwrap_err();
        assert_eq!(error, InputErrors::NotWrapped { found }, "{wrapped}");
    }
}

#[test]
fn a_wrapper_beside_other_members_is_told() {
    let specs = [spec("a", InputKind::String)];
    for wrapped in [json!({"a": "x"}), json!({}), json!([]), json!("x")] {
        for other in ["a", "b"] {
            let body = json!({"input": wrapped, other: "y"});
            assert_eq!(read(&body, &specs).unwrap_err(), InputErrors::Beside, "{body}");
        }
    }
    let nothing = read(&json!({"input": null, "a": "x"}), &specs).unwrap();
    assert_eq!(nothing.get("a"), Some(&InputValue::Text("x".to_owned())));
}

#[test]
fn a_member_that_comes_twice_is_refused_wherever_it_is() {
    for (body, doubled) in [
        (r#"{"a": "x", "b": 1, "a": "y"}"#, "a"),
        (r#"{"a": "x", "a": "x"}"#, "a"),
        (r#"{"a": "x", "\u0061": "y"}"#, "a"),
        (r#"{"input": {"a": "x", "a": null}}"#, "a"),
        (r#"{"input": {"a": "x"}, "input": {"a": "y"}}"#, "input"),
        (r#"{"a": "x", "unknown": [{"deep": 1, "deep": 2}]}"#, "deep"),
        (r#"[{"b": 1, "b": 1}]"#, "b"),
    ] {
        let error = Inputs::from_body(body.as_bytes(), &[spec("a", InputKind::String)]);
        let name = doubled.to_owned();
        assert_eq!(error.unwrap_err(), InputErrors::Doubled { name }, "{body}");
    }
    let long = "n".repeat(1000);
    let error = Inputs::object_of(format!("{{\"{long}\": 1, \"{long}\": 2}}").as_bytes());
    assert!(error.unwrap_err().to_string().len() < 150, "names are shortened");
    assert!(Inputs::object_of(br#"{"a": {"b": 1}, "b": [{"a": 1}, {"a": 1}]}"#).is_ok());
}

#[test]
fn an_input_may_itself_be_called_input() {
    let specs = [required("input", InputKind::String)];
    let inputs = read(&json!({"input": "x"}), &specs).unwrap();
    assert_eq!(inputs.get("input"), Some(&InputValue::Text("x".to_owned())));
    let inputs = read(&json!({"input": "x", "more": 1}), &specs).unwrap();
    assert_eq!(inputs.get("input"), Some(&InputValue::Text("x".to_owned())));
    let found = problems(&json!({"input": ["x"]}), &specs);
    assert_eq!(found[0], ("input".to_owned(), "must be a string, got an array".to_owned()));
}

#[test]
fn what_a_flow_did_not_set_counts_as_missing() {
    for kind in [InputKind::String, InputKind::Integer, InputKind::Boolean] {
        for nothing in [
            json!(null),
            json!(""),
            json!("${input.customerId}"),
            json!("$!{input.customerId}"),
            json!("  ${input.customerId}\n"),
            json!("$input.lang"),
            json!("$!input.lang"),
            json!("$esc.url($input.lang)"),
            json!("$esc.jsonString(${input.lang})"),
            json!("$!{esc.jsonString($!{input.lang})}"),
        ] {
            let body = json!({"a": nothing});
            let inputs = read(&body, &[spec("a", kind)]).unwrap();
            assert_eq!(inputs.get("a"), None, "{body}");
            let found = problems(&body, &[required("a", kind)]);
            assert!(found[0].1.starts_with("is required"), "{found:?}");
        }
    }
}

#[test]
fn a_text_that_only_contains_a_template_literal_is_a_value() {
    for text in [
        "a ${x}",
        "${a}${b}",
        "${a",
        "$a",
        "{a}",
        "${}",
        "$",
        " ",
        "$100",
        "$inputs",
        "$escape.x",
        "$input.a b",
        "$esc.url($input.a) x",
        "$esc.url($input.a",
    ] {
        let inputs = read(&json!({"a": text}), &[spec("a", InputKind::String)]).unwrap();
        assert_eq!(inputs.get("a"), Some(&InputValue::Text(text.to_owned())));
    }
}

#[test]
fn a_value_of_another_type_is_converted_where_the_input_lets_it_and_it_can_mean_one_thing_only() {
    let lenient = |kind| InputSpec { conversion: Conversion::Lenient, ..spec("a", kind) };
    for (kind, came, read_as) in [
        (InputKind::Integer, json!("42"), "42"),
        (InputKind::Integer, json!(" 42.0 "), "42"),
        (InputKind::Integer, json!("9007199254740993"), "9007199254740993"),
        (InputKind::Number, json!("1500.00"), "1500.0"),
        (InputKind::Boolean, json!("true"), "true"),
        (InputKind::Boolean, json!("False"), "false"),
        (InputKind::String, json!(42), "\"42\""),
        (InputKind::String, json!(-7), "\"-7\""),
        (InputKind::String, json!(18_446_744_073_709_551_615_u64), "\"18446744073709551615\""),
        (InputKind::String, json!(true), "\"true\""),
        (InputKind::String, json!("x"), "\"x\""),
    ] {
        let body = json!({"a": came});
        let inputs = read(&body, &[lenient(kind)]).unwrap();
        assert_eq!(inputs.get("a").unwrap().to_json(), read_as, "{body} as {kind:?}");
        let is_of_kind = read(&body, &[spec("a", kind)]).is_ok();
        assert_eq!(is_of_kind, came == json!("x"), "without it, {body} as {kind:?} is refused");
    }
    for (kind, came) in [
        (InputKind::Integer, json!("4.5")),
        (InputKind::Integer, json!("4x")),
        (InputKind::Integer, json!(true)),
        (InputKind::Number, json!("1,500")),
        (InputKind::Number, json!("[1]")),
        (InputKind::Number, json!("NaN")),
        (InputKind::Boolean, json!("yes")),
        (InputKind::Boolean, json!(1)),
        // Which digits it had is not known any more.
        (InputKind::String, json!(1.5)),
        (InputKind::String, json!(1e30)),
        (InputKind::String, json!(["x"])),
    ] {
        let body = json!({"a": came});
        assert!(read(&body, &[lenient(kind)]).is_err(), "{body} as {kind:?}");
    }
    let short = InputSpec { max_length: 2, ..lenient(InputKind::String) };
    assert!(read(&json!({"a": 123}), &[short]).is_err(), "what is converted is checked as well");
}

#[test]
fn a_default_stands_in_for_what_is_missing_and_for_nothing_else() {
    let specs =
        [InputSpec { default: Some(InputValue::Integer(10)), ..spec("limit", InputKind::Integer) }];
    let limit = |body| read(&body, &specs).unwrap().get("limit").cloned();
    assert_eq!(limit(json!({})), Some(InputValue::Integer(10)));
    assert_eq!(limit(json!({"limit": ""})), Some(InputValue::Integer(10)));
    assert_eq!(limit(json!({"limit": 3})), Some(InputValue::Integer(3)));
    assert_eq!(problems(&json!({"limit": "x"}), &specs).len(), 1);
}

#[test]
fn an_integer_may_be_written_with_an_empty_fraction() {
    let ok = |n| Ok(Some(InputValue::Integer(n)));
    assert_eq!(integer("5.0"), ok(5));
    assert_eq!(integer("1e3"), ok(1000));
    assert_eq!(integer("-0"), ok(0));
    assert_eq!(integer("-9223372036854775808"), ok(i64::MIN));
    assert_eq!(integer("9223372036854775807"), ok(i64::MAX));
    assert_eq!(integer("9007199254740992.0"), ok(9_007_199_254_740_992));
}

#[test]
fn an_integer_that_does_not_fit_or_lost_digits_is_refused() {
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "9223372036854775808.0",
        "9007199254740995.0",
        "1e300",
    ] {
        let problem = integer(text).unwrap_err();
        assert!(problem.contains("must be a 64-bit integer"), "{text}: {problem}");
    }
    assert!(integer("5.5").unwrap_err().contains("with a fraction"));
    assert!(integer("[1]").unwrap_err().contains("got an array"));
}

#[test]
fn a_number_out_of_range_is_not_json_that_can_be_read() {
    let error = Inputs::from_body(br#"{"n": 1e999}"#, &[]).unwrap_err();
    assert!(matches!(error, InputErrors::NotJson { .. }), "{error}");
}

#[test]
fn a_pattern_must_match_the_whole_value() {
    let pattern = InputPattern::try_new("a|ab").unwrap();
    assert!(pattern.matches("ab"));
    assert!(!pattern.matches("abc"));
    assert!(!pattern.matches("ab\n"));
    let lines = InputPattern::try_new("(?m)^a$").unwrap();
    assert!(!lines.matches("x\na\nx"));
    for bad in ["a)(?:b", "(", "[", "(?=a)"] {
        assert!(InputPattern::try_new(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_body_that_is_no_object_is_refused_with_what_it_is() {
    for (body, found) in [
        ("[]", "an array"),
        ("null", "null"),
        (r#""x""#, "a string"),
        ("1", "a number"),
        ("true", "a boolean"),
    ] {
        let error = Inputs::from_body(body.as_bytes(), &[]).unwrap_err();
        assert_eq!(error, InputErrors::NotAnObject { found }, "{body}");
    }
}

#[test]
fn a_body_that_is_not_json_is_refused_with_the_place() {
    let reason = |body: &[u8]| Inputs::from_body(body, &[]).unwrap_err().to_string();
    assert!(reason(b"").contains("it is empty"));
    assert!(reason(b" \n").contains("it is empty"));
    assert!(reason(br#"{"a": hunter2}"#).contains("line 1 column 7"));
    assert!(!reason(br#"{"a": hunter2}"#).contains("hunter2"));
    assert!(!reason(br#"{"a": "hunter2" hunter2}"#).contains("hunter2"));
    for broken in [&b"{}x"[..], b"{", b"\xff", b"{\"a\":\"\xff\"}", br#"{"a":"\ud800"}"#] {
        assert!(reason(broken).starts_with("the body is not JSON"));
    }
}

#[test]
fn a_body_of_nothing_but_open_brackets_is_given_up_at_level_128() {
    for (open, column) in [("[", 128), (r#"{"a":"#, 128 * 5 - 4)] {
        let body = open.repeat(200_000);
        let error = Inputs::from_body(body.as_bytes(), &[]).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("nested too deeply"), "{error}");
        // It did not read on behind that.
        assert!(error.ends_with(&format!("column {column}")), "{error}");
    }
}
