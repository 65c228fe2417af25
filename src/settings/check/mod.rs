//! What concerns more than one table of the configuration.

pub(super) mod dependencies;
pub(super) mod injection;
pub(super) mod names;
mod slipping;
pub(super) mod tenants;
