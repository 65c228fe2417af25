//! Warns of arrays of one list that may slip against each other.

use crate::model::action::action_spec::ActionSpec;
use crate::model::action::fields::{Extraction, FieldSpec, SpreadPath};

use super::locator::Locator;

/// Warns of arrays that may slip against another one: a path leaves out the rows that have no such
/// value, so that what stands at one place of both arrays may be of two rows.
pub(in crate::settings) fn check(action: &ActionSpec, locator: &Locator) {
    let fields = action.output.iter().flat_map(|output| &output.fields);
    let arrays: Vec<&FieldSpec> = fields.filter(|field| field.kind.is_array).collect();
    for field in &arrays {
        let Some(spread) = spread(field) else { continue };
        if spread.keeps_rows() {
            continue;
        }
        let others = arrays.iter().filter(|other| other.name != field.name);
        let beside = others.filter(|other| other.from == field.from && shares(other, &spread));
        let Some(other) = beside.map(|other| &other.name).next() else { continue };
        let instead = match spread.as_item() {
            Some(item) if item.starts_with('$') => {
                format!(
                    "each = {:?} and item = {item:?} (of a row's values the first)",
                    spread.list
                )
            }
            Some(item) => format!("each = {:?} and item = {item:?}", spread.list),
            None => "`each` with the list and `item` with the member".to_owned(),
        };
        let text = format!(
            "a row without this value is left out, so that the array slips against `{other}`, \
             which is of the same list; write {instead} instead of `path`: each row then gives \
             one element, also one that the path would filter out"
        );
        let place = ["actions", action.id.as_str(), "output", field.name.as_str(), "path"];
        locator.warn(&place, &text);
    }
}

/// How a field's path goes through a list; `None`: it has none that does.
fn spread(field: &FieldSpec) -> Option<SpreadPath> {
    match &field.extraction {
        Extraction::Path(path) => path.spread(),
        Extraction::Rows(_) | Extraction::Count(_) => None,
    }
}

/// Whether an array may be of the list that the path goes through.
fn shares(array: &FieldSpec, path: &SpreadPath) -> bool {
    match &array.extraction {
        Extraction::Count(_) => false,
        Extraction::Path(other) => other.spread().is_some_and(|other| path.may_share_list(&other)),
        Extraction::Rows(rows) => path.may_go_through(rows.each.as_str()),
    }
}
