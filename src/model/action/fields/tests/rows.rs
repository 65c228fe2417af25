//! Arrays with `each` and `item`: one element for each row, whatever the row is.

use std::cell::Cell;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{aggregate, any_json, field, is_of, read_rows, rows};
use crate::model::action::fields::field_values::{self, FieldValue};
use crate::model::action::fields::patience::Patience;
use crate::model::action::fields::{Extraction, FieldSpec, FieldType, FlatReply, OutputSpec};
use crate::model::json::Json;

fn with_default(mut field: FieldSpec, default: &Value) -> FieldSpec {
    if let Extraction::Rows(rows) = &mut field.extraction {
        rows.default = Json::from_value(default);
    }
    field
}

fn flatten(fields: Vec<FieldSpec>, data: &Value, max_reply: usize) -> (Value, FlatReply) {
    let reply = OutputSpec { fields }.flatten(&aggregate(Json::from_value(data)), max_reply);
    (serde_json::from_slice(&reply.json).unwrap(), reply)
}

#[test]
fn a_row_without_the_member_gives_the_default_in_its_place() {
    let data = json!([{"a": 1, "b": "x"}, {"a": 2}, {"a": 3, "b": "z"}, {"b": null}, null, {}]);
    let (reply, written) = flatten(
        vec![
            with_default(rows("a", "", "/a", "integer[]"), &json!(-1)),
            rows("b", "", "$.b", "string[]"),
        ],
        &data,
        1 << 20,
    );
    assert_eq!(reply["a"], json!([1, 2, 3, -1, -1, -1]));
    assert_eq!(reply["b"], json!(["x", "", "z", "", "", ""]));
    assert!(written.complete && written.wrong_types.is_empty());
}

#[test]
fn an_item_of_another_type_is_the_default_and_counts() {
    let data = r#"{"l":[{"a":"x"},{"a":5},{"a":["y"]},{"a":{}},"row"]}"#;
    let expected = (r#"["x","","","",""]"#.to_owned(), true);
    assert_eq!(read_rows(data, "/l", "/a", "string[]"), expected);
    assert_eq!(read_rows(data, "/l", "$.a", "string[]"), expected);
}

#[test]
fn the_row_itself_may_be_the_item() {
    let data = r#"{"l":["x",null,"z"],"o":{"l":[{"k":"a"}]}}"#;
    let expected = (r#"["x","","z"]"#.to_owned(), false);
    for item in ["", "$"] {
        assert_eq!(read_rows(data, "/l", item, "string[]"), expected);
    }
    assert_eq!(read_rows(data, "/o/l", "/k", "string[]"), (r#"["a"]"#.to_owned(), false));
}

#[test]
fn of_several_values_that_a_path_finds_in_a_row_the_first_counts() {
    let data = r#"[{"m":[{"n":"talk","v":7},{"n":"talk","v":8}]},{"m":[{"n":"hold","v":9}]},
                   {"m":[{"n":"talk"}]},{"m":[{"n":"talk","v":null},{"n":"talk","v":1}]}]"#;
    let item = "$.m[?@.n == 'talk'].v";
    assert_eq!(read_rows(data, "", item, "integer[]"), ("[7,0,0,0]".to_owned(), false));
}

#[test]
fn every_digit_is_kept() {
    let data = r#"[{"n":1.00},{"n":12345678901234567890123},{"n":-0},{"n":0.1000000000000000001}]"#;
    let expected = "[1.00,12345678901234567890123,-0,0.1000000000000000001]";
    for item in ["/n", "$.n", "$..n"] {
        assert_eq!(read_rows(data, "", item, "number[]"), (expected.to_owned(), false), "{item}");
    }
    let data = r#"[{"id":123456789012345678},{"id":5.0}]"#;
    for item in ["/id", "$['id']"] {
        let expected = ("[123456789012345678,5]".to_owned(), false);
        assert_eq!(read_rows(data, "", item, "integer[]"), expected, "{item}");
    }
}

#[test]
fn without_a_list_there_are_no_rows() {
    for data in ["{}", r#"{"l":null}"#, r#"{"l":[]}"#, "null", "[]", "7"] {
        assert_eq!(read_rows(data, "/l", "/a", "string[]"), ("[]".to_owned(), false), "{data}");
    }
    // Something is there, and it is no list.
    for data in [r#"{"l":{"a":"x"}}"#, r#"{"l":"x"}"#, r#"{"l":0}"#] {
        assert_eq!(read_rows(data, "/l", "/a", "string[]"), ("[]".to_owned(), true), "{data}");
    }
}

#[test]
fn of_members_with_the_same_name_the_last_counts_by_either_kind_of_path() {
    let data = r#"{"l":[{"a":"w"}],"l":[{"a":"x","a":"y"},{"\u0061":"z"}]}"#;
    for item in ["/a", "$.a"] {
        let expected = (r#"["y","z"]"#.to_owned(), false);
        assert_eq!(read_rows(data, "/l", item, "string[]"), expected, "{item}");
    }
}

#[test]
fn what_is_too_deep_to_be_looked_through_is_no_absent_value() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let data = format!(r#"{{"l":[{{"a":"x"}},{{"a":"y"}}],"deep":{deep}}}"#);
    let by_pointer = (r#"["x","y"]"#.to_owned(), false);
    assert_eq!(read_rows(&data, "/l", "/a", "string[]"), by_pointer);
    let by_path = (r#"["",""]"#.to_owned(), true);
    assert_eq!(read_rows(&data, "/l", "$.a", "string[]"), by_path);
    assert_eq!(super::read(&data, "$.l[*].a", "string[]"), ("[]".to_owned(), true));
}

#[test]
fn a_hundred_thousand_rows_are_read_once() {
    let list: Vec<Value> = (0..100_000).map(|n| json!({"id": n, "s": "x"})).collect();
    let fields = vec![
        rows("ids", "/results", "/id", "integer[]"),
        rows("states", "/results", "/s", "string[]"),
        rows("paths", "/results", "$.id", "integer[]"),
    ];
    // Looked up from the start for each row, this is a hundred gigabytes.
    let (reply, _) = flatten(fields, &json!({ "results": list }), 8 << 20);
    for name in ["ids", "states", "paths"] {
        assert_eq!(reply[name].as_array().map(Vec::len), Some(100_000), "{name}");
    }
    assert_eq!(reply["ids"][99_999], 99_999);
}

#[test]
fn arrays_of_one_list_give_way_together_when_the_reply_would_be_too_large() {
    let list: Vec<Value> = (0..50).map(|n| json!({"id": "x".repeat(20), "n": n})).collect();
    let data = json!({ "l": list, "long": "y".repeat(700) });
    let fields = || {
        vec![
            rows("ids", "/l", "/id", "string[]"),
            field("long", "/long", "string"),
            rows("ns", "/l", "$.n", "integer[]"),
        ]
    };
    let (reply, written) = flatten(fields(), &data, 1_000);
    assert_eq!((&reply["ids"], &reply["ns"]), (&json!([]), &json!([])));
    assert_eq!(reply["long"], data["long"]);
    assert_eq!((&reply["complete"], written.complete), (&json!(false), false));
    assert_eq!(
        written.left_out.iter().map(crate::model::id::InputName::as_str).collect::<Vec<_>>(),
        ["ids", "ns"]
    );
    assert!(written.wrong_types.is_empty());
    // Both arrays are smaller than the text, and more than it together.
    let (reply, _) = flatten(fields(), &data, 2_000);
    assert_eq!((&reply["ids"], &reply["ns"]), (&json!([]), &json!([])));
    let (reply, written) = flatten(fields(), &data, 10_000);
    assert_eq!(reply["ns"].as_array().map(Vec::len), Some(50));
    assert!(written.complete && written.left_out.is_empty());
}

#[test]
fn a_long_default_for_very_many_rows_takes_no_more_memory_than_a_reply() {
    let long = "x".repeat(1_000);
    let fields = vec![
        with_default(rows("texts", "", "/a", "string[]"), &json!(long)),
        rows("numbers", "", "/b", "integer[]"),
    ];
    let data = json!(vec![1; 10_000]);
    let values = field_values::read(
        &fields,
        &aggregate(Json::from_value(&data)),
        30_000,
        &Patience::new(&|| false),
    );
    let is_short =
        |value: &Option<FieldValue>| value.as_ref().is_some_and(|it| it.json.len() < 32_000);
    assert!(values.iter().all(is_short));
    // What is not whole is in no reply.
    let (reply, written) = flatten(fields, &data, 30_000);
    assert_eq!((&reply["texts"], &reply["numbers"]), (&json!([]), &json!([])));
    assert!(!written.complete);
}

#[test]
fn what_is_not_made_in_time_is_left_out_together_with_what_goes_along() {
    let fields = vec![
        rows("ids", "/l", "/id", "integer[]"),
        field("name", "/name", "string"),
        field("all", "$.l[*].id", "integer[]"),
        field("plain", "/plain", "integer[]"),
        rows("ns", "/l", "$.n", "integer[]"),
    ];
    let names = ["ids", "name", "all", "plain", "ns"];
    let data = json!({
        "l": vec![json!({"id": 1, "n": 2}); 1_000], "plain": vec![3; 1_000], "name": "n",
    });
    let output = OutputSpec { fields };
    let data = aggregate(Json::from_value(&data));
    let mut kept = Vec::new();
    for most in 0..40 {
        let asked = Cell::new(0);
        let is_over = || asked.replace(asked.get() + 1) >= most;
        let reply = output.flatten_until(&data, 1 << 20, &is_over);
        let json: Value = serde_json::from_slice(&reply.json).unwrap();
        let is_left_out = |name: &str| reply.left_out.iter().any(|left| left.as_str() == name);
        assert_eq!(is_left_out("ids"), is_left_out("ns"), "they never slip");
        for name in names {
            let expected = match (name, is_left_out(name)) {
                ("name", left_out) => json!(if left_out { "" } else { "n" }),
                (_, true) => json!([]),
                ("plain", false) => json!(vec![3; 1_000]),
                ("ns", false) => json!(vec![2; 1_000]),
                (_, false) => json!(vec![1; 1_000]),
            };
            assert!(json[name] == expected, "{name} after {most} looks at the clock");
        }
        assert_eq!(reply.complete, reply.left_out.is_empty());
        assert_eq!(json["complete"], reply.complete);
        kept.push(names.len() - reply.left_out.len());
    }
    assert!(kept.is_sorted() && kept[0] == 0 && kept[39] == names.len(), "{kept:?}");
    assert!(kept.iter().any(|kept| (1..names.len()).contains(kept)), "{kept:?}");
}

/// What a list of rows is mostly like, and whatever else comes.
fn any_list() -> impl Strategy<Value = Value> {
    let row = prop::collection::btree_map("[ab]", any_json(), 0..3).prop_map(Value::from_iter);
    let rows = prop::collection::vec(prop_oneof![3 => row, 1 => any_json()], 0..6);
    prop_oneof![4 => rows.prop_map(Value::from), 1 => any_json()]
}

proptest! {
    #[test]
    fn all_arrays_of_one_list_have_as_many_elements_as_it_has_rows(
        list in any_list(),
        nested in any::<bool>(),
    ) {
        let (each, data) = if nested { ("/l", json!({"l": list})) } else { ("", list.clone()) };
        let arrays = || FieldType::all().into_iter().filter(|kind| kind.is_array);
        let items = ["", "/a", "/a/0", "/b/a", "$", "$.a", "$..a", "$[*]", "$[?@.a == 1].b"];
        let pairs = items.iter().flat_map(|item| arrays().map(move |kind| (item, kind)));
        let fields: Vec<FieldSpec> = pairs.enumerate()
            .map(|(index, (item, kind))| rows(&format!("f{index}"), each, item, kind.as_str()))
            .collect();
        let kinds: Vec<FieldType> = fields.iter().map(|field| field.kind).collect();
        let (reply, written) = flatten(fields, &data, 1 << 20);
        let count = list.as_array().map_or(0, Vec::len);
        for (index, kind) in kinds.into_iter().enumerate() {
            let array = &reply[format!("f{index}")];
            prop_assert!(is_of(kind, array), "{} of {data}: {array}", kind.as_str());
            prop_assert_eq!(array.as_array().map(Vec::len), Some(count), "{} of {}", array, data);
        }
        prop_assert_eq!(written.complete, written.wrong_types.is_empty());
    }

    #[test]
    fn a_pointer_and_a_path_to_the_same_member_give_the_same(list in any_list()) {
        for kind in FieldType::all().into_iter().filter(|kind| kind.is_array) {
            let data = list.to_string();
            let by_pointer = read_rows(&data, "", "/a", kind.as_str());
            prop_assert_eq!(by_pointer, read_rows(&data, "", "$.a", kind.as_str()), "{}", data);
        }
    }
}
