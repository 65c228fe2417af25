//! What a call prints: for people, or one JSON document for machines.
//!
//! ```text
//! {"status": 200, "complete": true, "aggregate": {…}, "problem": null, "record": {…}}
//! {"status": 400, "complete": null, "aggregate": null, "problem": {…}, "record": null}
//! ```

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cli::ask::Answer;
use crate::cli::pretty::pretty;
use crate::cli::terminal::{Page, escaped};
use crate::cli::{say, say_course};
use crate::model::inputs::InputProblem;
use crate::model::record::record_json;
use crate::model::record::request_record::RequestRecord;
use crate::settings::nearest;

/// For whom the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For machines: one JSON document.
    Json,
}

#[derive(Serialize)]
struct Document<'a> {
    status: u16,
    /// Whether every part of it is there.
    complete: Option<bool>,
    /// The reply with status 200, as it came.
    aggregate: Option<&'a RawValue>,
    /// Any other reply.
    problem: Option<&'a RawValue>,
    /// Where the time went.
    record: Option<Value>,
}

impl Document<'_> {
    fn say(&self) {
        match serde_json::to_string(self) {
            Ok(text) => {
                // What an upstream has put between the parts of its JSON, so that it is one line.
                let line = text.replace(['\n', '\r', '\t'], " ");
                say(format_args!("{}", escaped(&line)));
            }
            Err(error) => eprintln!("the reply cannot be shown as JSON: {error}"),
        }
    }
}

/// Why nothing was called.
pub enum Refusal {
    /// There is no such action.
    UnknownAction {
        /// The one that was named.
        action: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// What is wrong with the inputs.
    Inputs(Vec<InputProblem>),
}

impl Refusal {
    /// Says it, on standard error unless it is for machines.
    pub fn tell(&self, format: Format) {
        if format == Format::Json {
            return self.say_document();
        }
        match self {
            Self::UnknownAction { action, known } => {
                // Shown only if it is nearly one: an input may stand in its place.
                let names: Vec<&str> = known.iter().map(String::as_str).collect();
                let name = nearest(action, &names).map(|_| format!("`{action}`"));
                let name = name.unwrap_or_else(|| "of this name".to_owned());
                eprintln!(
                    "{}",
                    escaped(&format!("there is no action {name}; there are {}", known.join(", ")))
                );
            }
            Self::Inputs(problems) => {
                eprintln!("some inputs are missing or not as they should be:");
                for InputProblem { input, problem } in problems {
                    eprintln!("{}", escaped(&format!("  {input} {problem}")));
                }
            }
        }
    }

    /// The same words as the service's own problem.
    fn say_document(&self) {
        let (status, problem) = match self {
            Self::UnknownAction { known, .. } => {
                let detail = "there is no action of this name";
                (404, json!({"detail": detail, "known_actions": known}))
            }
            Self::Inputs(problems) => {
                let each = problems.iter();
                let errors: Value =
                    each.map(|one| json!({"input": one.input, "problem": one.problem})).collect();
                let detail = "some inputs are missing or not as they should be";
                (400, json!({"detail": detail, "errors": errors}))
            }
        };
        let problem = serde_json::value::to_raw_value(&problem).ok();
        let problem = problem.as_deref();
        Document { status, complete: None, aggregate: None, problem, record: None }.say();
    }
}

/// A request that was answered.
pub struct Called<'a> {
    /// The reply.
    pub answer: &'a Answer,
    /// Where its time went; absent when no source was asked.
    pub record: Option<&'a RequestRecord>,
}

impl Called<'_> {
    /// Prints it.
    pub fn tell(&self, format: Format) {
        if format == Format::Json {
            return self.say_document();
        }
        let page = Page::of_stdout();
        say(format_args!("{}", escaped(&pretty(&self.answer.text(), page.columns))));
        if let Some(record) = self.record {
            say(format_args!(""));
            say_course(record, page);
        }
    }

    fn say_document(&self) {
        let Answer { status, body } = self.answer;
        let reply: Option<&RawValue> = serde_json::from_slice(body).ok();
        let is_aggregate = *status == 200;
        let document = Document {
            status: *status,
            complete: is_aggregate.then(|| self.answer.is_complete()),
            aggregate: reply.filter(|_| is_aggregate),
            problem: reply.filter(|_| !is_aggregate),
            record: self.record.map(record_json::of),
        };
        document.say();
    }
}
