//! Whether the parts of a configuration fit together: every name that one part uses must be one
//! that another part declares.

use config::{Value, ValueKind};

use crate::domain::action::ActionSpec;
use crate::domain::ids::Id;
use crate::domain::inputs::InputValue;
use crate::domain::template::{JsonTemplate, Reference};
use crate::policy::auth::spec::CredentialSpec;
use crate::policy::source_spec::SourceSpec;

use super::dependencies;
use super::output;
use super::problem::Report;
use super::server::ServerSpec;
use super::shown::{join, show_text};
use super::source_url::URL_KEYS;
use super::suggest::nearest;
use super::tenants;

/// The keys of the aggregate that are not echoed inputs.
const REPLY_KEYS: [&str; 4] = ["complete", "sources", "latency_ms", "flow_latency_ms"];

/// Every name in the configuration, of parts with mistakes as well: a part with a mistake is not a
/// missing one.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    pub(super) credentials: Vec<&'a str>,
    pub(super) sources: Vec<&'a str>,
    pub(super) actions: Vec<&'a str>,
}

/// What could be read of the configuration.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) server: Option<&'a ServerSpec>,
    pub(super) credentials: &'a [CredentialSpec],
    pub(super) sources: &'a [SourceSpec],
    pub(super) actions: &'a [ActionSpec],
}

/// Finds the file of a key again, for problems that are noticed after reading.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    root: &'a Value,
    file: &'a str,
    report: &'a Report,
}

impl<'a> Finder<'a> {
    /// `file` stands for keys that are in no file.
    pub(super) fn new(root: &'a Value, file: &'a str, report: &'a Report) -> Self {
        Self { root, file, report }
    }

    /// Notes a problem at a key, given part by part.
    pub(super) fn refuse(&self, parts: &[&str], found: &str, allowed: &str) {
        let (file, path) = self.place(parts);
        self.report.add(file, &path, found, allowed);
    }

    /// Notes that what stands at a key is allowed, but most likely not meant.
    pub(super) fn warn(&self, parts: &[&str], text: &str) {
        let (file, path) = self.place(parts);
        self.report.warn(file, &path, text);
    }

    /// The file of a key, and the key as a message names it.
    fn place(&self, parts: &[&str]) -> (&'a str, String) {
        let (mut value, mut file, mut path) = (Some(self.root), self.file, String::new());
        for part in parts {
            let entry = value.and_then(|value| entry(value, part));
            value = entry.map(|(_, value)| value);
            file = value.and_then(Value::origin).unwrap_or(file);
            path = join(&path, entry.map_or(part, |(key, _)| key));
        }
        (file, path)
    }

    /// Whether something stands at a key.
    pub(super) fn has(&self, parts: &[&str]) -> bool {
        self.value(parts).is_some()
    }

    fn value(&self, parts: &[&str]) -> Option<&'a Value> {
        let mut parts = parts.iter();
        parts.try_fold(self.root, |value, part| entry(value, part).map(|(_, value)| value))
    }
}

/// The entry of a table, its key as it is written (a header's name may differ in case).
fn entry<'a>(value: &'a Value, key: &str) -> Option<(&'a str, &'a Value)> {
    let ValueKind::Table(table) = &value.kind else {
        return None;
    };
    let exact = table.get_key_value(key);
    let found = exact.or_else(|| table.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)));
    found.map(|(key, value)| (key.as_str(), value))
}

/// Checks everything that concerns more than one table.
pub(super) fn check(parts: &Parts, names: &Names, finder: &Finder) {
    check_default_action(parts, names, finder);
    for source in parts.sources {
        check_credential(source, parts, names, finder);
        dependencies::check_source(source, names, finder);
    }
    for action in parts.actions {
        check_sources(action, names, finder);
        check_input_names(action, finder);
        check_default_places(action, finder);
        output::check(action, finder);
        tenants::check(action, parts, names, finder);
        for source in parts.sources.iter().filter(|source| action.sources.contains(&source.id)) {
            check_inputs(action, source, finder);
        }
    }
}

fn check_default_action(parts: &Parts, names: &Names, finder: &Finder) {
    let Some(action) = parts.server.and_then(|server| server.default_action.as_ref()) else {
        return;
    };
    if !names.actions.contains(&action.as_str()) {
        let found = format!("{:?}, which is no action", action.as_str());
        finder.refuse(&["server", "default_action"], &found, &one_of(&names.actions, "actions"));
    }
}

/// The credential must exist, and its header must not be set by the source as well.
fn check_credential(source: &SourceSpec, parts: &Parts, names: &Names, finder: &Finder) {
    let Some(id) = &source.credential else { return };
    if !names.credentials.contains(&id.as_str()) {
        let found = no_credential(id, names);
        let allowed = one_of(&names.credentials, "credentials");
        finder.refuse(&["sources", source.id.as_str(), "credential"], &found, &allowed);
        return;
    }
    let Some(credential) = parts.credentials.iter().find(|credential| credential.id == *id) else {
        return;
    };
    check_header(source, credential, finder);
}

/// What stands where the name of a credential should. The secret itself may stand there by mistake:
/// it is shown only if it is nearly a name that there is.
pub(super) fn no_credential(id: &Id, names: &Names) -> String {
    match nearest(id.as_str(), &names.credentials) {
        Some(_) => format!("{:?}, which is no credential", id.as_str()),
        None => "a text (not shown), which is no credential".to_owned(),
    }
}

/// The header of the credential must not be set by the source as well.
pub(super) fn check_header(source: &SourceSpec, credential: &CredentialSpec, finder: &Finder) {
    let (id, header) = (&credential.id, credential.header());
    if source.headers.iter().any(|known| known.name().eq_ignore_ascii_case(header)) {
        let found = format!("a header that the credential {id} sets as well");
        let allowed = "either the header or the credential";
        finder.refuse(&["sources", source.id.as_str(), "headers", header], &found, allowed);
    }
}

fn check_sources(action: &ActionSpec, names: &Names, finder: &Finder) {
    for source in &action.sources {
        if !names.sources.contains(&source.as_str()) {
            let found = format!("{:?}, which is no source", source.as_str());
            let path = ["actions", action.id.as_str(), "sources"];
            finder.refuse(&path, &found, &one_of(&names.sources, "sources"));
        }
    }
}

/// Inputs must differ in more than case, and an echoed one must not take a key of the reply.
fn check_input_names(action: &ActionSpec, finder: &Finder) {
    for (index, input) in action.inputs.iter().enumerate() {
        let name = input.name.as_str();
        let path = ["actions", action.id.as_str(), "inputs", name];
        let earlier = action.inputs.iter().take(index);
        let twin = |other: &str| other.eq_ignore_ascii_case(name);
        if let Some(twin) = earlier.map(|input| input.name.as_str()).find(|name| twin(name)) {
            let found = format!("an input that differs from `{twin}` in case only");
            finder.refuse(&path, &found, "each input once");
        }
        if input.echo && REPLY_KEYS.contains(&name) {
            let found = "an echoed input with the name of a key of the reply";
            let allowed = format!("another name than {}, or echo = false", REPLY_KEYS.join(", "));
            finder.refuse(&path, found, &allowed);
        }
    }
}

/// A default and an example must be fit for the places where the sources put it.
fn check_default_places(action: &ActionSpec, finder: &Finder) {
    for input in &action.inputs {
        for (key, value) in [("default", &input.default), ("example", &input.example)] {
            let Some(InputValue::Text(value)) = value else { continue };
            if let Some(problem) = input.places.problem(value) {
                let path = ["actions", action.id.as_str(), "inputs", input.name.as_str(), key];
                let found =
                    if input.secret { "a text (not shown)".to_owned() } else { show_text(value) };
                finder.refuse(&path, &found, &format!("a value that {problem}"));
            }
        }
    }
}

/// Every input that the source's templates name must be declared by the action.
fn check_inputs(action: &ActionSpec, source: &SourceSpec, finder: &Finder) {
    let known: Vec<&str> = action.inputs.iter().map(|input| input.name.as_str()).collect();
    let mut told: Vec<(String, &str)> = Vec::new();
    for (place, reference) in references(source, finder) {
        let name = match reference {
            Reference::Input(name) if !known.contains(&name.as_str()) => name.as_str(),
            Reference::Input(_) | Reference::Source { .. } => continue,
        };
        if told.iter().any(|(where_, which)| *where_ == place && *which == name) {
            continue;
        }
        let found = format!("{{{name}}}, which the action {} does not have as an input", action.id);
        let inputs = format!("actions.{}.inputs", action.id);
        finder.refuse(&path_in(source, &place), &found, &one_of(&known, &inputs));
        told.push((place, name));
    }
}

/// Everything that a source's templates name, with its place in the source's table.
pub(super) fn references<'a>(
    source: &'a SourceSpec,
    finder: &Finder,
) -> Vec<(String, &'a Reference)> {
    let of_table = source.url.references_in_table().count();
    let of_url = source.url.references().count() - of_table;
    let mut found: Vec<(String, &Reference)> = Vec::new();
    // The URL's own placeholders come first, those of the query table after them.
    for (index, reference) in source.url.references().enumerate() {
        let place = if index < of_url { url_key(source, finder) } else { "query" };
        found.push((place.to_owned(), reference));
    }
    for header in &source.headers {
        let place = format!("headers.{}", header.name());
        found.extend(header.references().map(|reference| (place.clone(), reference)));
    }
    for reference in source.json.iter().flat_map(JsonTemplate::references) {
        found.push(("json".to_owned(), reference));
    }
    let key = source.rate_limit.as_ref().and_then(|limit| limit.key.as_ref());
    for reference in key.iter().flat_map(|key| key.references()) {
        found.push(("rate_limit.key".to_owned(), reference));
    }
    found
}

/// The key that has the source's URL.
pub(super) fn url_key(source: &SourceSpec, finder: &Finder) -> &'static str {
    let is_there = |key: &&str| finder.has(&["sources", source.id.as_str(), key]);
    URL_KEYS.into_iter().find(is_there).unwrap_or_default()
}

/// The parts of the key of a place within a source. Only the first dot separates: a header's name
/// may have dots of its own.
pub(super) fn path_in<'a>(source: &'a SourceSpec, place: &'a str) -> Vec<&'a str> {
    let mut path = vec!["sources", source.id.as_str()];
    path.extend(place.splitn(2, '.'));
    path
}

/// The known names, or where to add one.
pub(super) fn one_of(names: &[&str], table: &str) -> String {
    if names.is_empty() {
        format!("none yet: add [{table}.NAME]")
    } else {
        format!("one of {} (in [{table}])", names.join(", "))
    }
}
