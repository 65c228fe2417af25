//! What all workers share of each source, across reloads too.

use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use super::StartError;
use super::credentials::{Credential, SharedAuth};
use super::upstream_share::UpstreamShare;
use crate::http::client::{Connecting, HttpClient, HttpClientError};
use crate::http::tls;
use crate::policy::auth::Auth;
use crate::policy::source_spec::SourceSpec;
use crate::policy::source_state::SourceState;

/// One source's parts that all workers share.
#[derive(Clone)]
pub(super) struct SourceParts {
    pub(super) spec: Arc<SourceSpec>,
    pub(super) state: Arc<SourceState>,
    tls: Option<Arc<ClientConfig>>,
    auth: SharedAuth,
}

/// Prepares what all workers share of each source, and makes sure that a worker can be made. What
/// is configured as `before` goes on with its state.
pub(super) fn share_sources(
    sources: Vec<SourceSpec>,
    credentials: &[Credential],
    before: &[SourceParts],
) -> Result<Vec<SourceParts>, StartError> {
    let share_one = |spec: SourceSpec| {
        let auth =
            credentials.iter().find(|known| spec.credential.as_ref() == Some(&known.spec.id));
        let auth = auth.map_or(SharedAuth::None, |known| known.auth.clone());
        let before = before
            .iter()
            .find(|parts| (&parts.spec.id, parts.spec.tenant()) == (&spec.id, spec.tenant()));
        match before {
            Some(parts) if *parts.spec == spec && parts.auth.is(&auth) => Ok(parts.clone()),
            Some(_) | None => share(spec, auth, before),
        }
    };
    sources.into_iter().map(share_one).collect()
}

fn share(
    spec: SourceSpec,
    auth: SharedAuth,
    before: Option<&SourceParts>,
) -> Result<SourceParts, StartError> {
    let id = spec.id.clone();
    let tls =
        tls::for_endpoint(spec.request.url.endpoint(), spec.policies.exchange.extra_ca.as_deref());
    let tls = tls.map_err(|source| StartError::Tls { id: id.clone(), source })?;
    let state = match before {
        Some(before) => before.state.following(&before.spec, &spec),
        None => SourceState::new(&spec),
    };
    let parts = SourceParts { state: Arc::new(state), auth, spec: Arc::new(spec), tls };
    parts
        .client(1, 0, &UpstreamShare::default())
        .map_err(|source| StartError::HttpClient { id, source })?;
    Ok(parts)
}

impl SourceParts {
    /// How one thread's source proves who it is.
    pub(super) fn auth(&self) -> Auth {
        self.auth.local()
    }

    /// Connections for one of so many workers.
    pub(super) fn client(
        &self,
        workers: usize,
        worker: usize,
        share: &UpstreamShare,
    ) -> Result<HttpClient, HttpClientError> {
        let exchange = &self.spec.policies.exchange;
        let (most, most_idle) =
            (share.of(exchange.max_connections), share.of(exchange.max_idle_connections));
        let connecting = Connecting {
            connect_timeout: exchange.connect_timeout,
            max_connections: part_of(most, workers, worker).max(1),
            max_idle_connections: part_of(most_idle, workers, worker),
            tls: self.tls.clone(),
        };
        HttpClient::try_new(self.spec.request.url.endpoint(), connecting)
    }
}

/// What one of so many workers gets of a whole.
fn part_of(whole: usize, workers: usize, worker: usize) -> usize {
    whole / workers + usize::from(worker < whole % workers)
}

#[cfg(test)]
mod tests {
    use super::part_of;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_of_all_workers_are_the_whole(whole in 0_usize..10_000, workers in 1_usize..64) {
            let parts: Vec<_> = (0..workers).map(|worker| part_of(whole, workers, worker)).collect();
            prop_assert_eq!(parts.iter().sum::<usize>(), whole);
            prop_assert!(parts.iter().max() <= parts.iter().min().map(|least| least + 1).as_ref());
        }
    }
}
