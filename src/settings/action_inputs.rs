//! The `[actions.NAME.inputs]` table: what a caller sends.

use crate::config::form::{Flag, Text, Word};
use crate::config::key::Key;
use crate::config::list_form::{AnyValue, Entries};
use crate::config::number_form::Count;
use crate::config::section::{Section, Shape};
use crate::config::shown::Shown;
use crate::config::table::Table;
use crate::config::toml_value::scalar_text;
use crate::model::id::{Id, InputName};
use crate::model::inputs::{
    Conversion, DEFAULT_MAX_LENGTH, InputKind, InputPattern, InputPlaces, InputSpec, InputValue,
};

use crate::config::model_forms::ID_FORM;

/// The input that is echoed unless the configuration says otherwise.
const ECHOED_BY_DEFAULT: &str = "customerId";

/// `[actions.NAME.inputs.INPUT]`.
pub(super) static INPUTS: Section = Section {
    shape: Shape::Named("INPUT"),
    ..Section::new(
        "inputs",
        "What a caller sends, each under its name in a flat JSON object.",
        &[
            &TYPE,
            &CONVERT,
            &REQUIRED,
            &MAX_LENGTH,
            &PATTERN,
            &DEFAULT,
            &EXAMPLE,
            &ECHO,
            &SECRET,
            &CREDENTIALS,
            &TITLE,
            &DESCRIPTION,
        ],
    )
};

static TYPE: Key<Word<InputKind>> = Key::new(
    "type",
    Word(&[
        (InputKind::String.as_str(), InputKind::String),
        (InputKind::Integer.as_str(), InputKind::Integer),
        (InputKind::Number.as_str(), InputKind::Number),
        (InputKind::Boolean.as_str(), InputKind::Boolean),
    ]),
    "The type of its value.",
)
.default(InputKind::String);

static CONVERT: Key<Flag> = Key::new(
    "convert",
    Flag,
    "Whether a value of another type that can only mean one thing is taken: \"42\" for a number, 42 for a text.",
)
.default(false);

static REQUIRED: Key<Flag> =
    Key::new("required", Flag, "Whether a request without it is refused.").default(false);

static MAX_LENGTH: Key<Count> =
    Key::new("max_length", Count(1, 1_000_000), "The longest text, in characters.")
        .default(DEFAULT_MAX_LENGTH);

static PATTERN: Key<Text> = Key::new(
    "pattern",
    Text,
    "A regular expression that a text must match from its first character to its last.",
);

static DEFAULT: Key<AnyValue> =
    Key::new("default", AnyValue, "What stands in where it is missing.");

static EXAMPLE: Key<AnyValue> = Key::new(
    "example",
    AnyValue,
    "What stands for it in the example of the OpenAPI document; absent: something made up.",
);

static ECHO: Key<Flag> =
    Key::new("echo", Flag, "Whether it comes back at the top level of the reply.")
        .derived("true for `customerId` unless it is secret, else false");

static SECRET: Key<Flag> = Key::new("secret", Flag, "Whether its value must never be shown.")
    .default(false)
    .shown(Shown::Name);

static CREDENTIALS: Key<Entries> = Key::new(
    "credentials",
    Entries,
    "The values that may be sent, each with the credential that it stands for, such as `{ acme = \"genesys_acme\" }`.",
);

static TITLE: Key<Text> =
    Key::new("title", Text, "A short name for people, in the data action's form.");

static DESCRIPTION: Key<Text> =
    Key::new("description", Text, "What it means, for people, in the data action's form.");

/// Reads the inputs of an action; what is wrong is in the report.
pub(super) fn read(action: &Table) -> Vec<InputSpec> {
    let mut inputs = Vec::new();
    for (name, table) in action.named(&INPUTS) {
        inputs.extend(read_input(&table, name));
        table.finish();
    }
    inputs
}

fn read_input(table: &Table, name: &str) -> Option<InputSpec> {
    let name_result = InputName::try_new(name);
    if let Err(error) = &name_result {
        table.refuse_table("a name that no input may have", &error.to_string());
    }
    let kind = table.value(&TYPE);
    let conversion = Conversion::from(table.value(&CONVERT));
    let secret = table.value(&SECRET);
    let required = table.value(&REQUIRED);
    let max_length = table.value(&MAX_LENGTH) as usize;
    let pattern = pattern(table);
    let credentials = credentials(table);
    let default = value_of_type(table, &DEFAULT, kind);
    let example = value_of_type(table, &EXAMPLE, kind);
    let echo = table.value_or(&ECHO, name == ECHOED_BY_DEFAULT && !secret);
    let title = table.optional(&TITLE);
    let description = table.optional(&DESCRIPTION);
    let spec = InputSpec {
        name: name_result.ok()?,
        kind,
        conversion,
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
        let (what, remedy) = problem
            .split_once(": ")
            .unwrap_or((&problem, "one that the other keys of the input allow"));
        table.refuse_table(&format!("an input that {what}"), remedy);
    }
    Some(spec)
}

/// The values that choose a credential, each with the credential's id.
fn credentials(table: &Table) -> Vec<(String, Id)> {
    let Some(table) = table.free(&CREDENTIALS) else { return Vec::new() };
    let mut credentials = Vec::new();
    if table.entries().next().is_none() {
        let allowed = "at least one value, such as { acme = \"genesys_acme\" }";
        table.refuse_table("an empty table", allowed);
    }
    for (value, credential) in table.entries() {
        let id = scalar_text(credential).and_then(|text| Id::try_new(&text).ok());
        if let Some(id) = id {
            credentials.push((value.to_owned(), id));
        } else {
            let allowed = format!("the id of a credential: {ID_FORM}");
            table.refuse_entry(value, Shown::Plain, &allowed);
        }
    }
    credentials
}

fn pattern(table: &Table) -> Option<InputPattern> {
    let pattern = InputPattern::try_new(&table.optional(&PATTERN)?);
    if let Err(error) = &pattern {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
        table.refuse(&PATTERN, &format!("a regular expression for the whole text ({reason})"));
    }
    pattern.ok()
}

/// A value of the input, of its type.
fn value_of_type(
    table: &Table,
    key: &'static Key<AnyValue>,
    kind: InputKind,
) -> Option<InputValue> {
    let value = table.optional(key)?;
    let value = InputValue::from_json(kind, &value);
    if let Err(problem) = &value {
        table.refuse_found(key, "a value of another type", &format!("it {problem}"));
    }
    value.ok()
}
