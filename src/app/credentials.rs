//! Starts the credentials: an actor for each that has tokens.

use std::rc::Rc;
use std::sync::Arc;

use actix::ArbiterHandle;
use awc::http::header::{HeaderName, HeaderValue};

use super::StartError;
use crate::actors::supervision::Restarts;
use crate::actors::token_handle::TokenHandle;
use crate::policy::auth::Auth;
use crate::policy::auth::credential_spec::{CredentialSpec, Proof};

/// A credential that can be handed to any thread.
#[derive(Clone)]
pub(super) enum SharedAuth {
    None,
    Header { name: HeaderName, value: HeaderValue },
    Token(TokenHandle),
}

impl SharedAuth {
    /// The credential for the current thread.
    pub(super) fn local(&self) -> Auth {
        match self.clone() {
            Self::None => Auth::None,
            Self::Header { name, value } => Auth::Header { name, value },
            Self::Token(handle) => Auth::Token(Rc::new(handle)),
        }
    }

    /// Whether this is the very same: the same token actor, or the same secret.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Header { name, value }, Self::Header { name: its_name, value: its_value }) => {
                name == its_name && value == its_value
            }
            (Self::Token(handle), Self::Token(other)) => handle.is(other),
            (Self::None | Self::Header { .. } | Self::Token(_), _) => false,
        }
    }

    /// The token's handle, where there is one.
    pub(super) fn token_handle(&self) -> Option<TokenHandle> {
        match self {
            Self::None | Self::Header { .. } => None,
            Self::Token(handle) => Some(handle.clone()),
        }
    }
}

/// A credential that is in force.
#[derive(Clone)]
pub(super) struct Credential {
    pub(super) spec: CredentialSpec,
    pub(super) auth: SharedAuth,
}

/// Starts what is new among the credentials; one that is configured as `before` goes on, with its
/// token.
pub(super) fn start(
    specs: Vec<CredentialSpec>,
    before: &[Credential],
    arbiter: &ArbiterHandle,
    restarts: &Arc<Restarts>,
) -> Result<Vec<Credential>, StartError> {
    let goes_on = |spec: &CredentialSpec| before.iter().find(|known| known.spec == *spec).cloned();
    let start = |spec: CredentialSpec| match goes_on(&spec) {
        Some(known) => Ok(known),
        None => start_one(spec, arbiter, restarts),
    };
    specs.into_iter().map(start).collect()
}

fn start_one(
    spec: CredentialSpec,
    arbiter: &ArbiterHandle,
    restarts: &Arc<Restarts>,
) -> Result<Credential, StartError> {
    let id = spec.id.clone();
    let auth = match spec.proof() {
        Proof::Token(client) => {
            let (arbiter, restarts) = (arbiter.clone(), Arc::clone(restarts));
            let started = TokenHandle::start(id.clone(), client.clone(), arbiter, restarts);
            SharedAuth::Token(started.map_err(|source| StartError::Tls { id, source })?)
        }
        Proof::Header(header) => {
            let (name, value) = header.to_http().ok_or(StartError::Secret { id })?;
            SharedAuth::Header { name, value }
        }
    };
    Ok(Credential { spec, auth })
}
