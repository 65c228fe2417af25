//! Why there is no permit: whose limit it is that leaves no room.

use std::time::Duration;

use crate::model::failure::{Failure, FailureKind};

/// A permit cannot come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Throttled {
    /// Our own rate limit has no room.
    #[error("the source's rate limit has no room for another {} ms", .wait.as_millis())]
    ByUs {
        /// How long the wait would have been.
        wait: Duration,
    },
    /// The upstream asked to be left alone.
    #[error("the upstream asked for a pause of another {} ms", .wait.as_millis())]
    ByUpstream {
        /// How long the wait would have been.
        wait: Duration,
    },
}

impl From<Throttled> for Failure {
    fn from(refused: Throttled) -> Self {
        Self::new(FailureKind::NoPermit, refused.to_string())
    }
}
