//! Follows a source's pages.

mod gathered;
pub mod next_page;
mod page;
pub mod spec;
pub(super) mod step;
