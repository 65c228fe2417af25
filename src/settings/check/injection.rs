//! Warns of values that an upstream could take for syntax: of a query that stands in a parameter,
//! for example.

use crate::model::action::action_spec::ActionSpec;
use crate::model::id::{Id, InputName};
use crate::model::template::escape::Escape;
use crate::model::template::{
    InjectionRisk, JsonTemplate, Placeholder, Reference, RiskReason, TextPlace,
};
use crate::policy::source_spec::SourceSpec;

use super::locator::Locator;
use super::parts::Parts;
use super::references::url_key;

/// Warns of every placeholder at risk, once for each text that has it.
pub(in crate::settings) fn check(parts: &Parts, locator: &Locator) {
    for source in parts.sources {
        let mut risks = source.request.url.injection_risks();
        risks.extend_from_slice(
            source.request.json.as_ref().map_or(&[], JsonTemplate::injection_risks),
        );
        let mut told: Vec<&InjectionRisk> = Vec::new();
        for risk in &risks {
            if !told.contains(&risk) {
                check_risk(source, risk, parts.actions, locator);
                told.push(risk);
            }
        }
    }
}

fn check_risk(
    source: &SourceSpec,
    risk: &InjectionRisk,
    actions: &[ActionSpec],
    locator: &Locator,
) {
    let writer = match &risk.placeholder.reference {
        Reference::Input(name) => {
            let Some(action) = exposed_by(name, source, actions) else { return };
            Writer::Caller(action)
        }
        Reference::Source { source, .. } => Writer::Source(source),
    };
    let id = source.id.as_str();
    let (key, within) = match &risk.place {
        TextPlace::Url => (vec!["sources", id, url_key(source, locator)], String::new()),
        TextPlace::Query(name) => (vec!["sources", id, "query", name], String::new()),
        TextPlace::Json(pointer) if pointer.is_empty() => {
            (vec!["sources", id, "json"], String::new())
        }
        TextPlace::Json(pointer) => (vec!["sources", id, "json"], format!(" in {pointer}")),
    };
    let text = match risk.reason {
        RiskReason::NoEscape => no_escape(&risk.placeholder, &within, &writer),
        RiskReason::Misplaced(escape) => misplaced(&risk.placeholder, &within, escape),
    };
    locator.warn(&key, &text);
}

/// Who says what the value is.
enum Writer<'a> {
    /// Whoever calls this action.
    Caller(&'a Id),
    /// Another source, by its answer.
    Source(&'a Id),
}

/// An action that asks the source with a value of this input that may be syntax.
fn exposed_by<'a>(
    name: &InputName,
    source: &SourceSpec,
    actions: &'a [ActionSpec],
) -> Option<&'a Id> {
    let asking = actions.iter().filter(|action| action.sources.contains(&source.id));
    let mut exposed = asking.filter(|action| {
        action.inputs.iter().any(|input| input.name == *name && !input.is_never_syntax())
    });
    exposed.next().map(|action| &action.id)
}

fn no_escape(placeholder: &Placeholder, within: &str, writer: &Writer<'_>) -> String {
    let (who, or_pattern) = match writer {
        Writer::Caller(action) => (
            format!("a caller of the action {action}"),
            "; or give the input a pattern of letters, digits, `-` and `_` only",
        ),
        Writer::Source(source) => (format!("the answer of {source}"), ""),
    };
    format!(
        "{{{placeholder}}}{within} stands beside fixed text: if the upstream reads that as a query, \
         {who} can write syntax into it; name the language, as in {{{placeholder}|soql}} (one of \
         {known}){or_pattern}; or write {{{placeholder}|raw}} if nothing reads it so",
        known = Escape::known()
    )
}

fn misplaced(placeholder: &Placeholder, within: &str, escape: Escape) -> String {
    let example = escape.example(&format!("{{{placeholder}}}"));
    let stands = escape.stands();
    format!(
        "{{{placeholder}}}{within} does not stand {stands}: only there {escape} protects, as in {example}"
    )
}
