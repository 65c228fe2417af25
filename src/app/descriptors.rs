//! File descriptors: how many the process may open, and who gets them.
//!
//! Every connection is one. The configuration says how many connections there may be; where the
//! process may open fewer, callers and each source get fewer, so that none of them takes those that
//! the others and the operators need: also idle ones count.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::StartError;
use super::deployment::Deployment;
use super::upstream_share::UpstreamShare;
use crate::api::listener::connection_limit::ConnectionLimit;

/// Connections of operators, if there are descriptors for all.
const MOST_ADMIN: usize = 256;
/// Connections of operators that there are in any case: more than may follow the service live.
const LEAST_ADMIN: usize = 24;
/// What a process has open besides its connections, and what it opens for a moment: standard
/// streams, listeners, the log, files of a reload, lookups of names, the collector of traces.
const OWN: usize = 64;
/// A worker's event loop and what wakes it.
const OWN_OF_WORKER: usize = 6;
/// Below this and so many for each worker, no connection would be possible.
const LEAST: usize = 52;
const LEAST_OF_WORKER: usize = 8;

/// The process's descriptors and the limits of connections that follow from them.
pub(super) struct Descriptors {
    /// How many there may be.
    limit: usize,
    /// Connections of callers.
    pub(super) public: Arc<ConnectionLimit>,
    /// Connections of operators.
    pub(super) admin: Arc<ConnectionLimit>,
    /// Connections to upstreams.
    pub(super) upstreams: Arc<UpstreamShare>,
}

/// Numbers of descriptors for each use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shares {
    public: usize,
    admin: usize,
    upstreams: usize,
}

impl Descriptors {
    /// Raises the process's limit as far as it may, and divides what there is among the uses that
    /// this configuration has for it.
    ///
    /// # Errors
    /// [`StartError::Descriptors`]: there would be none for connections.
    pub(super) fn claim(deployment: &Deployment) -> Result<Self, StartError> {
        let workers = deployment.server.workers;
        let (limit, needed) = (raise_limit(), LEAST + LEAST_OF_WORKER * workers);
        if limit < needed {
            return Err(StartError::Descriptors { limit, needed, workers });
        }
        let descriptors = Self {
            limit,
            public: Arc::new(ConnectionLimit::new("public", 0, workers)),
            admin: Arc::new(ConnectionLimit::new("admin", 0, 1)),
            upstreams: Arc::default(),
        };
        descriptors.divide(deployment);
        Ok(descriptors)
    }

    /// Divides them anew; a warning says what does not fit.
    pub(super) fn divide(&self, deployment: &Deployment) {
        let server = &deployment.server;
        let own = OWN + OWN_OF_WORKER * server.workers;
        let wanted = wanted(deployment);
        let given = wanted.fitted_into(self.limit.saturating_sub(own));
        let callers = server.max_connections.min(given.public.saturating_sub(server.workers));
        self.public.set(callers);
        self.admin.set(given.admin.saturating_sub(1));
        self.upstreams.set(given.upstreams, wanted.upstreams);
        // Operators' share is of no interest: nobody configures it.
        if (given.public, given.upstreams) == (wanted.public, wanted.upstreams) {
            return;
        }
        tracing::warn!(
            limit = self.limit,
            needed = own + wanted.public + wanted.admin + wanted.upstreams,
            max_connections = server.max_connections,
            callers,
            upstreams = given.upstreams,
            "the process may open fewer files than the configuration allows connections; callers \
             and upstreams have as many as are told here. Raise the hard limit (systemd: \
             LimitNOFILE, Docker: --ulimit nofile), or lower max_connections of the server or of \
             sources"
        );
    }
}

/// Enough for all connections that the configuration allows.
fn wanted(deployment: &Deployment) -> Shares {
    let workers = deployment.server.workers;
    // Each worker has one at least.
    let of_sources = deployment
        .sources
        .iter()
        .map(|parts| parts.spec.policies.exchange.max_connections.max(workers));
    // A worker has its part, rounded up, and one more while it makes room.
    let of_callers = (deployment.server.max_connections.div_ceil(workers) + 1) * workers;
    Shares {
        public: of_callers,
        admin: MOST_ADMIN + 1,
        // A credential has one connection to its token endpoint.
        upstreams: of_sources.sum::<usize>() + deployment.credentials.len(),
    }
}

impl Shares {
    /// The same, or what comes of it if there are so few in all: first a little for operators, at
    /// most half of the rest for upstreams, then callers; what these do not want goes back.
    fn fitted_into(self, available: usize) -> Self {
        if self.public + self.admin + self.upstreams <= available {
            return self;
        }
        let admin = self.admin.min(LEAST_ADMIN.max(available / 8));
        let rest = available.saturating_sub(admin);
        let upstreams = self.upstreams.min(rest / 2);
        let public = self.public.min(rest - upstreams);
        let upstreams = self.upstreams.min(rest - public);
        let admin = self.admin.min(available.saturating_sub(public + upstreams).max(admin));
        Self { public, admin, upstreams }
    }
}

/// Raises the soft limit of open files to the hard one; how many there may be then.
fn raise_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = match raised {
        Ok(()) => maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays as it is");
            current
        }
    };
    // `None` is no limit.
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WANTED: Shares = Shares { public: 10_002, admin: 257, upstreams: 61 };

    #[test]
    fn everybody_gets_all_if_there_is_enough() {
        assert_eq!(WANTED.fitted_into(10_320), WANTED);
    }

    #[test]
    fn callers_get_fewer_before_upstreams_and_operators_do() {
        let given = WANTED.fitted_into(964);
        assert_eq!(given, Shares { public: 783, admin: 120, upstreams: 61 });
        let given = WANTED.fitted_into(196);
        assert_eq!(given, Shares { public: 111, admin: 24, upstreams: 61 });
    }

    #[test]
    fn what_callers_do_not_want_goes_to_upstreams_and_operators() {
        let many_upstreams = Shares { public: 52, admin: 257, upstreams: 2000 };
        let given = many_upstreams.fitted_into(1000);
        assert_eq!(given, Shares { public: 52, admin: 125, upstreams: 823 });
        let few = Shares { public: 52, admin: 257, upstreams: 61 };
        assert_eq!(few.fitted_into(300), Shares { public: 52, admin: 187, upstreams: 61 });
    }

    proptest! {
        #[test]
        fn no_more_is_given_than_there_is_and_everybody_gets_something(
            public in 2_usize..20_000,
            upstreams in 0_usize..5_000,
            available in 0_usize..30_000,
        ) {
            let wanted = Shares { public, admin: MOST_ADMIN + 1, upstreams };
            let given = wanted.fitted_into(available);
            prop_assert!(given.public <= wanted.public && given.admin <= wanted.admin);
            prop_assert!(given.upstreams <= wanted.upstreams);
            let all = given.public + given.admin + given.upstreams;
            prop_assert!(all <= available.max(LEAST_ADMIN), "{given:?}");
            // Nothing is left over while somebody wants more.
            prop_assert!(given == wanted || all >= available, "{given:?}");
            if available >= 96 {
                prop_assert!(given.public >= public.min(available / 3), "{given:?}");
                prop_assert!(given.upstreams >= upstreams.min(available / 3), "{given:?}");
            }
        }
    }

    #[test]
    fn the_limit_is_the_hard_one_afterwards() {
        let limit = raise_limit();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        assert_eq!(current, u64::try_from(limit).ok());
    }
}
