//! What is found in a text once it has been checked.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::super::{Json, Kind, Pointer, without_byte_order_mark};
use super::{at, json, parse, serde_json_accepts};

#[test]
fn null_and_trees_of_ours_become_text() {
    assert_eq!(Json::null().as_str(), "null");
    assert_eq!(Json::null().kind(), Kind::Null);
    let tree = serde_json::json!({"a": [1, null, "x\"y"]});
    assert_eq!(Json::from(&tree), json(r#"{"a":[1,null,"x\"y"]}"#));
}

#[test]
fn a_value_found_inside_shares_the_buffer() {
    let whole = json(r#"{"a":{"b":[10,20]}}"#);
    let inner = whole.pointer(&Pointer::try_new("/a/b").unwrap()).unwrap();
    assert!(whole.as_bytes().as_ptr_range().contains(&inner.as_bytes().as_ptr()));
}

#[test]
fn pointers_lead_where_rfc_6901_says() {
    let text = r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"k\"l":6," ":7,"m~n":8}"#;
    for (pointer, expected) in [
        ("", Some(text)),
        ("/foo", Some(r#"["bar","baz"]"#)),
        ("/foo/0", Some("\"bar\"")),
        ("/", Some("0")),
        ("/a~1b", Some("1")),
        ("/c%d", Some("2")),
        ("/k\"l", Some("6")),
        ("/ ", Some("7")),
        ("/m~0n", Some("8")),
        ("/foo/2", None),
        ("/foo/-", None),
        ("/foo/00", None),
        ("/foo/+1", None),
        ("/nope", None),
        ("/foo/0/x", None),
        ("//x", None),
    ] {
        assert_eq!(at(text, pointer).as_deref(), expected, "{pointer}");
    }
}

#[test]
fn of_equal_keys_the_last_one_counts_whatever_their_escapes() {
    assert_eq!(at(r#"{"a":1,"b":2,"\u0061":3}"#, "/a").as_deref(), Some("3"));
    assert_eq!(at(r#"{"a":{"x":1},"a":{"y":2}}"#, "/a/x"), None);
    assert_eq!(at(r#"{ "é" : 1 , "\ud83d\ude00" : [ 2 , 3 ] }"#, "/😀/1").as_deref(), Some("3"));
}

#[test]
fn brackets_and_commas_inside_strings_mean_nothing() {
    let text = r#"[ "],[" , {"}":"\"]"} , [[ ]] , -1.0 ]"#;
    let items: Vec<String> = json(text).items().unwrap().map(|v| v.as_str().to_owned()).collect();
    assert_eq!(items, [r#""],[""#, r#"{"}":"\"]"}"#, "[[ ]]", "-1.0"]);
    assert_eq!(json(text).depth(), 3);
}

#[test]
fn only_arrays_have_items() {
    assert_eq!(json("[ ]").items().unwrap().count(), 0);
    for text in ["{}", "null", "1", "true", "\"[]\""] {
        assert!(json(text).items().is_none(), "{text}");
    }
}

#[test]
fn each_kind_is_known_with_its_scalar_text() {
    for (text, kind, scalar) in [
        ("null", Kind::Null, None),
        ("true", Kind::Bool, Some("true")),
        ("false", Kind::Bool, Some("false")),
        ("-1.00", Kind::Number, Some("-1.00")),
        (r#""a\nb""#, Kind::String, Some("a\nb")),
        ("[1]", Kind::Array, None),
        ("{}", Kind::Object, None),
    ] {
        assert_eq!(json(text).kind(), kind);
        assert_eq!(json(text).scalar_text().as_deref(), scalar);
        assert_eq!(json(text).text().is_some(), kind == Kind::String, "{text}");
    }
}

/// Trees with short keys, so that pointers meet them, and every kind of value.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-c\"\\\\/\n😀]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[ab01~/\"é]{0,2}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

/// Pointers to everything in a tree.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{here}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(member, &format!("{here}/{key}"), found);
            }
        }
        _ => {}
    }
}

fn reparsed(json: &Json) -> Value {
    serde_json::from_slice(json.as_bytes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_serde_json_prints_passes_and_reports_its_depth(value in tree()) {
        let compact = value.to_string();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        for text in [compact, pretty] {
            let json = parse(text.as_bytes()).unwrap();
            prop_assert_eq!(json.as_str(), &text);
            prop_assert_eq!(json.depth(), depth_of(&value));
            let string = json.text();
            prop_assert_eq!(string.as_deref(), value.as_str());
        }
    }

    #[test]
    fn a_mutated_text_passes_exactly_if_serde_json_takes_it(
        value in tree(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..3, any::<u8>(), any::<bool>()), 1..4),
    ) {
        const TELLING: &[u8] = b"\"\\{}[],: \n0123-+.eEutfn/dD8cC\x1f\x7f\xc3";
        let mut text = value.to_string().into_bytes();
        for (place, edit, byte, telling) in edits {
            let place = place.index(text.len() + 1).min(text.len());
            let byte = if telling { TELLING[usize::from(byte) % TELLING.len()] } else { byte };
            match edit {
                0 => text.insert(place, byte),
                1 if place < text.len() => text[place] = byte,
                _ if place < text.len() => drop(text.remove(place)),
                _ => {}
            }
        }
        prop_assert_eq!(parse(&text).is_ok(), serde_json_accepts(&text), "{:?}", parse(&text));
    }

    #[test]
    fn a_text_of_json_pieces_passes_exactly_if_serde_json_takes_it(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\u00e9\"", "1", "-", "0", ".", "e", " ", "true", "null",
            "\"", "\\ud83d", "\\ude00", "{\"a\":", "[1,", "[]", "{}",
        ]), 0..10),
    ) {
        let text = pieces.concat();
        let theirs = serde_json_accepts(text.as_bytes());
        prop_assert_eq!(parse(text.as_bytes()).is_ok(), theirs, "{}", text);
    }

    #[test]
    fn a_text_cut_short_never_passes_unless_it_is_a_number(value in tree(), cut: prop::sample::Index) {
        let text = value.to_string();
        prop_assume!(!value.is_number());
        prop_assert!(parse(&text.as_bytes()[..cut.index(text.len())]).is_err());
    }

    #[test]
    fn arbitrary_bytes_panic_nowhere(bytes: Vec<u8>) {
        let unmarked = without_byte_order_mark(&bytes);
        prop_assert_eq!(parse(&bytes).is_ok(), serde_json_accepts(unmarked));
        // Also the walks, on text that no check has seen.
        let unchecked = Json(Bytes::from(bytes));
        let _ = (unchecked.kind(), unchecked.depth());
        let _ = unchecked.items().map(Iterator::count);
        let _ = unchecked.pointer(&Pointer::try_new("/a/0").unwrap());
    }

    #[test]
    fn broken_containers_panic_nowhere(text in "[\\[{][\\[\\]{}:,\"a0\\\\ ]{0,30}") {
        let unchecked = Json(Bytes::from(text));
        let _ = unchecked.depth();
        let _ = unchecked.items().map(Iterator::count);
        for pointer in ["/a", "/0", "/a/0/a", "/0/a"] {
            let _ = unchecked.pointer(&Pointer::try_new(pointer).unwrap());
        }
    }

    #[test]
    fn a_pointer_finds_what_serde_json_finds(value in tree(), guess in "(/[ab01~/-]{0,2}){0,3}") {
        let mut all = Vec::new();
        pointers(&value, "", &mut all);
        if Pointer::try_new(&guess).is_ok() {
            all.push(guess);
        }
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        for text in [value.to_string(), pretty] {
            let json = json(&text);
            // The same text read back, since floats may differ by a bit.
            let tree = reparsed(&json);
            for pointer in &all {
                let found = json.pointer(&Pointer::try_new(pointer).unwrap());
                let found = found.as_ref().map(reparsed);
                prop_assert_eq!(found.as_ref(), tree.pointer(pointer));
            }
        }
    }

    #[test]
    fn items_are_the_elements_in_their_order(values in prop::collection::vec(tree(), 0..5)) {
        let text = serde_json::to_string_pretty(&values).unwrap();
        let items: Vec<Value> = json(&text).items().unwrap().map(|item| reparsed(&item)).collect();
        prop_assert_eq!(Value::from(items), reparsed(&json(&text)));
    }
}
