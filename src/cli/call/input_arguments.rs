//! The inputs of a call, out of the words of the command line.

use serde_json::{Map, Value};

use crate::model::action::action_spec::ActionSpec;
use crate::model::inputs::{InputErrors, InputKind, InputProblem, InputSpec, Inputs};
use crate::settings::nearest;

/// What stands between an input's name and the variable that has its value.
const FROM_ENVIRONMENT: &str = "@env=";

/// Reads `name=value` and `name@env=VARIABLE`, each as the type that the action declares.
/// `variable` looks into the environment.
///
/// # Errors
/// Every problem of every input; none holds a value.
pub fn read(
    words: &[String],
    action: &ActionSpec,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Map<String, Value>, Vec<InputProblem>> {
    let mut inputs = Map::new();
    let mut problems = Vec::new();
    for (index, word) in words.iter().enumerate() {
        match read_word(word, index + 1, action, &variable) {
            Ok((name, _)) if inputs.contains_key(name) => {
                problems.push(problem(name, "is given twice"));
            }
            Ok((name, value)) => drop(inputs.insert(name.to_owned(), value)),
            Err(problem) => problems.push(problem),
        }
    }
    if let Err(InputErrors::Invalid(list)) = Inputs::from_object(&inputs, &action.inputs) {
        // One with a problem of its own is not there, which is no problem more.
        let told: Vec<String> = problems.iter().map(|problem| problem.input.clone()).collect();
        problems.extend(list.into_iter().filter(|problem| !told.contains(&problem.input)));
    }
    if problems.is_empty() { Ok(inputs) } else { Err(problems) }
}

/// Reads one of the words, the `number`th. Of what is wrong, only names of inputs are repeated: a
/// value may stand where its name should.
fn read_word<'a>(
    word: &'a str,
    number: usize,
    action: &ActionSpec,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(&'a str, Value), InputProblem> {
    // A value may hold anything, a name neither `=` nor `@`.
    let (left, right) = word.split_once('=').unwrap_or((word, ""));
    let (name, from_environment) = match left.split_once('@') {
        Some((name, "env")) => (name, true),
        Some(_) | None => (left, false),
    };
    let Some(spec) = action.inputs.iter().find(|spec| spec.name.as_str() == name) else {
        let names: Vec<&str> = action.inputs.iter().map(|spec| spec.name.as_str()).collect();
        let name = nearest(name, &names)
            .map_or_else(|| format!("the input number {number}"), |_| name.to_owned());
        return Err(problem(
            &name,
            &format!("is no input of this action; it takes {}", known(action)),
        ));
    };
    if !word.contains('=') {
        let form = format!("has no value; write {name}=VALUE or {name}{FROM_ENVIRONMENT}VARIABLE");
        return Err(problem(name, &form));
    }
    if !from_environment {
        return Ok((name, typed(right, spec)));
    }
    let value = variable(right);
    let value = value.ok_or_else(|| {
        problem(name, "is to come from a variable that the environment does not have")
    })?;
    Ok((name, typed(&value, spec)))
}

/// The text as the input's type; text that is none of it stays text, which the check then refuses.
fn typed(text: &str, spec: &InputSpec) -> Value {
    let read = match spec.kind {
        InputKind::String => None,
        InputKind::Integer => text.parse::<i64>().ok().map(Value::from),
        InputKind::Number => serde_json::from_str(text).ok().filter(Value::is_number),
        InputKind::Boolean => text.parse::<bool>().ok().map(Value::from),
    };
    read.unwrap_or_else(|| Value::from(text))
}

/// The inputs that stand on the command line for everybody to see although they are secret.
pub fn exposed<'a>(words: &[String], action: &'a ActionSpec) -> Vec<&'a str> {
    let secret = action.inputs.iter().filter(|spec| spec.secret).map(|spec| spec.name.as_str());
    let stands_there = |name: &&str| {
        words.iter().any(|word| word.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
    };
    secret.filter(stands_there).collect()
}

/// The action's inputs, for messages: `customerId (string, required), …`.
fn known(action: &ActionSpec) -> String {
    let each = action.inputs.iter().map(|spec| {
        let required = if spec.required { ", required" } else { "" };
        format!("{} ({}{required})", spec.name, spec.kind.as_str())
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}

fn problem(input: &str, problem: &str) -> InputProblem {
    InputProblem { input: input.to_owned(), problem: problem.to_owned() }
}
