//! The laws of the module, held against `serde_json`, and the classic nasty texts.

mod json_values;

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Json, JsonError, Pointer};

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
#[expect(clippy::too_many_lines, reason = "one table")]
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
