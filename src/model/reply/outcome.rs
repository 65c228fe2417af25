//! What became of one source in one aggregate.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::model::id::Id;
use crate::model::json::Json;
use crate::model::record::target::Target;

/// The word that says what became of one source (the table of outcomes in `docs/reply.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 2xx with valid JSON, or an empty one that means `null`.
    Ok,
    /// An upstream status that the source counts as a definite "there is none".
    NotFound,
    /// Some pages came, but not all of them.
    Truncated,
    /// The attempt, the source or the action ran out of time.
    Timeout,
    /// The upstream said 429 and no wait fits, or our own budget has no permit in time.
    RateLimited,
    /// The source's circuit breaker is open.
    CircuitOpen,
    /// No token could be had, or the upstream refused a fresh one.
    AuthFailed,
    /// Any other 4xx, and 3xx: redirects are not followed.
    Rejected,
    /// 5xx, after retries.
    UpstreamError,
    /// DNS, TCP or TLS failed, or the connection broke.
    ConnectFailed,
    /// Not JSON, not complete (a 206 that was not asked for is not), too large, too deep, or encoded
    /// in a way that was not asked for.
    BadPayload,
    /// Our own in-flight limit for this source is reached, or nothing is left to make a connection
    /// with.
    Overloaded,
    /// The call could not be made, because a value that it needs is missing, or was not waited for,
    /// because a required source had failed.
    Skipped,
    /// A fault of ours, a panic included.
    Internal,
}

/// How good an outcome is for who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// A definite answer. An aggregate is complete when all its sources gave one.
    Good,
    /// A part of an answer.
    Partly,
    /// No answer.
    Bad,
}

impl Quality {
    /// The word for pages and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Partly => "partly",
            Self::Bad => "bad",
        }
    }
}

/// What is fixed of an outcome.
#[derive(Debug, Clone, Copy)]
struct Facts {
    label: &'static str,
    default_status: u16,
    quality: Quality,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 14] = [
        Self::Ok,
        Self::NotFound,
        Self::Truncated,
        Self::Timeout,
        Self::RateLimited,
        Self::CircuitOpen,
        Self::AuthFailed,
        Self::Rejected,
        Self::UpstreamError,
        Self::ConnectFailed,
        Self::BadPayload,
        Self::Overloaded,
        Self::Skipped,
        Self::Internal,
    ];

    /// The one place where an outcome's word, status and quality stand.
    #[rustfmt::skip]
    const fn facts(self) -> Facts {
        use Quality::{Bad, Good, Partly};
        match self {
            Self::Ok            => facts("ok",             200, Good),
            Self::NotFound      => facts("not_found",      404, Good),
            Self::Truncated     => facts("truncated",      206, Partly),
            Self::Timeout       => facts("timeout",        504, Bad),
            Self::RateLimited   => facts("rate_limited",   429, Bad),
            Self::CircuitOpen   => facts("circuit_open",   503, Bad),
            Self::AuthFailed    => facts("auth_failed",    401, Bad),
            Self::Rejected      => facts("rejected",       400, Bad),
            Self::UpstreamError => facts("upstream_error", 502, Bad),
            Self::ConnectFailed => facts("connect_failed", 502, Bad),
            Self::BadPayload    => facts("bad_payload",    502, Bad),
            Self::Overloaded    => facts("overloaded",     503, Bad),
            Self::Skipped       => facts("skipped",        424, Bad),
            Self::Internal      => facts("internal",       500, Bad),
        }
    }

    /// The word as it stands in the aggregate.
    pub fn as_str(self) -> &'static str {
        self.facts().label
    }

    /// The HTTP status reported when the upstream itself gave none.
    pub fn default_status(self) -> u16 {
        self.facts().default_status
    }

    /// How good it is for who asked.
    pub fn quality(self) -> Quality {
        self.facts().quality
    }

    /// Whether `data` is the upstream's own, all or a part of it, and not what stands in for it.
    pub fn has_data(self) -> bool {
        matches!(self, Self::Ok | Self::Truncated)
    }

    /// Whether the source gave a definite answer; an aggregate is complete when all did.
    pub fn is_definite(self) -> bool {
        self.quality() == Quality::Good
    }
}

const fn facts(label: &'static str, default_status: u16, quality: Quality) -> Facts {
    Facts { label, default_status, quality }
}

/// What one source contributes to one aggregate.
#[derive(Debug, Clone)]
pub struct SourceReply {
    /// The source that was asked.
    pub source: Id,
    /// What its requests have in common.
    pub target: Arc<Target>,
    /// What became of it.
    pub outcome: Outcome,
    /// The upstream's own status where it answered, else the outcome's default.
    pub status: u16,
    /// A sentence of ours for a person; never an upstream's body, a URL's query or a secret.
    pub error: Option<Cow<'static, str>>,
    /// How many HTTP requests were sent to the upstream for this reply, pages included.
    pub attempts: u32,
    /// From the request's arrival to this reply, the wait for other sources' data included.
    pub latency: Duration,
    /// The upstream's JSON, or what stands in for it.
    pub data: Json,
}
