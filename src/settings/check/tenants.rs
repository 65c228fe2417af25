//! Sources whose credential each request chooses: one source for each credential that may be chosen.

use crate::model::action::action_spec::ActionSpec;
use crate::model::id::Id;
use crate::model::inputs::InputSpec;
use crate::policy::auth::credential_spec::CredentialSpec;
use crate::policy::source_spec::{SourceSpec, Tenancy};

use super::locator::Locator;
use super::parts::{Names, Parts};
use super::references::{check_header, no_credential, one_of, url_key};
use crate::policy::request_url::NO_HOST_YET;

/// Checks the inputs of an action that choose credentials, and that each of its sources that wants
/// one has it.
pub(in crate::settings) fn check(
    action: &ActionSpec,
    parts: &Parts,
    names: &Names,
    locator: &Locator,
) {
    for input in &action.inputs {
        check_input(action, input, names, locator);
    }
    for source in parts.sources.iter().filter(|source| action.sources.contains(&source.id)) {
        let Some(tenancy) = &source.tenancy else { continue };
        if let Some(input) = action.inputs.iter().find(|input| input.name == tenancy.input) {
            check_choice(action, source, input, locator);
        } else {
            let (input, action) = (&tenancy.input, &action.id);
            let found = format!("{{{input}}}, which the action {action} does not have as an input");
            let allowed = "an input that has `credentials`, in every action that asks the source";
            locator.refuse(&["sources", source.id.as_str(), "credential"], &found, allowed);
        }
        let chosen = chosen(source, tenancy, std::slice::from_ref(action), parts.credentials);
        for credential in chosen {
            check_header(source, credential, locator);
            if tenancy.host_by_credential && credential.api().is_none() {
                let found =
                    format!("a path, and nothing says where the API of {} is", credential.id);
                let allowed =
                    "an absolute URL, or `region` or `api_url` in each of the credentials";
                let key = url_key(source, locator);
                locator.refuse(&["sources", source.id.as_str(), key], &found, allowed);
            }
        }
    }
}

/// The credentials that the input's values stand for must exist.
fn check_input(action: &ActionSpec, input: &InputSpec, names: &Names, locator: &Locator) {
    let path = ["actions", action.id.as_str(), "inputs", input.name.as_str(), "credentials"];
    for (value, credential) in &input.credentials {
        if !names.credentials.contains(&credential.as_str()) {
            let found = no_credential(credential, names);
            let allowed = one_of(&names.credentials, "credentials");
            locator.refuse(&[&path[..], &[value.as_str()]].concat(), &found, &allowed);
        }
    }
}

/// Every request must choose one of the credentials.
fn check_choice(action: &ActionSpec, source: &SourceSpec, input: &InputSpec, locator: &Locator) {
    let path = ["actions", action.id.as_str(), "inputs", input.name.as_str()];
    let table = [&path[..], &["credentials"]].concat();
    if input.credentials.is_empty() && locator.has(&table) {
        // What is wrong with the table has been told.
        return;
    }
    if input.credentials.is_empty() {
        let found = format!("an input without `credentials`, which the source {} needs", source.id);
        let allowed = "credentials = { VALUE = \"CREDENTIAL\" } with every value that may come";
        locator.refuse(&path, &found, allowed);
    } else if !input.required && input.default.is_none() {
        let found = format!("an optional input that chooses the credential of {}", source.id);
        locator.refuse(&path, &found, "required = true, or a default");
    }
}

/// The credentials that requests to these actions may choose for the source, each once.
fn chosen<'a>(
    source: &SourceSpec,
    tenancy: &Tenancy,
    actions: &[ActionSpec],
    credentials: &'a [CredentialSpec],
) -> Vec<&'a CredentialSpec> {
    let asking = actions.iter().filter(|action| action.sources.contains(&source.id));
    let inputs = asking.flat_map(|action| &action.inputs);
    let choosing = inputs.filter(|input| input.name == tenancy.input);
    let ids: Vec<&Id> = choosing.flat_map(|input| &input.credentials).map(|(_, id)| id).collect();
    credentials.iter().filter(|credential| ids.contains(&&credential.id)).collect()
}

/// Puts one source for each tenant in the place of a source that has tenants.
pub(in crate::settings) fn expand(
    sources: Vec<SourceSpec>,
    actions: &[ActionSpec],
    credentials: &[CredentialSpec],
) -> Vec<SourceSpec> {
    let of_source = |source: SourceSpec| match source.tenancy.clone() {
        None => vec![source],
        Some(tenancy) => {
            let chosen = chosen(&source, &tenancy, actions, credentials);
            chosen.into_iter().map(|credential| for_tenant(&source, credential)).collect()
        }
    };
    sources.into_iter().flat_map(of_source).collect()
}

fn for_tenant(source: &SourceSpec, credential: &CredentialSpec) -> SourceSpec {
    let mut source = SourceSpec { credential: Some(credential.id.clone()), ..source.clone() };
    let by_credential = source.tenancy.as_ref().is_some_and(|tenancy| tenancy.host_by_credential);
    if let Some(api) = credential.api().filter(|_| by_credential) {
        source.request.shown_url =
            source.request.shown_url.replacen(NO_HOST_YET, &api.to_string(), 1);
        source.request.url = source.request.url.at(api.clone());
    }
    source
}
