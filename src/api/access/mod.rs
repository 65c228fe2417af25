//! Who may ask: keys and certificates, hosts, pages of other sites.

pub mod api_keys;
pub mod auth_failures;
pub mod callers;
pub mod host;
pub mod same_site;
