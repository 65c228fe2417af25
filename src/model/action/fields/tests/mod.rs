mod rows;

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::inputs::InputKind;
use crate::model::record::target::Target;
use crate::model::reply::aggregate::Aggregate;
use crate::model::reply::outcome::{Outcome, SourceReply};

fn field(name: &str, path: &str, kind: &str) -> FieldSpec {
    let kind = FieldType::all().into_iter().find(|known| known.as_str() == kind).unwrap();
    FieldSpec {
        name: InputName::try_new(name).unwrap(),
        from: Id::try_new("crm").unwrap(),
        extraction: Extraction::Path(FieldPath::try_new(path).unwrap()),
        kind,
        conversion: Conversion::Strict,
        default: kind.natural_default(),
        title: None,
        description: None,
    }
}

/// An array with an element for each row of a list.
fn rows(name: &str, each: &str, item: &str, kind: &str) -> FieldSpec {
    let field = field(name, "", kind);
    let spec = RowsSpec {
        each: Pointer::try_new(each).unwrap(),
        item: FieldPath::try_new(item).unwrap(),
        default: field.kind.element().natural_default(),
    };
    FieldSpec { extraction: Extraction::Rows(spec), ..field }
}

fn aggregate(data: Json) -> Aggregate {
    let reply = SourceReply {
        source: Id::try_new("crm").unwrap(),
        target: Target::sample().into(),
        outcome: Outcome::Ok,
        status: 200,
        error: None,
        attempts: 1,
        latency: Duration::from_millis(3),
        data,
    };
    Aggregate {
        echoed: vec![("customerId".to_owned(), Json::from_value(&json!("c-1")))],
        replies: vec![reply],
        latency: Duration::from_millis(4),
        flow_latency_ms: None,
    }
}

/// The reply with one field `x`: the text of its value, and whether another type came.
fn read_field(data: &str, field: FieldSpec) -> (String, bool) {
    let data = Json::parse(data.to_owned().into(), 1_000).unwrap();
    let reply = OutputSpec { fields: vec![field] }.flatten(&aggregate(data), 1 << 20);
    assert_eq!(reply.complete, reply.wrong_types.is_empty());
    let text = Json::parse(reply.json.into(), 50).unwrap();
    let value = text.pointer(&Pointer::try_new("/x").unwrap()).unwrap();
    (value.as_str().to_owned(), !reply.wrong_types.is_empty())
}

fn read(data: &str, path: &str, kind: &str) -> (String, bool) {
    read_field(data, field("x", path, kind))
}

fn read_rows(data: &str, each: &str, item: &str, kind: &str) -> (String, bool) {
    read_field(data, rows("x", each, item, kind))
}

#[test]
fn a_value_of_the_type_comes_as_it_was_sent() {
    let data = r#"{"a":{"s":"ä\"","n":1.00,"i":90000000000000000,"b":true,"t":["x","y"]},
                   "l":[{"id":123456789012345678},{"id":2}]}"#;
    let cases = [
        ("/a/s", "string", r#""ä\"""#),
        ("/a/n", "number", "1.00"),
        ("/a/i", "integer", "90000000000000000"),
        ("/a/b", "boolean", "true"),
        ("/a/t", "string[]", r#"["x","y"]"#),
        ("$.a.n", "number", "1.00"),
        ("$.l[0].id", "integer", "123456789012345678"),
        ("$.l[*].id", "integer[]", "[123456789012345678,2]"),
        ("$.l[?@.id == 2].id", "integer", "2"),
        ("$.a.t", "string[]", r#"["x","y"]"#),
        ("$['a']['t'][1]", "string", "\"y\""),
    ];
    for (path, kind, expected) in cases {
        assert_eq!(read(data, path, kind), (expected.to_owned(), false), "{path} {kind}");
    }
}

#[test]
fn a_path_to_thousands_of_values_reads_the_text_once() {
    let items: Vec<Value> = (0..5_000).map(|n| json!({"id": n, "pad": "x".repeat(400)})).collect();
    let data = Json::from_value(&json!({ "results": items }));
    let output = OutputSpec { fields: vec![field("x", "$.results[*].id", "integer[]")] };
    // Read anew for each value, this is some ten gigabytes: minutes in a debug build.
    let reply = output.flatten(&aggregate(data), 1 << 20);
    let reply: Value = serde_json::from_slice(&reply.json).unwrap();
    assert_eq!(reply["x"].as_array().map(Vec::len), Some(5_000));
}

#[test]
fn another_type_is_the_default_and_counts() {
    let cases = [
        (r#"{"x":5}"#, "string", "\"\""),
        (r#"{"x":"5"}"#, "integer", "0"),
        (r#"{"x":5.5}"#, "integer", "0"),
        (r#"{"x":123456789012345678901234}"#, "integer", "0"),
        (r#"{"x":{}}"#, "number", "0"),
        (r#"{"x":"true"}"#, "boolean", "false"),
        (r#"{"x":"a"}"#, "string[]", "[]"),
        (r#"{"x":["a",null]}"#, "string[]", "[]"),
        (r#"{"x":[["a"]]}"#, "string[]", "[]"),
    ];
    for (data, kind, expected) in cases {
        assert_eq!(read(data, "/x", kind), (expected.to_owned(), true), "{data} {kind}");
    }
}

#[test]
fn what_is_absent_or_null_is_the_default_and_does_not_count() {
    for (data, path) in
        [("{}", "/x"), (r#"{"x":null}"#, "/x"), ("null", "/x/y"), ("[]", "$.x[*]"), ("1", "$..x")]
    {
        for kind in FieldType::all() {
            let expected = (kind.natural_default().as_str().to_owned(), false);
            assert_eq!(read(data, path, kind.as_str()), expected, "{data} {path}");
        }
    }
}

#[test]
fn a_scalar_takes_the_first_of_several_values_and_nothing_else_counts() {
    let cases = [
        (r#"[null,"x"]"#, "\"\"", false),
        (r#"["x",null,5]"#, "\"x\"", false),
        (r#"[5,"x"]"#, "\"\"", true),
    ];
    for (data, expected, is_wrong) in cases {
        assert_eq!(read(data, "$[*]", "string"), (expected.to_owned(), is_wrong), "{data}");
    }
}

#[test]
fn a_value_of_another_type_or_left_out_makes_the_reply_incomplete() {
    let data = Json::from_value(&json!({"long": "x".repeat(500), "odd": 5}));
    let fields = [field("long", "/long", "string"), field("odd", "/odd", "string")];
    let reply = |count: usize, max_reply| {
        let output = OutputSpec { fields: fields[..count].to_vec() };
        let reply = output.flatten(&aggregate(data.clone()), max_reply);
        let json: Value = serde_json::from_slice(&reply.json).unwrap();
        assert_eq!(json["complete"], reply.complete);
        reply.complete
    };
    assert!(reply(1, 1 << 20));
    assert!(!reply(1, 400));
    assert!(!reply(2, 1 << 20));
}

#[test]
fn a_whole_number_with_a_fraction_of_zero_is_an_integer() {
    assert_eq!(read("5.0", "", "integer"), ("5".to_owned(), false));
    assert_eq!(read("-1e3", "", "integer"), ("-1000".to_owned(), false));
    assert_eq!(read("-0", "", "integer"), ("0".to_owned(), false));
    assert_eq!(read("-0.0", "", "integer"), ("0".to_owned(), false));
}

#[test]
fn a_number_that_no_double_holds_is_of_another_type_and_disturbs_no_other_field() {
    let wide =
        r#"{"x":1e400,"y":1.50,"l":[1e400,2,-1e999],"m":[{"id":"a"},{"id":"b"}],"t":1e-400}"#;
    for (path, kind, expected, is_wrong) in [
        ("/x", "number", "0", true),
        ("/x", "integer", "0", true),
        ("/x", "string", "\"\"", true),
        ("$.x", "number", "0", true),
        ("/l", "number[]", "[]", true),
        ("$.l[*]", "number[]", "[]", true),
        ("$.l[0,2]", "number[]", "[]", true),
        ("$.l[2]", "number", "0", true),
        ("$.l[1]", "integer", "2", false),
        ("/y", "number", "1.50", false),
        ("$.y", "number", "1.50", false),
        ("$.m[*].id", "string[]", r#"["a","b"]"#, false),
        ("$.l[?@ > 1]", "integer", "2", false),
        ("$.l[?@ == null]", "number[]", "[]", false),
        ("/t", "number", "1e-400", false),
        ("/t", "integer", "0", true),
    ] {
        let found = read(wide, path, kind);
        assert_eq!(found, (expected.to_owned(), is_wrong), "{path} {kind}");
    }
    assert!(!read("[1.7976931348623157e308,1]", "$[*]", "number[]").1);
}

#[test]
fn the_largest_field_gives_way_when_the_reply_would_be_too_large() {
    let long = "x".repeat(500);
    let data = Json::from_value(&json!({"long": long, "short": "y"}));
    let output = OutputSpec {
        fields: vec![field("long", "/long", "string"), field("short", "/short", "string")],
    };
    let reply = output.flatten(&aggregate(data), 400);
    let reply: Value = serde_json::from_slice(&reply.json).unwrap();
    assert_eq!((&reply["long"], &reply["short"]), (&json!(""), &json!("y")));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abx]", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

fn is_of(kind: FieldType, value: &Value) -> bool {
    let scalar = |value: &Value| match kind.scalar {
        InputKind::String => value.is_string(),
        InputKind::Integer => value.is_i64(),
        InputKind::Number => value.is_number(),
        InputKind::Boolean => value.is_boolean(),
    };
    match value {
        Value::Array(elements) => kind.is_array && elements.iter().all(scalar),
        other => !kind.is_array && scalar(other),
    }
}

proptest! {
    #[test]
    fn whatever_came_every_field_is_there_and_of_its_type(data in any_json()) {
        let paths = ["", "/a", "/a/0", "$.a", "$..*", "$.a[*].b", "$[?@.x > 1]"];
        let kinds = FieldType::all();
        let pairs = paths.iter().flat_map(|path| kinds.iter().map(move |kind| (path, kind)));
        let name = |index: usize| format!("f{index}");
        let fields: Vec<_> = pairs.enumerate()
            .map(|(index, (path, kind))| field(&name(index), path, kind.as_str()))
            .collect();
        let output = OutputSpec { fields };
        let reply = output.flatten(&aggregate(Json::from_value(&data)), 1 << 20);
        let reply: Value = serde_json::from_slice(&reply.json).unwrap();
        for (index, field) in output.fields.iter().enumerate() {
            let value = &reply[name(index)];
            prop_assert!(is_of(field.kind, value), "{} from {data}: {value}", field.kind.as_str());
        }
        prop_assert_eq!(&reply["crm_outcome"], &json!("ok"));
        prop_assert_eq!(&reply["crm_status"], &json!(200));
    }
}

fn read_leniently(data: &str, path: &str, kind: &str) -> (String, bool) {
    read_field(data, FieldSpec { conversion: Conversion::Lenient, ..field("x", path, kind) })
}

#[test]
fn a_value_of_another_type_is_converted_where_the_field_lets_it_and_it_can_mean_one_thing_only() {
    for (value, kind, expected) in [
        (r#""1500.00""#, "number", "1500.00"),
        (r#"" 42 ""#, "integer", "42"),
        (r#""2.0""#, "integer", "2"),
        (r#""true""#, "boolean", "true"),
        (r#""FALSE""#, "boolean", "false"),
        ("42", "string", r#""42""#),
        ("123456789012345678901234567890", "string", r#""123456789012345678901234567890""#),
        ("1500.00", "string", r#""1500.00""#),
        ("true", "string", r#""true""#),
        (r#"["1",2,"3.0"]"#, "integer[]", "[1,2,3]"),
        (r#"[1,"a"]"#, "string[]", r#"["1","a"]"#),
        ("null", "number", "0"),
    ] {
        let data = format!(r#"{{"a":{value}}}"#);
        assert_eq!(read_leniently(&data, "/a", kind), (expected.to_owned(), false), "{data}");
    }
    for (value, kind) in [
        (r#""1,500.00""#, "number"),
        (r#""1e999""#, "number"),
        (r#""4.5""#, "integer"),
        (r#""""#, "integer"),
        (r#""yes""#, "boolean"),
        ("1", "boolean"),
        ("true", "number"),
        ("[1]", "number"),
        (r#"{"a":1}"#, "string"),
        (r#"["1","x"]"#, "integer[]"),
    ] {
        let data = format!(r#"{{"a":{value}}}"#);
        assert!(read_leniently(&data, "/a", kind).1, "{data} as {kind}");
    }
    let strict = read(r#"{"a":"1500.00"}"#, "/a", "number");
    assert_eq!(strict, ("0".to_owned(), true), "without it, as always");
}

#[test]
fn the_elements_of_rows_are_converted_as_well() {
    let data = r#"{"l":[{"n":"1"},{"n":2},{},{"n":"x"}]}"#;
    let field = FieldSpec { conversion: Conversion::Lenient, ..rows("x", "/l", "/n", "integer[]") };
    assert_eq!(read_field(data, field), ("[1,2,0,0]".to_owned(), true));
}

#[test]
fn a_count_is_that_of_the_list_or_of_what_the_path_finds() {
    let data = r#"{"l":[{"s":1},{"s":2},{"s":1}],"e":[],"n":null,"o":{"a":1}}"#;
    for (path, count) in [
        ("/l", "3"),
        ("/e", "0"),
        ("/absent", "0"),
        ("/n", "0"),
        ("$.l", "3"),
        ("$.l[*]", "3"),
        ("$.l[?@.s == 1]", "2"),
        ("$.l[?@.s == 9]", "0"),
    ] {
        let path_spec = FieldPath::try_new(path).unwrap();
        let field =
            FieldSpec { extraction: Extraction::Count(path_spec), ..field("x", "", "integer") };
        assert_eq!(read_field(data, field), (count.to_owned(), false), "{path}");
    }
    let no_list = FieldPath::try_new("/o").unwrap();
    let field = FieldSpec { extraction: Extraction::Count(no_list), ..field("x", "", "integer") };
    assert_eq!(read_field(data, field), ("0".to_owned(), true), "an object is no list");
}
