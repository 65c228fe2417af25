//! Every name that one part of a configuration uses must be one that another part declares.

use crate::config::shown::show_text;
use crate::config::suggest::nearest;
use crate::model::action::action_spec::ActionSpec;
use crate::model::id::Id;
use crate::model::inputs::InputValue;
use crate::model::reply::members;
use crate::model::template::Reference;
use crate::policy::auth::credential_spec::CredentialSpec;
use crate::policy::source_spec::SourceSpec;

use super::locator::Locator;
use super::parts::{Names, Parts};
use crate::policy::request_url::url_keys;

pub(super) fn check_default_action(parts: &Parts, names: &Names, locator: &Locator) {
    let Some(action) = &parts.server.default_action else {
        return;
    };
    if !names.actions.contains(&action.as_str()) {
        let found = format!("{:?}, which is no action", action.as_str());
        locator.refuse(&["server", "default_action"], &found, &one_of(&names.actions, "actions"));
    }
}

/// The credential must exist, and its header must not be set by the source as well.
pub(super) fn check_credential(
    source: &SourceSpec,
    parts: &Parts,
    names: &Names,
    locator: &Locator,
) {
    let Some(id) = &source.credential else { return };
    if !names.credentials.contains(&id.as_str()) {
        let found = no_credential(id, names);
        let allowed = one_of(&names.credentials, "credentials");
        locator.refuse(&["sources", source.id.as_str(), "credential"], &found, &allowed);
        return;
    }
    let Some(credential) = parts.credentials.iter().find(|credential| credential.id == *id) else {
        return;
    };
    check_header(source, credential, locator);
}

/// What stands where the name of a credential should. The secret itself may stand there by mistake:
/// it is shown only if it is nearly a name that there is.
pub(in crate::settings) fn no_credential(id: &Id, names: &Names) -> String {
    match nearest(id.as_str(), &names.credentials) {
        Some(_) => format!("{:?}, which is no credential", id.as_str()),
        None => "a text (not shown), which is no credential".to_owned(),
    }
}

/// The header of the credential must not be set by the source as well.
pub(in crate::settings) fn check_header(
    source: &SourceSpec,
    credential: &CredentialSpec,
    locator: &Locator,
) {
    let (id, header) = (&credential.id, credential.header());
    if source.request.headers.iter().any(|known| known.name().eq_ignore_ascii_case(header)) {
        let found = format!("a header that the credential {id} sets as well");
        let allowed = "either the header or the credential";
        locator.refuse(&["sources", source.id.as_str(), "headers", header], &found, allowed);
    }
}

pub(super) fn check_sources(action: &ActionSpec, names: &Names, locator: &Locator) {
    for source in &action.sources {
        if !names.sources.contains(&source.as_str()) {
            let found = format!("{:?}, which is no source", source.as_str());
            let path = ["actions", action.id.as_str(), "sources"];
            locator.refuse(&path, &found, &one_of(&names.sources, "sources"));
        }
    }
}

/// Inputs must differ in more than case, and an echoed one must not take a key of the reply.
pub(super) fn check_input_names(action: &ActionSpec, locator: &Locator) {
    for (index, input) in action.inputs.iter().enumerate() {
        let name = input.name.as_str();
        let path = ["actions", action.id.as_str(), "inputs", name];
        let earlier = action.inputs.iter().take(index);
        let twin = |other: &str| other.eq_ignore_ascii_case(name);
        if let Some(twin) = earlier.map(|input| input.name.as_str()).find(|name| twin(name)) {
            let found = format!("an input that differs from `{twin}` in case only");
            locator.refuse(&path, &found, "each input once");
        }
        let taken = members::OF_AGGREGATE.map(|member| member.name);
        if input.echo && taken.contains(&name) {
            let found = "an echoed input with the name of a key of the reply";
            let allowed = format!("another name than {}, or echo = false", taken.join(", "));
            locator.refuse(&path, found, &allowed);
        }
    }
}

/// A default and an example must be fit for the places where the sources put it.
pub(super) fn check_default_places(action: &ActionSpec, locator: &Locator) {
    for input in &action.inputs {
        for (key, value) in [("default", &input.default), ("example", &input.example)] {
            let Some(InputValue::Text(value)) = value else { continue };
            if let Some(problem) = input.places.problem(value) {
                let path = ["actions", action.id.as_str(), "inputs", input.name.as_str(), key];
                let found =
                    if input.secret { "a text (not shown)".to_owned() } else { show_text(value) };
                locator.refuse(&path, &found, &format!("a value that {problem}"));
            }
        }
    }
}

/// Every input that the source's templates name must be declared by the action.
pub(super) fn check_inputs(action: &ActionSpec, source: &SourceSpec, locator: &Locator) {
    let known: Vec<&str> = action.inputs.iter().map(|input| input.name.as_str()).collect();
    let mut told: Vec<(String, &str)> = Vec::new();
    for (place, reference) in references(source, locator) {
        let name = match reference {
            Reference::Input(name) if !known.contains(&name.as_str()) => name.as_str(),
            Reference::Input(_) | Reference::Source { .. } => continue,
        };
        if told.iter().any(|(where_, which)| *where_ == place && *which == name) {
            continue;
        }
        let found = format!("{{{name}}}, which the action {} does not have as an input", action.id);
        let inputs = format!("actions.{}.inputs", action.id);
        locator.refuse(&path_in(source, &place), &found, &one_of(&known, &inputs));
        told.push((place, name));
    }
}

/// Everything that a source's templates name, with its place in the source's table.
pub(in crate::settings) fn references<'a>(
    source: &'a SourceSpec,
    locator: &Locator,
) -> Vec<(String, &'a Reference)> {
    let key = |key: String| if key == "url" { url_key(source, locator).to_owned() } else { key };
    let placed = source.placeholders();
    placed.map(|placed| (key(placed.key), &placed.placeholder.reference)).collect()
}

/// The key that has the source's URL.
pub(in crate::settings) fn url_key(source: &SourceSpec, locator: &Locator) -> &'static str {
    let is_there = |key: &&str| locator.has(&["sources", source.id.as_str(), key]);
    url_keys().into_iter().find(is_there).unwrap_or_default()
}

/// The parts of the key of a place within a source. Only the first dot separates: a header's name
/// may have dots of its own.
pub(in crate::settings) fn path_in<'a>(source: &'a SourceSpec, place: &'a str) -> Vec<&'a str> {
    let mut path = vec!["sources", source.id.as_str()];
    path.extend(place.splitn(2, '.'));
    path
}

/// The known names, or where to add one.
pub(in crate::settings) fn one_of(names: &[&str], table: &str) -> String {
    if names.is_empty() {
        format!("none yet: add [{table}.NAME]")
    } else {
        format!("one of {} (in [{table}])", names.join(", "))
    }
}
