//! The rate limit of one source as it was configured.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::model::template::TextTemplate;

/// How many requests may be sent to a source in a time.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimitSpec {
    /// Never more than this many requests …
    pub requests: NonZeroU32,
    /// … in any time of this length, unless `burst` is larger.
    pub per: Duration,
    /// So many at the same instant after a rest, and then one each `per / requests`: the size of
    /// a token bucket. A larger one than `requests` is kept by itself.
    pub burst: NonZeroU32,
    /// What is limited apart, for example an API key; absent: the source as a whole.
    pub key: Option<TextTemplate>,
    /// The longest wait for a permit.
    pub max_wait: Duration,
}
