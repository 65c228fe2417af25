//! Warns of what is allowed, but hardly ever meant.

use std::time::Duration;

use crate::config::units::show_duration;
use crate::model::action::action_spec::ActionSpec;
use crate::model::id::InputName;
use crate::model::secret::ExposeSecret as _;
use crate::model::template::Endpoint;
use crate::policy::auth::credential_spec::{CredentialSpec, Proof};
use crate::policy::source_spec::SourceSpec;

use super::locator::Locator;
use super::parts::Parts;
use super::references::url_key;

/// How long Genesys Cloud waits for a data action at most (`config.timeoutSeconds`, 1 to 60).
const LONGEST_DATA_ACTION: Duration = Duration::from_mins(1);

/// Warns of them all.
pub(super) fn check(parts: &Parts, locator: &Locator) {
    for credential in parts.credentials {
        check_credential(credential, locator);
    }
    for source in parts.sources {
        let actions = parts.actions.iter().filter(|action| action.sources.contains(&source.id));
        let inputs = actions.flat_map(|action| &action.inputs).map(|input| &input.name).collect();
        check_braces(source, &inputs, locator);
        check_plain_text(source, locator);
        check_body(source, locator);
        check_header_names(source, locator);
    }
    for action in parts.actions {
        check_deadline(action, locator);
    }
}

/// `${id}` is the placeholder of another language, `{{id}}` is none.
fn check_braces(source: &SourceSpec, inputs: &Vec<&InputName>, locator: &Locator) {
    let source_path = ["sources", source.id.as_str()];
    for key in [url_key(source, locator), "query", "headers", "json"] {
        let path = [source_path[0], source_path[1], key];
        let texts = locator.texts(&path);
        for input in inputs {
            let (dollar, doubled) = (format!("${{{input}}}"), format!("{{{{{input}}}}}"));
            let is_whole = |text: &&String| text.contains(&doubled) && !text.contains("{{{");
            if texts.iter().any(|text| text.contains(&dollar)) {
                let text = format!(
                    "`{dollar}` sends a `$` before the value; a placeholder is `{{{input}}}`"
                );
                locator.warn(&path, &text);
            }
            if texts.iter().any(|text| is_whole(&text)) {
                let text = format!(
                    "`{doubled}` is sent as the text `{{{input}}}`; a placeholder is `{{{input}}}`"
                );
                locator.warn(&path, &text);
            }
        }
    }
}

/// A credential that goes over a network as it is.
fn check_plain_text(source: &SourceSpec, locator: &Locator) {
    if source.credential.is_some() && is_plain_and_far(source.request.url.endpoint()) {
        let path = ["sources", source.id.as_str(), url_key(source, locator)];
        locator.warn(
            &path,
            "the credential goes to another host by http, where everybody on the way can read it",
        );
    }
}

fn is_plain_and_far(endpoint: &Endpoint) -> bool {
    let is_here =
        endpoint.host() == "localhost" || endpoint.ip().is_some_and(|ip| ip.is_loopback());
    !endpoint.https() && !is_here
}

/// A text as the body is JSON, so it has quotation marks around it.
fn check_body(source: &SourceSpec, locator: &Locator) {
    let path = ["sources", source.id.as_str(), "json"];
    let is_other = |kind: &str| kind.contains("xml") || kind.contains("x-www-form-urlencoded");
    let mut headers = source.request.headers.iter();
    let kind = headers.find(|header| header.name().eq_ignore_ascii_case("content-type"));
    let kind = kind.and_then(|header| header.constant()).unwrap_or_default();
    if locator.is_text(&path) && is_other(&kind.to_ascii_lowercase()) {
        let text = format!(
            "the body is sent as JSON, a text in quotation marks, but its type is said to be {kind}"
        );
        locator.warn(&path, &text);
    }
}

/// A name out of the environment, which has no hyphens.
fn check_header_names(source: &SourceSpec, locator: &Locator) {
    for header in &source.request.headers {
        let path = ["sources", source.id.as_str(), "headers", header.name()];
        if header.name().contains('_') && locator.is_of_environment(&path) {
            let hyphen = header.name().replace('_', "-");
            let text = format!(
                "a variable's name has no hyphens, so this header is sent as it stands; write `{hyphen}` in \
                 a file if that is meant"
            );
            locator.warn(&path, &text);
        }
    }
}

fn check_credential(credential: &CredentialSpec, locator: &Locator) {
    match credential.proof() {
        Proof::Token(client) => {
            if is_plain_and_far(&client.endpoint) {
                let path = ["credentials", credential.id.as_str(), "token_url"];
                locator.warn(&path, "the client's secret goes to another host by http, where everybody on the way can read it");
            }
        }
        Proof::Header(header) => {
            let mut words = header.value.expose_secret().split_ascii_whitespace();
            let is_scheme = |word: &str| {
                ["bearer", "basic", "apikey", "token"]
                    .iter()
                    .any(|known| word.eq_ignore_ascii_case(known))
            };
            if words.next().is_some_and(is_scheme) && words.next().is_some_and(is_scheme) {
                let path = ["credentials", credential.id.as_str()];
                let text = "the secret begins with a scheme of its own (such as `Basic`), and `prefix` puts \
                            another one before it; write prefix = \"\"";
                locator.warn(&path, text);
            }
        }
    }
}

fn check_deadline(action: &ActionSpec, locator: &Locator) {
    if action.deadline > LONGEST_DATA_ACTION {
        let path = ["actions", action.id.as_str(), "deadline"];
        let longest = show_duration(LONGEST_DATA_ACTION);
        locator.warn(&path, &format!("a flow of Genesys Cloud waits for {longest} at most"));
    }
}
