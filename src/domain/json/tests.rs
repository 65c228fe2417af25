//! The laws of the module, held against `serde_json`, and the classic nasty texts.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Json, JsonError, Kind, Pointer, without_byte_order_mark};

/// Deeper than `serde_json` goes, which stops below 128.
const DEEP: usize = 1000;

fn parse(text: &[u8]) -> Result<Json, JsonError> {
    Json::parse(Bytes::copy_from_slice(text), DEEP)
}

fn json(text: &str) -> Json {
    parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn at(text: &str, pointer: &str) -> Option<String> {
    let pointer = Pointer::try_new(pointer).unwrap();
    json(text).pointer(&pointer).map(|found| found.as_str().to_owned())
}

/// Whether `serde_json` takes it: in full, or as raw text where a number is beyond its doubles.
fn serde_json_accepts(text: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(text) {
        Ok(_) => true,
        Err(error) if error.to_string().starts_with("number out of range") => {
            raw_value_accepts(text) && !matches!(parse(text), Err(JsonError::LoneSurrogate { .. }))
        }
        Err(_) => false,
    }
}

fn raw_value_accepts(text: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(text).is_ok()
}

#[test]
fn valid_texts_pass_untouched() {
    let texts = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.00",
        "-1.5e+3",
        "0E0",
        "1e-999",
        "0e999",
        "1.7976931348623157e308",
        "12345678901234567890123",
        "\"\"",
        "\"\u{7f}\u{2028}Zürich 😀\"",
        r#""\u0000\ud83d\uDE00""#,
        r#""\"\\\/\b\f\n\r\t""#,
        "[]",
        "{}",
        "[[],{}]",
        r#"{"":0,"a":{"b":[1,2,{"c":null}]}}"#,
        r#"{"a":1,"a":2}"#,
        "[ 1 ,\t2\r\n, 3 ]",
        "{ \"a\" : 1 , \"b\" : [ ] , \"c\" : { } }",
    ];
    for text in texts {
        assert_eq!(json(text).as_bytes(), text.as_bytes());
        let padded = format!(" \t\r\n{text}\n\r\t ");
        assert_eq!(json(&padded).as_bytes(), text.as_bytes());
        assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
    }
}

#[test]
fn malformed_texts_are_refused_at_the_right_byte() {
    let cases: &[(&str, usize)] = &[
        ("[", 1),
        ("[1", 2),
        ("[1,", 3),
        ("[1,]", 3),
        ("[,1]", 1),
        ("[1 2]", 3),
        ("[1}", 2),
        ("{", 1),
        ("{\"a\"", 4),
        ("{\"a\":", 5),
        ("{\"a\":1", 6),
        ("{\"a\":1,}", 7),
        ("{,}", 1),
        ("{\"a\" 1}", 5),
        ("{\"a\":1]", 6),
        ("{a:1}", 1),
        ("{'a':1}", 1),
        ("{1:1}", 1),
        ("{\"a\"}", 4),
        ("]", 0),
        ("}", 0),
        (",", 0),
        (":", 0),
        ("nul", 0),
        ("True", 0),
        ("NaN", 0),
        ("Infinity", 0),
        ("[-Infinity]", 2),
        ("undefined", 0),
        ("// c\n1", 0),
        ("[1/**/]", 2),
        ("-", 1),
        ("+1", 0),
        (".5", 0),
        ("1.", 2),
        ("1.e1", 2),
        ("1e", 2),
        ("1e+", 3),
        ("01", 1),
        ("-01", 2),
        ("0x10", 1),
        ("--1", 1),
        ("\"", 1),
        ("\"abc", 4),
        ("\"a\nb\"", 2),
        ("\"\0\"", 1),
        ("\"\\", 2),
        ("\"\\x41\"", 2),
        ("\"\\u12G4\"", 5),
        ("\"\\u12", 5),
        ("\"\\ud800\\u00\"", 11),
        ("\0", 0),
        ("\u{a0}1", 0),
        ("[\u{feff}1]", 1),
        ("[\"a\",\n4\n,1,", 11),
        ("é", 0),
        ("'a'", 0),
    ];
    for &(text, place) in cases {
        let error = parse(text.as_bytes()).expect_err(text);
        let found = match error {
            JsonError::Syntax { at, .. } | JsonError::Trailing { at } => at,
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!(found, place, "{text:?}: {error}");
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text:?}");
    }
}

#[test]
fn something_after_the_value_is_trailing() {
    for (text, at) in [("1 2", 2), ("{}{}", 2), ("[]]", 2), ("null,", 4), ("truex", 4), ("1\0", 1)]
    {
        assert_eq!(parse(text.as_bytes()), Err(JsonError::Trailing { at }), "{text:?}");
    }
}

#[test]
fn an_empty_body_and_markup_have_their_own_reasons() {
    assert_eq!(parse(b""), Err(JsonError::Empty));
    assert_eq!(parse(b" \r\n\t"), Err(JsonError::Empty));
    assert_eq!(parse(b"\xEF\xBB\xBF \n"), Err(JsonError::Empty));
    for page in [
        &b"<html>"[..],
        b"\n<?xml version='1.0'?>",
        b"<p>Z\xFCrich</p>",
        b"\xEF\xBB\xBF<?xml version='1.0'?>",
    ] {
        let sentence = parse(page).unwrap_err().to_string();
        assert!(sentence.contains("looks like HTML or XML, not JSON"), "{sentence}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped_once_and_at_the_beginning_only() {
    for text in ["{ \"a\": 1.00 }", "\"\u{feff}\"", "null"] {
        let marked = format!("\u{feff}{text}");
        assert_eq!(json(&marked).as_str(), text);
        assert_eq!(json(&format!("\u{feff} \r\n{text}\t")).as_str(), text);
        assert!(parse(format!("\u{feff}{marked}").as_bytes()).is_err());
        assert!(parse(format!(" {marked}").as_bytes()).is_err());
        assert!(parse(format!("{text}\u{feff}").as_bytes()).is_err());
    }
    // The places of what is wrong are counted in what came.
    let refused = parse(b"\xEF\xBB\xBF[1,]");
    assert!(matches!(refused, Err(JsonError::Syntax { at: 6, .. })), "{refused:?}");
    assert!(parse(b"\xEF\xBB").is_err());
    assert!(parse(b"\xFF\xFE{\0}\0").is_err(), "UTF-16");
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_place() {
    let broken: [&[u8]; 5] =
        [b"\"a\xFF\"", b"\"a\xC0\xAF\"", b"\"a\xED\xA0\x80\"", b"\"a\xE2\x82", b"[1\xFE"];
    for text in broken {
        assert_eq!(parse(text), Err(JsonError::NotUtf8 { at: 2 }), "{text:?}");
    }
}

#[test]
fn depth_counts_the_open_containers() {
    let limited = |text: &str, limit| Json::parse(Bytes::copy_from_slice(text.as_bytes()), limit);
    assert!(limited("1", 0).is_ok());
    assert_eq!(limited("[]", 0), Err(JsonError::TooDeep { limit: 0 }));
    assert!(limited("[[],{},[]]", 2).is_ok());
    assert_eq!(limited(r#"{"a":[{}]}"#, 2), Err(JsonError::TooDeep { limit: 2 }));
    for depth in [1, 63, 64, 65, 127, 128, 129, 192, 300] {
        let text = mixed_nest(depth);
        assert_eq!(limited(&text, depth).map(|json| json.depth()), Ok(depth));
        assert_eq!(limited(&text, depth - 1), Err(JsonError::TooDeep { limit: depth - 1 }));
    }
}

/// Arrays and objects in an order without a period of 64.
fn mixed_nest(depth: usize) -> String {
    let is_array = |level: &usize| level % 3 == 1 || level % 7 == 2;
    let open = (0..depth).map(|level| if is_array(&level) { "[" } else { "{\"k\":" });
    let close = (0..depth).rev().map(|level| if is_array(&level) { "]" } else { "}" });
    open.chain(["1"]).chain(close).collect()
}

#[test]
fn every_wrong_closing_bracket_is_noticed_however_deep() {
    let text = mixed_nest(200);
    let first_close = text.find('1').unwrap() + 1;
    for place in first_close..text.len() {
        let mut broken = text.clone().into_bytes();
        broken[place] = if broken[place] == b']' { b'}' } else { b']' };
        let found = parse(&broken);
        assert!(matches!(found, Err(JsonError::Syntax { at, .. }) if at == place), "{found:?}");
    }
}

#[test]
fn two_hundred_thousand_brackets_stop_at_the_limit_or_pass_under_a_high_one() {
    let open = "[".repeat(200_000);
    assert_eq!(parse(open.as_bytes()), Err(JsonError::TooDeep { limit: DEEP }));
    let whole = Bytes::from(open + &"]".repeat(200_000));
    let json = Json::parse(whole, usize::MAX).unwrap();
    assert_eq!(json.depth(), 200_000);
    assert_eq!(json.items().unwrap().next().unwrap().depth(), 199_999);
}

#[test]
fn difference_depth_serde_json_stops_at_its_own_limit() {
    assert!(serde_json::from_str::<Value>(&mixed_nest(127)).is_ok());
    assert!(serde_json::from_str::<Value>(&mixed_nest(128)).is_err());
    assert_eq!(json(&mixed_nest(128)).depth(), 128);
}

#[test]
fn difference_lone_surrogates_pass_a_raw_value_but_not_us() {
    let cases = [
        (r#""\ud800""#, 1),
        (r#""\uDFFF""#, 1),
        (r#""ab\ud800x""#, 3),
        (r#""\ud800\n""#, 1),
        (r#""\ud800\ud800""#, 1),
        (r#""\ud800\u0041""#, 1),
        (r#""\ude00\ud83d""#, 1),
        (r#"{"\udc00":1}"#, 2),
        (r#""\ud83d\ude00\ud83d""#, 13),
    ];
    for (text, at) in cases {
        assert_eq!(parse(text.as_bytes()), Err(JsonError::LoneSurrogate { at }), "{text}");
        assert!(raw_value_accepts(text.as_bytes()), "{text}");
    }
}

#[test]
fn numbers_of_any_size_and_precision_pass_untouched() {
    let (large, digits) = ("9".repeat(310), "1".repeat(309));
    let small = format!("0.{}1", "0".repeat(400));
    for number in [
        "1e400",
        "-1e309",
        "1.8e308",
        "1E+400",
        "1e99999999999999999999",
        "-1e-400",
        "1.7976931348623157e308",
        &large,
        &digits,
        &small,
    ] {
        assert_eq!(json(number).as_str(), number);
        let text = format!(r#"{{"a":[0,{number} ],"b":{number}}}"#);
        assert_eq!(at(&text, "/a/1").as_deref(), Some(number));
        assert_eq!(at(&text, "/b").as_deref(), Some(number));
        assert!(raw_value_accepts(text.as_bytes()), "{number}");
    }
    for text in ["1e400e1", "1e", "1e+", "-1e400.0", "01e400", "1e400x"] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn an_error_never_quotes_the_text() {
    let texts =
        ["{\"sécret\":hunter2}", "hunter2", "\"hunter2", "[\"hunter2\\ud800\"]", "1 hunter2"];
    for text in texts {
        let error = parse(text.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    assert_eq!(parse(b"[1,]").unwrap_err().to_string(), "expected a value at byte 3");
}

#[test]
fn debug_tells_the_length_only() {
    assert_eq!(format!("{:?}", json("\"hunter2\"")), "Json(9 bytes)");
}

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
