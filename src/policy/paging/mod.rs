//! Follows a source's pages.

mod gathered;
pub mod next_page;
mod page;
pub(super) mod paged;
pub mod paging_spec;
