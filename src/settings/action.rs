//! One `[actions.NAME]` table and its inputs.

use std::time::Duration;

use crate::domain::action::{ActionSpec, OnRequiredFailure};
use crate::domain::ids::{Id, InputName};
use crate::domain::inputs::{
    DEFAULT_MAX_LENGTH, InputKind, InputPattern, InputPlaces, InputSpec, InputValue,
};

use super::output;
use crate::config::table::Table;
use crate::config::value::scalar_text;

/// The input that is echoed unless the configuration says otherwise.
const ECHOED_BY_DEFAULT: &str = "customerId";
const LONGEST_DEADLINE: Duration = Duration::from_mins(10);

/// Reads the table; what is wrong is in the report.
pub(super) fn read(table: &mut Table, id: Option<Id>) -> Option<ActionSpec> {
    let sources = sources(table);
    let (required, on_required_failure) = required(table, &sources);
    let shortest = Duration::from_millis(1);
    let deadline = table.duration("deadline", shortest..=LONGEST_DEADLINE, Duration::from_secs(3));
    let max_reply = table.size("max_reply", 1024..=64 << 20, 2_000_000);
    let mut inputs = Vec::new();
    for (name, mut input) in table.named_tables("inputs") {
        inputs.extend(read_input(&mut input, name));
        input.finish();
    }
    let output = output::read(table, &sources, &inputs);
    Some(ActionSpec {
        id: id?,
        sources,
        // Follows from the sources' templates, once all sources have been read.
        dependencies: Vec::new(),
        required,
        on_required_failure,
        deadline,
        max_reply,
        output,
        inputs,
    })
}

/// The ids of the sources; whether there are such sources is checked later.
fn sources(table: &mut Table) -> Vec<Id> {
    let names = table.texts("sources").unwrap_or_default();
    let allowed = "a list of at least one source, each once, such as [\"genesys\", \"crm\"]";
    if names.is_empty() {
        // A list of another kind has been refused already.
        if !table.has("sources") {
            table.refuse("sources", allowed);
        } else if table.is_empty_list("sources") {
            table.refuse_found("sources", "an empty list", allowed);
        }
    }
    let mut ids: Vec<Id> = Vec::new();
    for name in names {
        match Id::try_new(name) {
            Ok(id) if ids.contains(&id) => {
                table.refuse_found("sources", &format!("{name:?} twice"), allowed);
            }
            Ok(id) => ids.push(id),
            Err(error) => table.refuse_found("sources", "a name that is no id", &error.to_string()),
        }
    }
    ids
}

/// `required` and `on_required_failure`.
fn required(table: &mut Table, sources: &[Id]) -> (Vec<Id>, OnRequiredFailure) {
    let names = table.texts("required").unwrap_or_default();
    let names_none = !table.has("required") || table.is_empty_list("required");
    let mut required: Vec<Id> = Vec::new();
    for name in names {
        match sources.iter().find(|source| source.as_str() == name) {
            Some(id) if required.contains(id) => {
                table.refuse_found("required", &format!("{name:?} twice"), "each source once");
            }
            Some(id) => required.push(id.clone()),
            None => {
                let known: Vec<&str> = sources.iter().map(Id::as_str).collect();
                let found = format!("{name:?}, which the action does not ask");
                let allowed = format!("some of its sources: {}", known.join(", "));
                table.refuse_found("required", &found, &allowed);
            }
        }
    }
    let choices = [("partial", OnRequiredFailure::Partial), ("fail", OnRequiredFailure::Fail)];
    let chosen = table.choice("on_required_failure", &choices);
    if chosen == Some(OnRequiredFailure::Fail) && names_none {
        let found = "\"fail\" without `required` sources";
        let allowed = "\"fail\" together with `required`, a list of sources";
        table.refuse_found("on_required_failure", found, allowed);
    }
    (required, chosen.unwrap_or(OnRequiredFailure::Partial))
}

fn read_input(table: &mut Table, name: &str) -> Option<InputSpec> {
    let name_result = InputName::try_new(name);
    if let Err(error) = &name_result {
        table.refuse_table("a name that no input may have", &error.to_string());
    }
    let kinds = [InputKind::String, InputKind::Integer, InputKind::Number, InputKind::Boolean];
    let kind = table.choice("type", &kinds.map(|kind| (kind.as_str(), kind)));
    let kind = kind.unwrap_or(InputKind::String);
    let default_length = u32::try_from(DEFAULT_MAX_LENGTH).unwrap_or(u32::MAX);
    let secret = table.boolean("secret").unwrap_or(false);
    let required = table.boolean("required").unwrap_or(false);
    let max_length = table.count("max_length", 1..=1_000_000, default_length);
    let pattern = pattern(table);
    let credentials = credentials(table);
    let default = value_of_type(table, "default", kind);
    let example = value_of_type(table, "example", kind);
    let echo = table.boolean("echo").unwrap_or(name == ECHOED_BY_DEFAULT && !secret);
    let title = table.text("title").map(str::to_owned);
    let description = table.text("description").map(str::to_owned);
    let spec = InputSpec {
        name: name_result.ok()?,
        kind,
        required,
        max_length,
        pattern,
        default,
        example,
        echo,
        secret,
        credentials,
        // Known once the sources are.
        places: InputPlaces::default(),
        title,
        description,
    };
    for problem in spec.problems() {
        table
            .refuse_table("a contradiction", &format!("an input that is consistent: it {problem}"));
    }
    Some(spec)
}

/// The values that choose a credential, each with the credential's id.
fn credentials(table: &mut Table) -> Vec<(String, Id)> {
    let Some(table) = table.table("credentials") else { return Vec::new() };
    let mut credentials = Vec::new();
    if table.entries().next().is_none() {
        let allowed = "at least one value, such as { acme = \"genesys_acme\" }";
        table.refuse_table("an empty table", allowed);
    }
    for (value, credential) in table.entries() {
        let id = scalar_text(credential).and_then(|text| Id::try_new(&text).ok());
        match id {
            Some(id) => credentials.push((value.to_owned(), id)),
            None => table.refuse(value, &format!("the id of a credential: {}", super::ID_FORM)),
        }
    }
    credentials
}

fn pattern(table: &mut Table) -> Option<InputPattern> {
    let text = table.text("pattern")?;
    let pattern = InputPattern::try_new(text);
    if let Err(error) = &pattern {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
        table.refuse("pattern", &format!("a regular expression for the whole text ({reason})"));
    }
    pattern.ok()
}

/// A value of the input, of its type.
fn value_of_type(table: &mut Table, key: &'static str, kind: InputKind) -> Option<InputValue> {
    let value = table.json(key)?;
    let value = InputValue::from_json(kind, &value);
    if let Err(problem) = &value {
        table.refuse_found(key, "a value of another type", &format!("it {problem}"));
    }
    value.ok()
}
