//! What concerns more than one table of the configuration: whether its parts fit together.

pub(super) mod dependencies;
mod injection;
mod likely_mistakes;
pub(super) mod locator;
pub(super) mod parts;
mod references;
mod slipping;
pub(super) mod tenants;
mod unused;

use locator::Locator;
use parts::{Names, Parts};

/// Checks everything that concerns more than one table.
pub(super) fn check(parts: &Parts, names: &Names, locator: &Locator) {
    references::check_default_action(parts, names, locator);
    for source in parts.sources {
        references::check_credential(source, parts, names, locator);
        dependencies::check_source(source, names, locator);
    }
    for action in parts.actions {
        references::check_sources(action, names, locator);
        references::check_input_names(action, locator);
        references::check_default_places(action, locator);
        slipping::check(action, locator);
        tenants::check(action, parts, names, locator);
        for source in parts.sources.iter().filter(|source| action.sources.contains(&source.id)) {
            references::check_inputs(action, source, locator);
        }
    }
    injection::check(parts, locator);
    likely_mistakes::check(parts, locator);
    unused::check(parts, locator);
}
