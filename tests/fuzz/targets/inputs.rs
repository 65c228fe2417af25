//! The body of a request: a flat JSON object of inputs.

use std::sync::LazyLock;

use serde_json::{Map, Value};
use tributary::model::id::InputName;
use tributary::model::inputs::{
    InputErrors, InputKind, InputPattern, InputSpec, InputValue, Inputs,
};
use tributary::model::json::without_byte_order_mark;

const MAX_LENGTH: usize = 12;
/// Of a name in an error, the sign of what was left out included.
const MAX_NAME_LENGTH: usize = 65;
/// Stands in the corpus' secrets, and in no sentence and no name.
const MARK: &str = "zq";

static SPECS: LazyLock<[InputSpec; 5]> = LazyLock::new(specs);

fn specs() -> [InputSpec; 5] {
    let spec =
        |name: &str, kind| InputSpec::new(InputName::try_new(name).expect("a good name"), kind);
    let text = spec("customerId", InputKind::String);
    let pattern = InputPattern::try_new("[a-z]{1,3}-[0-9]+").expect("a good pattern");
    [
        InputSpec { required: true, max_length: MAX_LENGTH, echo: true, ..text },
        InputSpec { secret: true, pattern: Some(pattern), ..spec("key", InputKind::String) },
        spec("count", InputKind::Integer),
        spec("ratio", InputKind::Number),
        spec("active", InputKind::Boolean),
    ]
}

/// The input is the body.
pub fn inputs(input: &[u8]) {
    let specs = SPECS.as_slice();
    let tree: Result<Value, _> = serde_json::from_slice(without_byte_order_mark(input));
    match Inputs::from_body(input, specs) {
        Ok(inputs) => {
            let Ok(Value::Object(object)) = tree else { panic!("inputs out of no object") };
            accepted(&inputs, unwrapped(&object), specs);
            wrapping_changes_nothing(&inputs, &object, specs);
        }
        Err(error) => refused(&error, tree.ok().as_ref()),
    }
}

/// What `{"input": {…}}` holds, if it is that.
fn unwrapped(object: &Map<String, Value>) -> &Map<String, Value> {
    let inner = object.get("input").and_then(Value::as_object);
    inner.filter(|_| object.len() == 1).unwrap_or(object)
}

fn accepted(inputs: &Inputs, object: &Map<String, Value>, specs: &[InputSpec]) {
    for spec in specs {
        let name = spec.name.as_str();
        let sent = object.get(name).unwrap_or(&Value::Null);
        let Some(value) = inputs.get(name) else {
            let is_missing = sent.is_null() || sent.as_str().is_some_and(counts_as_missing);
            assert!(is_missing && !spec.required, "{name} got lost");
            continue;
        };
        assert_eq!(value.kind(), spec.kind);
        if let InputValue::Text(text) = value {
            assert!(!text.is_empty() && text.chars().count() <= spec.max_length);
            assert!(spec.pattern.as_ref().is_none_or(|pattern| pattern.matches(text)));
        }
        // It means what was sent: the same text, the same number.
        let written: Value = serde_json::from_str(&value.to_json()).expect("JSON");
        let same = match (&written, sent) {
            (Value::Number(ours), Value::Number(theirs)) => ours.as_f64() == theirs.as_f64(),
            (ours, theirs) => ours == theirs,
        };
        assert!(same, "{written} is not {sent}");
    }
    let echoed: Vec<&str> = inputs.echoed().map(|(name, _)| name.as_str()).collect();
    assert_eq!(echoed, ["customerId"]);
    assert!(!format!("{inputs:?}").contains(MARK));
}

fn counts_as_missing(text: &str) -> bool {
    text.is_empty() || text.contains("${") || text.contains("$!{")
}

/// In one more `{"input": …}`, an object of inputs means the same.
fn wrapping_changes_nothing(inputs: &Inputs, object: &Map<String, Value>, specs: &[InputSpec]) {
    if unwrapped(object) == object {
        let wrapped = serde_json::json!({ "input": object }).to_string();
        let again = Inputs::from_body(wrapped.as_bytes(), specs);
        assert_eq!(again.as_ref(), Ok(inputs));
    }
}

fn refused(error: &InputErrors, tree: Option<&Value>) {
    match error {
        InputErrors::NotJson { .. } => assert!(tree.is_none(), "it is JSON"),
        InputErrors::NotAnObject { .. } => assert!(tree.is_some_and(|tree| !tree.is_object())),
        // The name is the caller's own, whatever it is.
        InputErrors::Doubled { name } => {
            assert!(tree.is_some() && name.chars().count() <= MAX_NAME_LENGTH);
            return;
        }
        InputErrors::NotWrapped { .. } => {
            let input = tree.and_then(|tree| tree.get("input"));
            assert!(input.is_some_and(|input| !input.is_object() && !input.is_null()));
        }
        InputErrors::Beside => {
            let object = tree.and_then(Value::as_object).expect("an object");
            assert!(object.len() > 1 && object.contains_key("input"));
        }
        InputErrors::Invalid(problems) => {
            assert!(!problems.is_empty() && problems.len() <= SPECS.len());
            let mut names: Vec<&str> = problems.iter().map(|it| it.input.as_str()).collect();
            names.dedup();
            assert_eq!(names.len(), problems.len(), "one problem for each input");
        }
    }
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(MARK), "a value in an error: {shown}");
}
