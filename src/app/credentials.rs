//! Starts the credentials: an actor for each that has tokens.

use std::rc::Rc;
use std::sync::Arc;

use actix::Arbiter;
use awc::http::header::{HeaderName, HeaderValue};

use super::StartError;
use crate::actors::supervision::Restarts;
use crate::actors::token_handle::TokenHandle;
use crate::domain::credential::{CredentialKind, CredentialSpec};
use crate::domain::ids::Id;
use crate::domain::secret::ExposeSecret as _;
use crate::upstream::auth::Auth;

/// A credential that can be handed to any thread.
#[derive(Clone)]
pub(super) enum SharedAuth {
    None,
    Static { name: HeaderName, value: HeaderValue },
    Token(TokenHandle),
}

impl SharedAuth {
    /// The credential for the current thread.
    pub(super) fn local(&self) -> Auth {
        match self.clone() {
            Self::None => Auth::None,
            Self::Static { name, value } => Auth::Static { name, value },
            Self::Token(handle) => Auth::Token(Rc::new(handle)),
        }
    }

    /// The token's handle, where there is one.
    pub(super) fn token_handle(&self) -> Option<TokenHandle> {
        match self {
            Self::None | Self::Static { .. } => None,
            Self::Token(handle) => Some(handle.clone()),
        }
    }
}

pub(super) fn start(
    credentials: Vec<CredentialSpec>,
    restarts: &Arc<Restarts>,
) -> Result<Vec<(Id, SharedAuth)>, StartError> {
    let start_one = |credential: CredentialSpec| {
        let id = credential.id;
        let auth = match credential.kind {
            CredentialKind::ClientCredentials(spec) => {
                let arbiter = Arbiter::current();
                let started = TokenHandle::start(id.clone(), spec, arbiter, Arc::clone(restarts));
                let started = started.map_err(|source| StartError::Tls { id: id.clone(), source });
                SharedAuth::Token(started?)
            }
            CredentialKind::Static(spec) => {
                let unusable = || StartError::Secret { id: id.clone() };
                let name = spec.header.parse().map_err(|_| unusable())?;
                let value = HeaderValue::from_str(spec.value.expose_secret());
                let mut value = value.map_err(|_| unusable())?;
                value.set_sensitive(true);
                SharedAuth::Static { name, value }
            }
        };
        Ok((id, auth))
    };
    credentials.into_iter().map(start_one).collect()
}
