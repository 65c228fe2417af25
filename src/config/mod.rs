//! How a configuration is read, refused, shown and documented. It knows no key: those stand in `settings`
//! and, beside what goes by them, in `policy`, each defined once.
//!
//! ```text
//! files, environment ─ layers ─▶ one table ─ a reader for each section ─▶ values, or every problem
//! ```
//!
//! Nothing here stops at the first mistake: readers note a [`Problem`] and go on.

pub(crate) mod explain;
pub(crate) mod files;
pub mod form;
pub mod key;
pub(crate) mod key_digests;
pub(crate) mod layers;
pub mod list_form;
pub mod model_forms;
pub mod number_form;
pub(crate) mod plan_lines;
mod readers;
pub mod reference_page;
pub(crate) mod report;
pub mod schema;
pub(crate) mod secrets;
pub mod section;
pub(crate) mod shown;
pub(crate) mod suggest;
pub(crate) mod table;
mod table_refusals;
pub(crate) mod toml_value;
pub(crate) mod units;
mod unknown_keys;
pub(crate) mod variable_hints;

pub use explain::InEffect;
pub use key_digests::KeyDigests;
pub use layers::{Layer, process_environment};
pub use report::{Cause, Problem, Problems, Warning};
pub use suggest::nearest;
pub use toml_value::ENVIRONMENT;
pub use units::{DURATION_FORM, parse_duration};
