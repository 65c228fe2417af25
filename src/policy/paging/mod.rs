//! Follows a source's pages.

mod gathered;
pub mod list_end;
pub mod next_page;
mod page;
pub(super) mod paged;
pub mod paging_spec;
pub mod send_as;
