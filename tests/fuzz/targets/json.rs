//! JSON that is checked and passed on, and the ways into it, against `serde_json`'s trees.

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use tributary::model::json::{
    Json, JsonError, Kind, Pointer, without_byte_order_mark, write_string,
};

const MAX_DEPTH: usize = 50;

/// The input's last line is a JSON Pointer, what stands before it is JSON.
pub fn json(input: &[u8]) {
    let newline = input.iter().rposition(|byte| *byte == b'\n');
    let (text, pointer) = input.split_at(newline.unwrap_or(input.len()));
    check(input, "");
    check(text, &String::from_utf8_lossy(pointer.get(1..).unwrap_or_default()));
}

fn check(text: &[u8], pointer: &str) {
    let ours = Json::parse(Bytes::copy_from_slice(text), MAX_DEPTH);
    let text = without_byte_order_mark(text);
    let theirs: Result<Value, _> = serde_json::from_slice(text);
    let (json, tree) = match (ours, theirs) {
        (Ok(json), Ok(tree)) => (json, tree),
        // A number of any size is passed on, and is in the way of nothing else.
        (Ok(json), Err(error)) if error.to_string().starts_with("number out of range") => {
            assert_eq!(json.as_bytes(), trimmed(text), "it is passed on byte for byte");
            assert!(serde_json::from_slice::<&RawValue>(text).is_ok());
            assert!(json.to_tree().is_some(), "the rest can be looked at");
            return;
        }
        (Ok(json), Err(error)) => panic!("serde_json refuses {:?}: {error}", json.as_str()),
        // The one thing in which we are stricter.
        (Err(JsonError::TooDeep { limit }), _) => return assert_eq!(limit, MAX_DEPTH),
        (Err(error), Ok(_)) => panic!("refused, although serde_json takes it: {error}"),
        (Err(_), Err(_)) => return,
    };
    assert_eq!(json.as_bytes(), trimmed(text), "it is passed on byte for byte");
    assert_eq!(json.to_tree().as_ref(), Some(&tree));
    assert!(json.depth() <= MAX_DEPTH);
    let again = Json::parse(Bytes::copy_from_slice(json.as_bytes()), json.depth());
    assert_eq!(again.as_ref(), Ok(&json), "its own depth is enough");
    same(&json, &tree);
    walk(&json, &tree, &mut String::new(), &mut 200);
    if let Ok(parsed) = Pointer::try_new(pointer) {
        let (ours, theirs) = (json.pointer(&parsed), tree.pointer(pointer));
        assert_eq!(ours.is_some(), theirs.is_some(), "{pointer:?}");
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            same(&ours, theirs);
        }
    }
}

fn trimmed(text: &[u8]) -> &[u8] {
    let space = |byte: &u8| b" \t\r\n".contains(byte);
    let start = text.iter().position(|byte| !space(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !space(byte)).map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}

/// Every value of the tree is found under its pointer, at most `left` of them.
fn walk(json: &Json, tree: &Value, pointer: &mut String, left: &mut u32) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    let parsed = Pointer::try_new(pointer).expect("it is escaped");
    let found = json.pointer(&parsed);
    same(&found.unwrap_or_else(|| panic!("nothing at {pointer:?}")), tree);
    let length = pointer.len();
    let mut enter = |step: &str, child: &Value| {
        pointer.push('/');
        pointer.push_str(step);
        walk(json, child, pointer, left);
        pointer.truncate(length);
    };
    match tree {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                enter(&index.to_string(), item);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                enter(&key.replace('~', "~0").replace('/', "~1"), member);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The same value as text and as a tree.
fn same(json: &Json, tree: &Value) {
    let parsed: Value = serde_json::from_slice(json.as_bytes()).expect("a part is JSON as well");
    assert_eq!(parsed, *tree);
    let kind = match tree {
        Value::Null => Kind::Null,
        Value::Bool(_) => Kind::Bool,
        Value::Number(_) => Kind::Number,
        Value::String(_) => Kind::String,
        Value::Array(_) => Kind::Array,
        Value::Object(_) => Kind::Object,
    };
    assert_eq!(json.kind(), kind);
    assert_eq!(json.text().as_deref(), tree.as_str());
    let items: Option<Vec<Json>> = json.items().map(Iterator::collect);
    assert_eq!(items.as_ref().map(Vec::len), tree.as_array().map(Vec::len));
    for (item, child) in items.iter().flatten().zip(tree.as_array().into_iter().flatten()) {
        let item: Value = serde_json::from_slice(item.as_bytes()).expect("an item is JSON");
        assert_eq!(item, *child);
    }
    if let Value::String(text) = tree {
        let mut written = Vec::new();
        write_string(&mut written, text);
        assert_eq!(serde_json::from_slice::<String>(&written).ok().as_ref(), Some(text));
    }
}
