//! The inputs of one request: a JSON object, checked against what the action declares.
//!
//! All problems are told together, so that a caller mends its request once. No problem ever repeats
//! a value: it may be a secret.

mod conversion;
mod input_spec;
mod input_value;
mod pattern;
mod places;
#[cfg(test)]
mod tests;
mod unique;

pub use conversion::Conversion;
pub(crate) use conversion::truth;
pub use input_spec::{DEFAULT_MAX_LENGTH, InputSpec};
pub use input_value::{InputKind, InputValue};
pub(crate) use input_value::{push_json_escaped, push_json_string};
pub use pattern::{InputPattern, PatternError};
pub use places::{InputPlaces, Place};

use std::fmt;

use serde::de::DeserializeSeed as _;
use serde_json::{Map, Value};
use thiserror::Error;

use self::unique::Unique;
use crate::model::id::{InputName, shorten};
use crate::model::json::without_byte_order_mark;

/// The member that may hold all inputs.
const WRAPPER: &str = "input";
/// How many names of unknown inputs are kept for the log.
const MAX_IGNORED: usize = 20;
/// How much of a name that the caller chose is kept, in characters.
const MAX_NAME_LENGTH: usize = 64;

/// Why a request's body gave no inputs. No sentence holds a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InputErrors {
    /// The body is not JSON (RFC 8259).
    #[error("the body is not JSON: {reason}")]
    NotJson {
        /// What is wrong and where.
        reason: String,
    },
    /// The body is JSON but not an object.
    #[error("the body must be a JSON object of inputs, got {found}")]
    NotAnObject {
        /// What it is instead, e.g. `an array`.
        found: &'static str,
    },
    /// An object in the body has a member twice, and nobody knows which one counts.
    #[error("the body has the member `{name}` twice in one object")]
    Doubled {
        /// The member's name, shortened.
        name: String,
    },
    /// The body's one member is `input`, but it holds no inputs.
    #[error("`input` must be an object of inputs, got {found}")]
    NotWrapped {
        /// What it is instead, e.g. `an array`.
        found: &'static str,
    },
    /// There is an `input` beside other members, and the action has no input of this name.
    #[error(
        "`input` stands beside other members: send the inputs either without it, \
         or all of them within `input` as the only member"
    )]
    Beside,
    /// At least one input is missing or not as declared.
    #[error("{}", sentence(.0))]
    Invalid(Vec<InputProblem>),
}

/// What is wrong with one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputProblem {
    /// The declared name.
    pub input: String,
    /// What is wrong and what is allowed, without the value.
    pub problem: String,
}

/// The inputs of one request, each as its [`InputSpec`] declares it.
#[derive(Clone, PartialEq)]
pub struct Inputs {
    /// Those that are set, in the order of the specs.
    set: Vec<Input>,
    ignored: Vec<String>,
}

#[derive(Clone, PartialEq)]
struct Input {
    name: InputName,
    value: InputValue,
    echo: bool,
}

impl Inputs {
    /// Reads a request's body: one JSON object, or `{"input": {…}}` around it.
    ///
    /// # Errors
    /// [`InputErrors`]: not JSON, not an object, or every problem of every input.
    pub fn from_body(body: &[u8], specs: &[InputSpec]) -> Result<Self, InputErrors> {
        Self::from_object(&Self::object_of(body)?, specs)
    }

    /// The JSON object that a body is, before anything in it is looked at.
    ///
    /// # Errors
    /// [`InputErrors::NotJson`], [`InputErrors::Doubled`] and [`InputErrors::NotAnObject`].
    pub fn object_of(body: &[u8]) -> Result<Map<String, Value>, InputErrors> {
        let body = without_byte_order_mark(body);
        let mut doubled = None;
        let mut json = serde_json::Deserializer::from_slice(body);
        let value = Unique { doubled: &mut doubled }.deserialize(&mut json);
        let value = value
            .and_then(|value| json.end().map(|()| value))
            .map_err(|error| InputErrors::NotJson { reason: reason(body, &error) })?;
        if let Some(name) = doubled {
            return Err(InputErrors::Doubled { name: shorten(&name, MAX_NAME_LENGTH) });
        }
        match value {
            Value::Object(object) => Ok(object),
            other => Err(InputErrors::NotAnObject { found: input_value::describe(&other) }),
        }
    }

    /// The same for an object that is parsed already.
    ///
    /// # Errors
    /// [`InputErrors::Invalid`] with every problem of every input, [`InputErrors::NotWrapped`] and
    /// [`InputErrors::Beside`].
    pub fn from_object(
        object: &Map<String, Value>,
        specs: &[InputSpec],
    ) -> Result<Self, InputErrors> {
        let object = unwrapped(object, specs)?;
        let mut set = Vec::with_capacity(specs.len());
        let mut problems = Vec::new();
        for spec in specs {
            match spec.read(object.get(spec.name.as_str())) {
                Ok(Some(value)) => {
                    set.push(Input { name: spec.name.clone(), value, echo: spec.echo });
                }
                Ok(None) => {}
                Err(problem) => {
                    problems.push(InputProblem { input: spec.name.to_string(), problem });
                }
            }
        }
        if !problems.is_empty() {
            return Err(InputErrors::Invalid(problems));
        }
        let known = |name: &str| specs.iter().any(|spec| spec.name.as_str() == name);
        let unknown = object.keys().filter(|name| !known(name));
        let ignored =
            unknown.take(MAX_IGNORED).map(|name| shorten(name, MAX_NAME_LENGTH)).collect();
        Ok(Self { set, ignored })
    }

    /// The value of an input; `None` if it is optional, has no default and did not come.
    pub fn get(&self, name: &str) -> Option<&InputValue> {
        let input = self.set.iter().find(|input| input.name.as_str() == name);
        input.map(|input| &input.value)
    }

    /// The inputs that come back at the top level of the aggregate, in the order of the specs. One
    /// that is not set is left out.
    pub fn echoed(&self) -> impl Iterator<Item = (&InputName, &InputValue)> {
        let echoed = self.set.iter().filter(|input| input.echo);
        echoed.map(|input| (&input.name, &input.value))
    }

    /// Names that came and are not declared, for the debug log: at most 20, long ones shortened.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.set.iter().map(|input| input.name.as_str());
        f.write_str("Inputs")?;
        f.debug_set().entries(names).finish()
    }
}

/// The object inside `{"input": {…}}`, else the object itself. An action may have an input of that
/// name; for all others, an `input` that does not hold the inputs is a mistake, and what is within
/// it would seem to be missing.
fn unwrapped<'a>(
    object: &'a Map<String, Value>,
    specs: &[InputSpec],
) -> Result<&'a Map<String, Value>, InputErrors> {
    let Some(wrapped) = object.get(WRAPPER) else { return Ok(object) };
    let is_alone = object.len() == 1;
    match wrapped {
        Value::Object(inputs) if is_alone => Ok(inputs),
        _ if specs.iter().any(|spec| spec.name.as_str() == WRAPPER) => Ok(object),
        Value::Null => Ok(object),
        other if is_alone => Err(InputErrors::NotWrapped { found: input_value::describe(other) }),
        _ => Err(InputErrors::Beside),
    }
}

/// `serde_json`'s messages name a place and a kind of error, never a part of the text.
fn reason(body: &[u8], error: &serde_json::Error) -> String {
    if body.trim_ascii().is_empty() {
        return "it is empty; a request without inputs is `{}`".to_owned();
    }
    let text = error.to_string();
    match text.strip_prefix("recursion limit exceeded") {
        Some(place) => format!("it is nested too deeply, inputs are a flat object{place}"),
        None => text,
    }
}

fn sentence(problems: &[InputProblem]) -> String {
    let problems: Vec<String> = problems
        .iter()
        .map(|InputProblem { input, problem }| format!("`{input}` {problem}"))
        .collect();
    problems.join("; ")
}
