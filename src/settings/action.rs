//! One `[actions.NAME]` table.

use std::time::Duration;

use crate::config::form::Word;
use crate::config::key::Key;
use crate::config::list_form::Texts;
use crate::config::number_form::{Size, Time};
use crate::config::section::{Section, Shape};
use crate::config::shown::show_text;
use crate::config::table::Table;
use crate::model::action::action_spec::{ActionSpec, OnRequiredFailure};
use crate::model::id::Id;

use super::action_inputs::{self, INPUTS};
use super::output::{self, OUTPUT};

/// `[actions.NAME]`.
pub(super) static ACTION: Section = Section {
    shape: Shape::Named("NAME"),
    sections: &[&INPUTS, &OUTPUT],
    ..Section::new(
        "actions",
        "What a Data Action calls, as `POST /v1/actions/NAME`.",
        &[&SOURCES, &DEADLINE, &MAX_REPLY, &REQUIRED, &ON_REQUIRED_FAILURE],
    )
};

static SOURCES: Key<Texts> =
    Key::new("sources", Texts, "The sources to ask, at once; the reply has them in this order.")
        .required("a list of at least one source, each once, such as [\"genesys\", \"crm\"]");

static DEADLINE: Key<Time> = Key::new(
    "deadline",
    Time(Duration::from_millis(1), Duration::from_mins(10)),
    "The reply leaves by then, with whatever there is.",
)
.default(Duration::from_secs(3));

static MAX_REPLY: Key<Size> = Key::new(
    "max_reply",
    Size(1024, 64 << 20),
    "The largest reply; 2 MB are the most that Genesys Cloud takes.",
)
.default(2_000_000);

static REQUIRED: Key<Texts> = Key::new(
    "required",
    Texts,
    "Those of the sources without whose answer the rest is of little use.",
)
.default(&[]);

static ON_REQUIRED_FAILURE: Key<Word<OnRequiredFailure>> = Key::new(
    "on_required_failure",
    Word(&[("partial", OnRequiredFailure::Partial), ("fail", OnRequiredFailure::Fail)]),
    "Whether such a source's failure makes the whole fail, with 502 or 504, or leaves a part of the answer.",
)
.default(OnRequiredFailure::Partial);

/// Reads the table; what is wrong is in the report.
pub(super) fn read(table: &Table, id: Option<Id>) -> Option<ActionSpec> {
    let sources = sources(table);
    let (required, on_required_failure) = required(table, &sources);
    let deadline = table.value(&DEADLINE);
    let max_reply = table.value(&MAX_REPLY);
    let inputs = action_inputs::read(table);
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
fn sources(table: &Table) -> Vec<Id> {
    let names = table.optional(&SOURCES).unwrap_or_default();
    let allowed = "a list of at least one source, each once, such as [\"genesys\", \"crm\"]";
    if names.is_empty() {
        // A list of another kind has been refused already.
        if !table.has(&SOURCES) {
            table.refuse(&SOURCES, allowed);
        } else if table.is_empty_list(&SOURCES) {
            table.refuse_found(&SOURCES, "an empty list", allowed);
        }
    }
    let mut ids: Vec<Id> = Vec::new();
    for name in names {
        match Id::try_new(&name) {
            Ok(id) if ids.contains(&id) => {
                table.refuse_found(&SOURCES, &format!("{name:?} twice"), allowed);
            }
            Ok(id) => ids.push(id),
            Err(error) => {
                table.refuse_found(
                    &SOURCES,
                    &format!("the name {}", show_text(&name)),
                    &error.to_string(),
                );
            }
        }
    }
    ids
}

/// `required` and `on_required_failure`.
fn required(table: &Table, sources: &[Id]) -> (Vec<Id>, OnRequiredFailure) {
    let names = table.value(&REQUIRED);
    let names_none = names.is_empty() && table.is_good(&REQUIRED);
    let mut required: Vec<Id> = Vec::new();
    for name in names {
        match sources.iter().find(|source| source.as_str() == name) {
            Some(id) if required.contains(id) => {
                table.refuse_found(&REQUIRED, &format!("{name:?} twice"), "each source once");
            }
            Some(id) => required.push(id.clone()),
            None => {
                let known: Vec<&str> = sources.iter().map(Id::as_str).collect();
                let found = format!("{name:?}, which the action does not ask");
                let allowed = format!("some of its sources: {}", known.join(", "));
                table.refuse_found(&REQUIRED, &found, &allowed);
            }
        }
    }
    let on_failure = table.value(&ON_REQUIRED_FAILURE);
    if on_failure == OnRequiredFailure::Fail && names_none {
        let found = "\"fail\" without `required` sources";
        let allowed = "\"fail\" together with `required`, a list of sources";
        table.refuse_found(&ON_REQUIRED_FAILURE, found, allowed);
    }
    (required, on_failure)
}
