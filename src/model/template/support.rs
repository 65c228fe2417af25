//! What the tests of several templates need.

use serde_json::{Value, json};

use crate::model::id::{Id, InputName};
use crate::model::inputs::{InputKind, InputSpec, Inputs};
use crate::model::json::Json;

/// Inputs with these values, each of the kind that the JSON has.
pub(super) fn inputs(object: &Value) -> Inputs {
    let object = object.as_object().unwrap();
    let specs: Vec<InputSpec> = object
        .iter()
        .map(|(name, value)| {
            let kind = match value {
                Value::Bool(_) => InputKind::Boolean,
                Value::Number(number) if number.is_f64() => InputKind::Number,
                Value::Number(_) => InputKind::Integer,
                _ => InputKind::String,
            };
            InputSpec::new(InputName::try_new(name).unwrap(), kind)
        })
        .collect();
    Inputs::from_object(object, &specs).unwrap()
}

/// Inputs with one text called `v`. It is put in by a default, so that it may be any text, the
/// empty one and `${x}` included.
pub(super) fn input_v(text: &str) -> Inputs {
    let spec = InputSpec {
        default: Some(crate::model::inputs::InputValue::Text(text.to_owned())),
        ..InputSpec::new(InputName::try_new("v").unwrap(), InputKind::String)
    };
    let body = json!({});
    Inputs::from_object(body.as_object().unwrap(), &[spec]).unwrap()
}

/// A source that has answered with this JSON.
pub(super) fn source(id: &str, json: &str) -> (Id, Json) {
    let data = Json::parse(json.to_owned().into(), 50).unwrap();
    (Id::try_new(id).unwrap(), data)
}
