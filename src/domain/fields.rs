//! The fields view: a flat, null-free, strictly typed reply for Architect to bind directly.
//!
//! Each field is cut out of one source's data. Whatever came, every field is there and of its type:
//! what is absent or of another type is the field's default.

use std::cell::OnceCell;

use serde_json_path::JsonPath;

use super::aggregate::{Aggregate, write_bool, write_number};
use super::ids::{Id, InputName};
use super::inputs::InputKind;
use super::json::{Json, Kind, Pointer, PointerError, write_string};

/// The members that a flat reply has besides its fields.
pub const RESERVED_FIELD_NAMES: [&str; 3] = ["complete", "latency_ms", "flow_latency_ms"];
/// What follows a source's name in the members that every source has.
pub const SOURCE_SUFFIXES: [&str; 2] = ["_outcome", "_status"];
/// The largest whole number that a double holds together with all below it: 2^53.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// What an action answers with instead of the aggregate.
#[derive(Debug, Clone)]
pub struct OutputSpec {
    /// The fields, in the order of the reply.
    pub fields: Vec<FieldSpec>,
}

/// One field of a flat reply.
#[derive(Debug, Clone)]
pub struct FieldSpec {
    /// Its name in the reply; the same form as an input's.
    pub name: InputName,
    /// The source whose data it comes from.
    pub from: Id,
    /// Where it stands in the data.
    pub path: FieldPath,
    /// Its type.
    pub kind: FieldType,
    /// What stands for a value that is absent or of another type; of the field's type.
    pub default: Json,
    /// A short name for people.
    pub title: Option<String>,
    /// What it means.
    pub description: Option<String>,
}

/// A field's type: a scalar, or an array of scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldType {
    /// The type of the value, or of an array's elements.
    pub scalar: InputKind,
    /// Whether it is an array.
    pub is_array: bool,
}

/// Where a value stands in a source's data.
#[derive(Debug, Clone)]
pub enum FieldPath {
    /// JSON Pointer (RFC 6901).
    Pointer(Pointer),
    /// `JSONPath` (RFC 9535).
    JsonPath(Box<JsonPath>),
}

/// Why a text is no path to a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldPathError {
    /// Not a JSON Pointer.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// It begins with `$` and is no `JSONPath`.
    #[error("not a JSONPath (RFC 9535): {0}")]
    JsonPath(String),
}

impl FieldPath {
    /// Parses a path: `JSONPath` if it begins with `$`, else JSON Pointer.
    ///
    /// # Errors
    /// [`FieldPathError`].
    pub fn try_new(text: &str) -> Result<Self, FieldPathError> {
        if !text.starts_with('$') {
            return Ok(Self::Pointer(Pointer::try_new(text)?));
        }
        let path = JsonPath::parse(text);
        let path = path.map_err(|error| FieldPathError::JsonPath(error.to_string()))?;
        Ok(Self::JsonPath(Box::new(path)))
    }

    /// Whether it leads to one value by its form, and not to a list of them.
    fn leads_to_one(&self) -> bool {
        match self {
            Self::Pointer(_) => true,
            Self::JsonPath(_) => false,
        }
    }

    /// The values it leads to. One alone is cut out of the text as it is; of several, numbers with a
    /// fraction or of more than 64 bits are the nearest doubles.
    fn find(&self, data: &Data<'_>) -> Vec<Json> {
        match self {
            Self::Pointer(pointer) => data.json.pointer(pointer).into_iter().collect(),
            Self::JsonPath(path) => {
                let Some(tree) = data.tree() else { return vec![] };
                let nodes = path.query_located(tree);
                if let [only] = nodes.iter().collect::<Vec<_>>().as_slice() {
                    let place = Pointer::try_new(&only.location().to_json_pointer());
                    return place
                        .ok()
                        .and_then(|place| data.json.pointer(&place))
                        .into_iter()
                        .collect();
                }
                // Looking each of many up in the text would read it as often from its start.
                nodes.iter().map(|node| of_tree(node.node())).collect()
            }
        }
    }
}

/// A value of the tree as text. A container is only to be refused, so its content does not matter.
fn of_tree(value: &serde_json::Value) -> Json {
    match value {
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            Json::from_parts(b"{}".to_vec())
        }
        scalar => Json::from_value(scalar),
    }
}

impl FieldType {
    /// The type's name in the configuration: `string`, `integer[]`, …
    pub fn as_str(self) -> &'static str {
        match (self.scalar, self.is_array) {
            (InputKind::String, false) => "string",
            (InputKind::Integer, false) => "integer",
            (InputKind::Number, false) => "number",
            (InputKind::Boolean, false) => "boolean",
            (InputKind::String, true) => "string[]",
            (InputKind::Integer, true) => "integer[]",
            (InputKind::Number, true) => "number[]",
            (InputKind::Boolean, true) => "boolean[]",
        }
    }

    /// Every type there is.
    pub fn all() -> [Self; 8] {
        [
            Self { scalar: InputKind::String, is_array: false },
            Self { scalar: InputKind::Integer, is_array: false },
            Self { scalar: InputKind::Number, is_array: false },
            Self { scalar: InputKind::Boolean, is_array: false },
            Self { scalar: InputKind::String, is_array: true },
            Self { scalar: InputKind::Integer, is_array: true },
            Self { scalar: InputKind::Number, is_array: true },
            Self { scalar: InputKind::Boolean, is_array: true },
        ]
    }

    /// The default of a field that names none: `""`, 0, `false` or `[]`.
    pub fn natural_default(self) -> Json {
        let text = match (self.is_array, self.scalar) {
            (true, _) => "[]",
            (false, InputKind::String) => "\"\"",
            (false, InputKind::Integer | InputKind::Number) => "0",
            (false, InputKind::Boolean) => "false",
        };
        Json::from_parts(text.as_bytes().to_vec())
    }

    /// The value as one of this type; `None` if it is of another.
    pub fn read(self, value: &Json) -> Option<Json> {
        if !self.is_array {
            return read_scalar(self.scalar, value);
        }
        let elements: Option<Vec<Json>> =
            value.items()?.map(|element| read_scalar(self.scalar, &element)).collect();
        Some(array_of(&elements?))
    }

    /// The values that a path led to as one value of this type.
    fn read_all(self, path: &FieldPath, found: &[Json]) -> Option<Json> {
        match (self.is_array, found) {
            (true, [one]) if path.leads_to_one() || one.kind() == Kind::Array => self.read(one),
            (true, many) => {
                let elements: Option<Vec<Json>> =
                    many.iter().map(|element| read_scalar(self.scalar, element)).collect();
                Some(array_of(&elements?))
            }
            (false, many) => read_scalar(self.scalar, many.first()?),
        }
    }
}

fn array_of(elements: &[Json]) -> Json {
    let mut text = vec![b'['];
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.extend_from_slice(element.as_bytes());
    }
    text.push(b']');
    Json::from_parts(text)
}

fn read_scalar(kind: InputKind, value: &Json) -> Option<Json> {
    match (kind, value.kind()) {
        (InputKind::String, Kind::String) | (InputKind::Boolean, Kind::Bool) => Some(value.clone()),
        (InputKind::Number, Kind::Number) => is_double(value).then(|| value.clone()),
        (InputKind::Integer, Kind::Number) => read_integer(value),
        (_, Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Array | Kind::Object) => {
            None
        }
    }
}

/// Whether a double can hold the number, if not exactly: `1e400` is well-formed JSON, but nothing
/// that a flow could bind.
fn is_double(number: &Json) -> bool {
    number.as_str().parse::<f64>().is_ok_and(f64::is_finite)
}

/// A whole number that fits 64 bits; one written `5.0` or `5e0` is written as `5`, and `-0` as `0`,
/// which some readers take for a fraction.
fn read_integer(value: &Json) -> Option<Json> {
    let text = value.as_str();
    if text != "-0" && text.parse::<i64>().is_ok() {
        return Some(value.clone());
    }
    let number: f64 = text.parse().ok()?;
    // `1e-400` is not 0, only too small for a double.
    let is_tiny = number == 0.0 && mantissa(text).contains(|digit| matches!(digit, '1'..='9'));
    let is_whole = number.fract() == 0.0 && number.abs() <= MAX_EXACT && !is_tiny;
    // Adding zero takes the sign from a negative zero.
    is_whole.then(|| Json::from_parts(format!("{:.0}", number + 0.0).into_bytes()))
}

/// A number's text without its exponent.
fn mantissa(text: &str) -> &str {
    text.split(['e', 'E']).next().unwrap_or(text)
}

/// One source's data, with its tree if a path needed it.
struct Data<'a> {
    json: &'a Json,
    tree: OnceCell<Option<serde_json::Value>>,
}

impl Data<'_> {
    fn tree(&self) -> Option<&serde_json::Value> {
        self.tree.get_or_init(|| self.json.to_tree()).as_ref()
    }
}

/// A flat reply.
#[derive(Debug)]
pub struct FlatReply {
    /// The reply's JSON text.
    pub json: Vec<u8>,
    /// The fields for which a value of another type came.
    pub wrong_types: Vec<InputName>,
}

impl OutputSpec {
    /// Writes the aggregate as a flat reply of at most `max_reply` bytes: while it is larger, the
    /// largest field gives way to its default.
    pub fn flatten(&self, aggregate: &Aggregate, max_reply: usize) -> FlatReply {
        let mut wrong_types = Vec::new();
        let mut values = self.values(aggregate, &mut wrong_types);
        let mut json = self.write(aggregate, &values);
        while json.len() > max_reply {
            let sizes = values.iter().zip(&self.fields).enumerate();
            let gain =
                |value: &Json, field: &FieldSpec| value.len().saturating_sub(field.default.len());
            let largest = sizes.max_by_key(|(_, (value, field))| gain(value, field));
            let Some((index, (value, field))) = largest else { break };
            if gain(value, field) == 0 {
                break;
            }
            let default = field.default.clone();
            if let Some(value) = values.get_mut(index) {
                *value = default;
            }
            json = self.write(aggregate, &values);
        }
        FlatReply { json, wrong_types }
    }

    fn values(&self, aggregate: &Aggregate, wrong_types: &mut Vec<InputName>) -> Vec<Json> {
        let replies = aggregate.replies.iter();
        let data: Vec<(&Id, Data<'_>)> = replies
            .map(|reply| (&reply.source, Data { json: &reply.data, tree: OnceCell::new() }))
            .collect();
        let values = self.fields.iter().map(|field| {
            let of_source = data.iter().find(|(source, _)| **source == field.from);
            let found = of_source.map_or(vec![], |(_, data)| field.path.find(data));
            if found.iter().all(|value| value.kind() == Kind::Null) {
                return field.default.clone();
            }
            field.kind.read_all(&field.path, &found).unwrap_or_else(|| {
                wrong_types.push(field.name.clone());
                field.default.clone()
            })
        });
        values.collect()
    }

    fn write(&self, aggregate: &Aggregate, values: &[Json]) -> Vec<u8> {
        let mut out = Vec::with_capacity(512 + values.iter().map(Json::len).sum::<usize>());
        out.push(b'{');
        let echoed = aggregate.echoed.iter().map(|(name, value)| (name.as_str(), value));
        let fields = self.fields.iter().map(|field| field.name.as_str()).zip(values);
        for (name, value) in echoed.chain(fields) {
            write_string(&mut out, name);
            out.push(b':');
            out.extend_from_slice(value.as_bytes());
            out.push(b',');
        }
        out.extend_from_slice(b"\"complete\":");
        write_bool(&mut out, aggregate.is_complete());
        write_number(&mut out, ",\"latency_ms\":", aggregate.latency.as_millis());
        if let Some(latency) = aggregate.flow_latency_ms {
            write_number(&mut out, ",\"flow_latency_ms\":", latency);
        }
        // Ids and outcomes need no escapes.
        for reply in &aggregate.replies {
            let (id, outcome) = (&reply.source, reply.outcome.as_str());
            write_number(&mut out, ",\"", format_args!("{id}_outcome\":\"{outcome}\""));
            write_number(&mut out, ",\"", format_args!("{id}_status\":{}", reply.status));
        }
        out.push(b'}');
        out
    }
}

#[cfg(test)]
mod tests;
