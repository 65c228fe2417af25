//! A success whose body says that it is none: which ones, and where the body says why.

use serde_json::Value;

use crate::config::key::{AnyKey, Key};
use crate::config::list_form::AnyValue;
use crate::config::model_forms::JsonPointer;
use crate::config::plan_lines::PlanLines;
use crate::config::section::Section;
use crate::config::table::Table;
use crate::model::json::{Json, Kind, Pointer};

/// The longest message that is kept, in characters.
const LONGEST_MESSAGE: usize = 300;

/// When a success is a failure by its body, and where that says why.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyFailureSpec {
    condition: Option<Condition>,
    message: Option<Pointer>,
}

/// What is looked for in the body.
#[derive(Debug, Clone, PartialEq)]
struct Condition {
    path: Pointer,
    /// What has to stand there; absent: anything but null and what is empty.
    equals: Option<Value>,
}

/// Its key in the source's table.
pub(crate) const KEYS: &[&dyn AnyKey] = &[&ERROR_MESSAGE];

static ERROR_MESSAGE: Key<JsonPointer> = Key::new(
    "error_message",
    JsonPointer,
    "Where the body of a failure says why, for the log and the console; never in a reply.",
);

/// `[sources.NAME.failed_if]`.
pub(crate) static FAILED_IF: Section = Section::new(
    "failed_if",
    "When a 2xx is a failure by its body; without the table: never.",
    &[&PATH, &EQUALS],
);

static PATH: Key<JsonPointer> =
    Key::new("path", JsonPointer, "Where the body says it, such as \"/errors\".")
        .required("a JSON Pointer such as \"/errors\"");

static EQUALS: Key<AnyValue> = Key::new(
    "equals",
    AnyValue,
    "What has to stand there; absent: anything but null, \"\", [] and {}.",
);

impl BodyFailureSpec {
    /// Reads its keys in a source's table; what is wrong is in the report.
    pub(crate) fn read(source: &Table) -> Self {
        let message = source.optional(&ERROR_MESSAGE);
        let condition = source.section(&FAILED_IF).and_then(|table| {
            let (path, equals) = (table.required(&PATH), table.optional(&EQUALS));
            table.finish();
            Some(Condition { path: path?, equals })
        });
        Self { condition, message }
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self, lines: &mut PlanLines) {
        let Some(Condition { path, equals }) = &self.condition else { return };
        let is =
            equals.as_ref().map_or_else(|| "is there".to_owned(), |value| format!("is {value}"));
        lines.add("failed_if", format!("{} of a 2xx {is}", path.as_str()));
    }

    /// Whether bodies of successes have to be looked at.
    pub(crate) fn looks_at_successes(&self) -> bool {
        self.condition.is_some()
    }

    /// Whether this body of a success is a failure.
    pub(crate) fn is_failure(&self, body: &Json) -> bool {
        self.condition.as_ref().is_some_and(|condition| condition.is_met(body))
    }

    /// What the body says why, shortened; control characters are left out.
    pub(crate) fn message(&self, body: &Json) -> Option<String> {
        let message = body.pointer(self.message.as_ref()?)?;
        let message = message.scalar_text()?;
        let plain = message.chars().filter(|c| !c.is_control());
        Some(plain.take(LONGEST_MESSAGE).collect())
    }

    /// Whether it says anywhere why.
    pub(crate) fn has_message(&self) -> bool {
        self.message.is_some()
    }
}

impl Condition {
    fn is_met(&self, body: &Json) -> bool {
        let Some(found) = body.pointer(&self.path) else { return false };
        match &self.equals {
            None => !is_nothing(&found),
            Some(value) => found.to_tree().is_some_and(|found| found == *value),
        }
    }
}

fn is_nothing(value: &Json) -> bool {
    match value.kind() {
        Kind::Null => true,
        Kind::String => value.text().is_some_and(|text| text.is_empty()),
        Kind::Array => value.items().is_none_or(|mut items| items.next().is_none()),
        Kind::Object => value.as_str().trim_matches(['{', '}', ' ', '\t', '\n', '\r']).is_empty(),
        Kind::Bool | Kind::Number => false,
    }
}

#[cfg(test)]
impl BodyFailureSpec {
    /// One that never says so.
    pub(crate) fn none() -> Self {
        Self { condition: None, message: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(path: &str, equals: Option<Value>) -> BodyFailureSpec {
        let pointer = |text: &str| Pointer::try_new(text).unwrap();
        let condition = Some(Condition { path: pointer(path), equals });
        BodyFailureSpec { condition, message: Some(pointer("/errors/0/message")) }
    }

    fn body(text: &str) -> Json {
        Json::parse(text.to_owned().into(), 50).unwrap()
    }

    #[test]
    fn what_is_there_and_not_empty_is_a_failure() {
        let errors = spec("/errors", None);
        for failed in
            [r#"{"errors":[1]}"#, r#"{"errors":"x"}"#, r#"{"errors":0}"#, r#"{"errors":{"a":1}}"#]
        {
            assert!(errors.is_failure(&body(failed)), "{failed}");
        }
        for fine in [
            "{}",
            r#"{"errors":null}"#,
            r#"{"errors":[]}"#,
            r#"{"errors": [ ] }"#,
            r#"{"errors":""}"#,
            r#"{"errors":{ }}"#,
            "[]",
            "7",
        ] {
            assert!(!errors.is_failure(&body(fine)), "{fine}");
        }
    }

    #[test]
    fn what_equals_the_value_is_a_failure() {
        let refused = spec("/success", Some(json!(false)));
        assert!(refused.is_failure(&body(r#"{"success": false}"#)));
        for fine in [r#"{"success":true}"#, r#"{"success":"false"}"#, "{}", r#"{"success":null}"#] {
            assert!(!refused.is_failure(&body(fine)), "{fine}");
        }
        assert!(spec("/code", Some(json!(0))).is_failure(&body(r#"{"code":0}"#)));
        assert!(spec("/status", Some(json!("error"))).is_failure(&body(r#"{"status":"error"}"#)));
    }

    #[test]
    fn the_message_is_one_line_of_text_and_short() {
        let errors = spec("/errors", None);
        let said = |message: Value| {
            errors.message(&body(&json!({"errors": [{"message": message}]}).to_string()))
        };
        assert_eq!(said(json!("no such\nuser\u{1b}[31m")).as_deref(), Some("no suchuser[31m"));
        assert_eq!(said(json!(7)).as_deref(), Some("7"));
        assert_eq!(said(json!(["x"])), None);
        assert_eq!(said(json!("x".repeat(1000))).map(|text| text.len()), Some(LONGEST_MESSAGE));
    }
}
