//! What an action declares about one input, and how one value is checked against it.

use serde_json::Value;

use crate::model::id::{Id, InputName};
use crate::model::inputs::conversion::Conversion;
use crate::model::inputs::input_value::{InputKind, InputValue};
use crate::model::inputs::pattern::InputPattern;
use crate::model::inputs::places::InputPlaces;

/// Longest text of an input that sets no `max_length`, in characters.
pub const DEFAULT_MAX_LENGTH: u32 = 1024;

/// What an action declares about one input.
#[derive(Debug, Clone)]
pub struct InputSpec {
    /// The name in the request's body and in templates.
    pub name: InputName,
    /// The type of its value.
    pub kind: InputKind,
    /// Whether a value of another type is converted.
    pub conversion: Conversion,
    /// Whether a request without it is refused.
    pub required: bool,
    /// Longest text, in characters (Unicode scalar values). Of no meaning for other kinds.
    pub max_length: usize,
    /// What a text must match from its first character to its last.
    pub pattern: Option<InputPattern>,
    /// What stands in where it is missing.
    pub default: Option<InputValue>,
    /// What stands for it in the example of the `OpenAPI` document; absent: something made up.
    pub example: Option<InputValue>,
    /// Whether it comes back at the top level of the aggregate.
    pub echo: bool,
    /// Whether it must never be shown.
    pub secret: bool,
    /// The values that may be chosen, each with the credential that it stands for; empty: the input
    /// chooses no credential.
    pub credentials: Vec<(String, Id)>,
    /// Where the action's sources put it.
    pub places: InputPlaces,
    /// For the data action's form and the `OpenAPI` document.
    pub title: Option<String>,
    /// For the data action's form and the `OpenAPI` document.
    pub description: Option<String>,
}

impl InputSpec {
    /// An optional input with defaults everywhere.
    pub fn new(name: InputName, kind: InputKind) -> Self {
        Self {
            name,
            kind,
            conversion: Conversion::default(),
            required: false,
            max_length: DEFAULT_MAX_LENGTH as usize,
            pattern: None,
            default: None,
            example: None,
            echo: false,
            secret: false,
            credentials: Vec::new(),
            places: InputPlaces::default(),
            title: None,
            description: None,
        }
    }

    /// What contradicts itself in this declaration, one sentence each; none in a good one. The
    /// check of a configuration shows them all.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut refuse = |wrong: bool, problem: &str| {
            if wrong {
                problems.push(problem.to_owned());
            }
        };
        let has_default = self.default.is_some();
        refuse(
            self.required && has_default,
            "is required and has a default: the default could never be used, leave one out",
        );
        refuse(self.secret && self.echo, "is secret and is echoed in the reply: leave one out");
        refuse(
            self.secret && has_default,
            "is secret and has a default: a secret does not belong in the configuration",
        );
        refuse(
            self.secret && self.example.is_some(),
            "is secret and has an example: whoever may call reads that",
        );
        refuse(self.max_length == 0, "has max_length 0: at least 1");
        refuse(
            self.pattern.is_some() && self.kind != InputKind::String,
            "has a pattern: only an input of type string can have one",
        );
        refuse(
            !self.credentials.is_empty() && self.kind != InputKind::String,
            "chooses a credential: only an input of type string can",
        );
        for (what, value) in [("a default", &self.default), ("an example", &self.example)] {
            let Some(value) = value else { continue };
            if value.kind() != self.kind {
                let (is, must) = (value.kind().as_str(), self.kind.as_str());
                problems.push(format!("has {what} of type {is}: it must be of type {must}"));
            } else if let Err(problem) = self.check(value) {
                problems.push(format!("has {what} that {problem}"));
            }
        }
        problems
    }

    /// Whether no value can be syntax in another language's text: a number, a boolean, one of a
    /// fixed list, or text of letters, digits, `-` and `_`.
    pub fn is_never_syntax(&self) -> bool {
        let is_of_word = self.pattern.as_ref().is_some_and(InputPattern::passes_words_only);
        self.kind != InputKind::String || !self.credentials.is_empty() || is_of_word
    }

    /// The credential that this value stands for.
    pub fn credential_of(&self, value: &InputValue) -> Option<&Id> {
        let InputValue::Text(text) = value else { return None };
        let found = self.credentials.iter().find(|(known, _)| known == text);
        found.map(|(_, credential)| credential)
    }

    /// The value of this input in a request, where `found` is what came under its name.
    ///
    /// # Errors
    /// The end of a sentence that begins with the input's name, without the value.
    pub(super) fn read(&self, found: Option<&Value>) -> Result<Option<InputValue>, String> {
        let found = match found {
            None | Some(Value::Null) => return self.absent("is required"),
            Some(Value::String(text)) if text.is_empty() => {
                return self.absent("is required, and an empty string counts as missing");
            }
            Some(Value::String(text)) if is_unresolved_template(text) => {
                return self.absent(
                    "is required, and a template literal of the flow that nothing was put in for \
                     (`${…}`, `$input.…`, `$esc.…`) counts as missing",
                );
            }
            Some(found) => found,
        };
        let value = InputValue::from_json(self.kind, &self.conversion.convert(self.kind, found))?;
        self.check(&value)?;
        Ok(Some(value))
    }

    fn absent(&self, problem: &str) -> Result<Option<InputValue>, String> {
        match &self.default {
            Some(default) => Ok(Some(default.clone())),
            None if self.required => Err(problem.to_owned()),
            None => Ok(None),
        }
    }

    fn check(&self, value: &InputValue) -> Result<(), String> {
        let InputValue::Text(text) = value else {
            return Ok(());
        };
        let (length, limit) = (text.chars().count(), self.max_length);
        if length > limit {
            return Err(format!("is longer than {limit} characters (it has {length})"));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
            return Err(format!("does not match the pattern `{pattern}`"));
        }
        if !self.credentials.is_empty() && self.credential_of(value).is_none() {
            // Which there are is no business of one that does not know any.
            return Err("is none of the values that this action knows".to_owned());
        }
        self.places.problem(text).map_or(Ok(()), Err)
    }
}

/// Whether the whole of `text` is a reference of the calling flow that nothing was put in for, as Velocity
/// leaves it: `${input.customerId}`, `$!{input.customerId}`, `$input.lang`, `$esc.url($input.lang)` or
/// `$esc.jsonString(${input.lang})`. `$100` is a value.
fn is_unresolved_template(text: &str) -> bool {
    let Some(reference) = text.trim().strip_prefix('$') else { return false };
    let reference = reference.strip_prefix('!').unwrap_or(reference);
    let inside = reference.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if inside.is_some_and(|name| !name.is_empty() && !name.contains(['{', '}'])) {
        return true;
    }
    is_reference_of_the_flow(inside.unwrap_or(reference))
}

/// `input.lang`, or a call such as `esc.url($input.lang)`, and nothing behind it.
fn is_reference_of_the_flow(reference: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_alphanumeric() || ['_', '-', '.'].contains(&c))
    };
    if let Some(name) = reference.strip_prefix("input.") {
        return is_name(name);
    }
    let Some(call) = reference.strip_prefix("esc.") else { return false };
    match call.split_once('(') {
        None => is_name(call),
        Some((name, arguments)) => {
            is_name(name) && arguments.find(')').is_some_and(|end| end + 1 == arguments.len())
        }
    }
}
