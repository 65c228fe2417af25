//! What the checks look at: the parts of a configuration, and the names of all of them.

use crate::model::action::action_spec::ActionSpec;
use crate::policy::auth::credential_spec::CredentialSpec;
use crate::policy::source_spec::SourceSpec;

use super::super::server::ServerSpec;

/// Every name in the configuration, of parts with mistakes as well: a part with a mistake is not a
/// missing one.
#[derive(Debug, Default)]
pub(in crate::settings) struct Names<'a> {
    pub(in crate::settings) credentials: Vec<&'a str>,
    pub(in crate::settings) sources: Vec<&'a str>,
    pub(in crate::settings) actions: Vec<&'a str>,
}

/// What could be read of the configuration.
#[derive(Debug)]
pub(in crate::settings) struct Parts<'a> {
    pub(in crate::settings) server: &'a ServerSpec,
    pub(in crate::settings) credentials: &'a [CredentialSpec],
    pub(in crate::settings) sources: &'a [SourceSpec],
    pub(in crate::settings) actions: &'a [ActionSpec],
}
