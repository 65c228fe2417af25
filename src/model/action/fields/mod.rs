//! The fields view: a flat, null-free, strictly typed reply for Architect to bind directly.
//!
//! Each field is cut out of one source's data. Whatever came, every field is there and of its type:
//! what is absent or of another type is the field's default.
//!
//! | file | idea |
//! | --- | --- |
//! | `fields/field_type.rs` | the types that a field may have, and what is a value of one |
//! | `fields/field_path.rs` | where a value stands: JSON Pointer or `JSONPath` |
//! | `fields/jayway.rs` | what to write in place of Jayway's dialect |
//! | `fields/field_values.rs` | takes the values of the fields out of the sources' data |
//! | `fields/patience.rs` | for how long they are looked for |
//! | `fields/flat_reply.rs` | writes the reply, and keeps it small enough |

mod field_path;
mod field_type;
mod field_values;
mod flat_reply;
mod jayway;
mod patience;

use crate::model::id::{Id, InputName};
use crate::model::inputs::Conversion;
use crate::model::json::{Json, Pointer};

pub use field_path::{FieldPath, FieldPathError, SpreadPath};
pub use field_type::FieldType;
pub use flat_reply::FlatReply;

/// What an action answers with instead of the aggregate.
#[derive(Debug, Clone)]
pub struct OutputSpec {
    /// The fields, in the order of the reply.
    pub fields: Vec<FieldSpec>,
}

/// One field of a flat reply.
#[derive(Debug, Clone)]
pub struct FieldSpec {
    /// Its name in the reply; the same form as an input's.
    pub name: InputName,
    /// The source whose data it comes from.
    pub from: Id,
    /// How its value is taken out of the data.
    pub extraction: Extraction,
    /// Its type.
    pub kind: FieldType,
    /// Whether a value of another type is converted.
    pub conversion: Conversion,
    /// What stands for a value that is absent or of another type; of the field's type.
    pub default: Json,
    /// A short name for people.
    pub title: Option<String>,
    /// What it means.
    pub description: Option<String>,
}

/// How a field's value is taken out of its source's data.
#[derive(Debug, Clone)]
pub enum Extraction {
    /// The value that a path leads to; for an array also the values.
    Path(FieldPath),
    /// An array with one element for each row of a list.
    Rows(RowsSpec),
    /// How many elements the list has that a path leads to, or how many values the path finds.
    Count(FieldPath),
}

/// One element for each row of a list, also for a row that has no value: so arrays of the same list
/// never slip against each other.
#[derive(Debug, Clone)]
pub struct RowsSpec {
    /// The list.
    pub each: Pointer,
    /// Where the element stands within a row; of several values that a `JSONPath` finds, the first.
    pub item: FieldPath,
    /// The element of a row whose value is absent or of another type; of the type of the elements.
    pub default: Json,
}

impl FieldSpec {
    /// Whether both are arrays with one element for each row of the same list, so that one alone
    /// must not be left out of a reply.
    pub fn is_parallel_to(&self, other: &Self) -> bool {
        match (&self.extraction, &other.extraction) {
            (Extraction::Rows(rows), Extraction::Rows(others)) => {
                self.from == other.from && rows.each == others.each
            }
            (Extraction::Path(_) | Extraction::Rows(_) | Extraction::Count(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests;
