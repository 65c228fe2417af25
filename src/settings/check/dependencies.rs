//! Which source of an action uses the data of which others, and whether that can work.

use crate::model::action::action_spec::{ActionSpec, Dependency};
use crate::model::id::Id;
use crate::model::template::Reference;
use crate::policy::source_spec::SourceSpec;

use super::locator::Locator;
use super::parts::Names;
use super::references::{one_of, path_in, references};

/// A template may name a source that there is, other than its own.
pub(in crate::settings) fn check_source(source: &SourceSpec, names: &Names, locator: &Locator) {
    let own = &source.id;
    for (place, reference) in references(source, locator) {
        let Reference::Source { source: other, .. } = reference else { continue };
        let path = path_in(source, &place);
        if other == own {
            let found = format!("{{{reference}}}, a value of the source's own answer");
            locator.refuse(&path, &found, "a value of another source");
        } else if !names.sources.contains(&other.as_str()) {
            let found = format!("{{{reference}}}, and {other} is no source");
            locator.refuse(&path, &found, &one_of(&names.sources, "sources"));
        }
    }
}

/// The action's sources that wait for others. Each must be able to begin some time: what it waits
/// for is asked by the same action, and does not wait for it in turn.
pub(in crate::settings) fn of_action(
    action: &ActionSpec,
    sources: &[SourceSpec],
    names: &Names,
    locator: &Locator,
) -> Vec<Dependency> {
    let mut dependencies = Vec::new();
    let asked = |id: &Id| sources.iter().find(|source| source.id == *id);
    for source in action.sources.iter().filter_map(asked) {
        let waits_for = waits_for(action, source, names, locator);
        if !waits_for.is_empty() {
            dependencies.push(Dependency { source: source.id.clone(), waits_for });
        }
    }
    if let Some(circle) = circle(&dependencies) {
        let found = format!("sources that wait for each other in a circle: {circle}");
        let path = ["actions", action.id.as_str(), "sources"];
        locator.refuse(
            &path,
            &found,
            "templates by which no source needs an answer that needs its own first",
        );
    }
    dependencies
}

/// The other sources that the templates of one name, each once.
fn waits_for(
    action: &ActionSpec,
    source: &SourceSpec,
    names: &Names,
    locator: &Locator,
) -> Vec<Id> {
    let mut others: Vec<Id> = Vec::new();
    let mut not_asked: Vec<&Id> = Vec::new();
    for (place, reference) in references(source, locator) {
        let Reference::Source { source: other, .. } = reference else { continue };
        // These two are wrong in every action and have been refused already.
        let is_refused = *other == source.id || !names.sources.contains(&other.as_str());
        if is_refused || others.contains(other) || not_asked.contains(&other) {
            continue;
        }
        if action.sources.contains(other) {
            others.push(other.clone());
        } else {
            let id = &action.id;
            let found = format!("{{{reference}}}, but the action {id} does not ask {other}");
            let allowed =
                format!("a source of the action: add \"{other}\" to actions.{id}.sources");
            locator.refuse(&path_in(source, &place), &found, &allowed);
            not_asked.push(other);
        }
    }
    others
}

/// A circle in words, if there is one: `a waits for b, b waits for a`.
fn circle(dependencies: &[Dependency]) -> Option<String> {
    // What is left when everything that can settle has done so waits for something in a circle.
    let mut stuck: Vec<&Dependency> = dependencies.iter().collect();
    loop {
        let before = stuck.len();
        let waiting: Vec<&Id> = stuck.iter().map(|dependency| &dependency.source).collect();
        stuck.retain(|dependency| dependency.waits_for.iter().any(|id| waiting.contains(&id)));
        if stuck.len() == before {
            break;
        }
    }
    let mut way = vec![&stuck.first()?.source];
    loop {
        let last = *way.last()?;
        let dependency = stuck.iter().find(|dependency| dependency.source == *last)?;
        let is_stuck = |id: &&Id| stuck.iter().any(|stuck| stuck.source == **id);
        let next = dependency.waits_for.iter().find(is_stuck)?;
        let begin = way.iter().position(|id| *id == next);
        way.push(next);
        if let Some(begin) = begin {
            let steps = way.get(begin..)?.windows(2);
            let words = steps.filter_map(|step| match step {
                [waiting, other] => Some(format!("{waiting} waits for {other}")),
                _ => None,
            });
            return Some(words.collect::<Vec<_>>().join(", "));
        }
    }
}
