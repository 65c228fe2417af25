use super::*;
use crate::model::template::support::{input_v, inputs, source};
use serde_json::json;

fn rendered(template: &Value) -> Result<Value, RenderError> {
    let inputs = inputs(&json!({"s": "a\"b\\\n{n}", "n": 5, "f": 1.5, "b": true}));
    let template = JsonTemplate::try_new(template).unwrap();
    let text = template.render(&Values::of_inputs(&inputs))?.into_owned();
    Ok(serde_json::from_str(&text).unwrap())
}

#[test]
fn a_placeholder_alone_takes_the_value_with_its_type() {
    let body = json!({"s": "{s}", "n": "{n}", "f": ["{f}"], "b": {"b": "{b}"}, "x": "{none}"});
    let expected = json!({
        "s": "a\"b\\\n{n}", "n": 5, "f": [1.5], "b": {"b": true}
    });
    assert_eq!(rendered(&body), Ok(expected));
    assert_eq!(rendered(&json!("{n}")), Ok(json!(5)));
}

#[test]
fn a_placeholder_in_a_longer_string_is_text() {
    let body = json!(["<{s}>", "{n}{f}", " {b}", "{{{n}}}"]);
    let expected = json!(["<a\"b\\\n{n}>", "51.5", " true", "{5}"]);
    assert_eq!(rendered(&body), Ok(expected));
    let error = rendered(&json!("x{none}")).unwrap_err();
    assert!(matches!(error, RenderError::Missing(_)), "{error}");
}

#[test]
fn what_is_fixed_is_kept() {
    let body = json!({"a": [1, -2.5, true, null, {}, [], "é\"\\\u{1}"], "": {"/~": ""}});
    assert_eq!(rendered(&body), Ok(body.clone()));
    let template = JsonTemplate::try_new(&body).unwrap();
    assert_eq!(template.constant(), Some(body.to_string().as_str()));
}

#[test]
fn doubled_braces_are_braces_in_values_and_keys() {
    let body = json!({"{{k}}": "{{n}}"});
    assert_eq!(rendered(&body), Ok(json!({"{k}": "{n}"})));
}

#[test]
fn a_mistake_is_told_with_its_place() {
    for (body, start) in [
        (json!({"a/b": [0, {"c": "x{"}]}), "/a~1b/1/c: character 2"),
        (json!({"a": {"{n}": 1}}), "/a: the key \"{n}\" has a placeholder"),
        (json!({"a}": 1}), "key \"a}\": character 2"),
        (json!("{}"), "character 1"),
        // The place is taken back behind each member.
        (json!([{"a": 1}, "{}"]), "/1: character 1"),
    ] {
        let error = JsonTemplate::try_new(&body).unwrap_err().to_string();
        assert!(error.starts_with(start), "{body}: {error}");
    }
}

#[test]
fn any_json_of_a_source_may_stand_as_a_whole_value() {
    let sources = [source("crm", r#"{"id":12345678901234567890123,"x":[1.00]}"#)];
    let inputs = input_v("");
    let values = Values { inputs: &inputs, sources: &sources };
    let template = JsonTemplate::try_new(&json!({"a": "{crm:}", "b": "{crm.x}"})).unwrap();
    assert_eq!(
        template.render(&values).unwrap(),
        r#"{"a":{"id":12345678901234567890123,"x":[1.00]},"b":[1.00]}"#
    );
    let missing = JsonTemplate::try_new(&json!({"a": "{crm.y}"})).unwrap();
    assert!(missing.render(&values).is_err());
    let inside = JsonTemplate::try_new(&json!("x{crm:}")).unwrap();
    assert!(inside.render(&values).is_err());
}

#[test]
fn references_are_listed_and_debug_shows_no_fixed_text() {
    let template = JsonTemplate::try_new(&json!(["hunter2", "{a}", "x{crm.b}"])).unwrap();
    assert_eq!(format!("{template:?}"), "JsonTemplate[{a}, {crm.b}]");
    assert_eq!(template.constant(), None);
}

/// The text of a body with these inputs.
fn text_of(body: &Value, set: &Value) -> String {
    let inputs = inputs(set);
    let template = JsonTemplate::try_new(body).unwrap();
    template.render(&Values::of_inputs(&inputs)).unwrap().into_owned()
}

#[test]
fn an_input_that_is_missing_leaves_its_member_or_element_out_and_no_comma_behind() {
    let body = json!({"a": "{a}", "b": "{b}", "fix": 1, "c": "{c}", "l": ["{a}", "x", "{b}"], "o": {"a": "{a|soql}"}});
    for (set, expected) in [
        (json!({}), r#"{"fix":1,"l":["x"],"o":{}}"#),
        (json!({"a": 1}), r#"{"a":1,"fix":1,"l":[1,"x"],"o":{"a":"1"}}"#),
        (json!({"b": "{"}), r#"{"b":"{","fix":1,"l":["x","{"],"o":{}}"#),
        (
            json!({"a": "[", "b": 2, "c": true}),
            r#"{"a":"[","b":2,"fix":1,"c":true,"l":["[","x",2],"o":{"a":"["}}"#,
        ),
        (json!({"c": 3}), r#"{"fix":1,"c":3,"l":["x"],"o":{}}"#),
    ] {
        assert_eq!(text_of(&body, &set), expected, "{set}");
    }
    assert_eq!(text_of(&json!(["{a}", "{b}"]), &json!({})), "[]");
    assert_eq!(text_of(&json!(["{a}", "{b}"]), &json!({"b": 2})), "[2]");
    assert_eq!(text_of(&json!("{a}"), &json!({})), "null", "there is no member to leave out");
}

#[test]
fn an_input_that_is_to_be_null_is_null_where_it_is_missing() {
    let body = json!({"a": "{a|null}", "b": ["{b|soql|null}"]});
    assert_eq!(text_of(&body, &json!({})), r#"{"a":null,"b":[null]}"#);
    assert_eq!(text_of(&body, &json!({"a": 1, "b": "x"})), r#"{"a":1,"b":["x"]}"#);
    for inside in ["x{a|null}", "{a|null}{b}", "{a|null}{b|null}", "{a|null|soql}"] {
        let error = JsonTemplate::try_new(&json!({"a": inside})).unwrap_err().to_string();
        assert!(error.contains("`null` stands at the end of a placeholder"), "{inside}: {error}");
    }
    let name = JsonTemplate::try_new(&json!({"a": "{crm:/x||null}"})).unwrap();
    assert_eq!(
        name.placeholders().next().unwrap().to_string(),
        "crm:/x||null",
        "two bars are one of the name"
    );
}

#[test]
fn members_keep_the_order_in_which_they_are_written() {
    let body: Value =
        serde_json::from_str(r#"{"__type": "x:#Y", "b": "{a}", "a": {"z": 1, "c": 2}}"#).unwrap();
    assert_eq!(text_of(&body, &json!({"a": 5})), r#"{"__type":"x:#Y","b":5,"a":{"z":1,"c":2}}"#);
}

proptest::proptest! {
    #[test]
    fn whatever_is_left_out_the_body_is_json(
        kinds in proptest::collection::vec(0..5_usize, 0..8),
        is_set in proptest::array::uniform3(proptest::bool::ANY),
    ) {
        let texts = ["{a}", "{b}", "{n|null}", "fixed", "{n}"];
        let list: Vec<Value> = kinds.iter().map(|kind| json!(texts[*kind])).collect();
        let members = list.iter().enumerate().map(|(at, value)| (format!("k{at}"), value.clone()));
        let mut body = json!({"o": members.collect::<serde_json::Map<_, _>>()});
        body["l"] = Value::Array(list);
        let mut set = json!({});
        for (name, _) in ["a", "b", "n"].iter().zip(is_set).filter(|(_, is_set)| *is_set) {
            set[name] = json!("[{");
        }
        let text = text_of(&body, &set);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let count = |kind: &usize| match kind {
            0 => usize::from(is_set[0]),
            1 => usize::from(is_set[1]),
            4 => usize::from(is_set[2]),
            _ => 1,
        };
        let expected: usize = kinds.iter().map(count).sum();
        proptest::prop_assert_eq!(read["l"].as_array().map(Vec::len), Some(expected));
        proptest::prop_assert_eq!(read["o"].as_object().map(serde_json::Map::len), Some(expected));
    }
}
