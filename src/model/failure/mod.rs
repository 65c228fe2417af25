//! Why a call gave no answer: one row of facts for each way to fail.
//!
//! To add a way to fail is to add a kind with its row, and to raise it where it happens. Outcome,
//! retry, breaker, metrics and words read the row.

use std::borrow::Cow;
use std::time::Duration;

use crate::model::reply::outcome::Outcome;

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// A value that the request needs is missing, or may not stand where it should.
    Unrenderable,
    /// A rendered request that HTTP cannot carry, such as an overlong URL.
    Unsendable,
    /// It needs the data of another source, which had not come by the deadline.
    Unasked,
    /// Given up because nobody wanted the answer any more.
    NotWaitedFor,
    /// As many calls are under way as may be.
    TooManyInFlight,
    /// The circuit breaker is open.
    CircuitOpen,
    /// Our own rate limit, or the upstream's earlier word, leaves no room in time.
    NoPermit,
    /// No token could be had.
    NoToken,
    /// The same, because no connection to the token endpoint could be made.
    NoTokenForShortage,
    /// 401 for a token, which may have ended.
    TokenRefused,
    /// The same, and the token that was to replace it could not be had.
    NoOtherToken,
    /// 401 of an upstream that refuses tokens fresh from their issuer, this one or one before.
    FreshTokenRefused,
    /// We had nothing left to make a connection with.
    Shortage,
    /// No connection came about, refused or without an address: the upstream had no work with it.
    NotConnected,
    /// The connection came about only in part, or not in time.
    ConnectBroken,
    /// The two sides did not agree on TLS.
    Tls,
    /// The connection broke before the reply was complete.
    Broken,
    /// What came was no HTTP/1.1, or cannot be told apart for certain.
    NotHttp,
    /// The time ran out.
    Timeout,
    /// The time ran out, but it was too short for anybody.
    HurriedTimeout,
    /// 429.
    Throttled,
    /// 502, 503 or 504.
    Unavailable,
    /// Another 5xx.
    ServerError,
    /// A success whose body says that it is a failure.
    FailedByBody,
    /// Another status that is neither success nor a definite "there is none".
    Rejected,
    /// A reply whose body is not usable.
    Unusable,
    /// A fault of ours.
    Internal,
}

/// What follows from a way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The word for logs, metrics and traces.
    pub label: &'static str,
    /// The outcome it leads to.
    pub outcome: Outcome,
    /// Whether another attempt may help.
    pub again: Again,
    /// What it says of the upstream's health.
    pub blame: Blame,
    /// What to call it in a sentence; `{}` stands for what came.
    pub words: &'static str,
}

/// Whether another attempt may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It would end in the same way, or there is no time left for it.
    Never,
    /// It may well succeed later.
    Later,
    /// The same, and it costs the retry budget nothing: the upstream has had no work with this one.
    OutsideBudget,
    /// At once, with a new token: the upstream did not process the request.
    WithNewToken,
    /// There was no attempt. What the one before came to counts.
    NotAttempted,
}

/// What a result says of the upstream's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The upstream is well: it gave an answer, if only that it does not like the request.
    Healthy,
    /// The upstream failed.
    Upstream,
    /// It says nothing: our own limits, the caller's impatience.
    Nobody,
}

const fn row(
    label: &'static str,
    outcome: Outcome,
    again: Again,
    blame: Blame,
    words: &'static str,
) -> Facts {
    Facts { label, outcome, again, blame, words }
}

impl FailureKind {
    /// Every way to fail.
    pub const ALL: [Self; 27] = [
        Self::Unrenderable,
        Self::Unsendable,
        Self::Unasked,
        Self::NotWaitedFor,
        Self::TooManyInFlight,
        Self::CircuitOpen,
        Self::NoPermit,
        Self::NoToken,
        Self::NoTokenForShortage,
        Self::TokenRefused,
        Self::NoOtherToken,
        Self::FreshTokenRefused,
        Self::Shortage,
        Self::NotConnected,
        Self::ConnectBroken,
        Self::Tls,
        Self::Broken,
        Self::NotHttp,
        Self::Timeout,
        Self::HurriedTimeout,
        Self::Throttled,
        Self::Unavailable,
        Self::ServerError,
        Self::FailedByBody,
        Self::Rejected,
        Self::Unusable,
        Self::Internal,
    ];

    /// Its row.
    #[rustfmt::skip]
    pub const fn facts(self) -> Facts {
        use Outcome as O;
        use Again::{Later, Never, NotAttempted, OutsideBudget, WithNewToken};
        use Blame::{Healthy, Nobody, Upstream};
        match self {
            Self::Unrenderable       => row("unrenderable",   O::Skipped,       Never,         Nobody,   "no request can be made"),
            Self::Unsendable         => row("unsendable",     O::Skipped,       Never,         Nobody,   "the request cannot be sent"),
            Self::Unasked            => row("unasked",        O::Skipped,       Never,         Nobody,   "not asked"),
            Self::NotWaitedFor       => row("cancelled",      O::Skipped,       Never,         Nobody,   "given up"),
            Self::TooManyInFlight    => row("overloaded",     O::Overloaded,    Never,         Nobody,   "too many under way"),
            Self::CircuitOpen        => row("circuit_open",   O::CircuitOpen,   NotAttempted,  Nobody,   "the circuit is open"),
            Self::NoPermit           => row("no_permit",      O::RateLimited,   NotAttempted,  Nobody,   "no permit in time"),
            Self::NoToken            => row("no_token",       O::AuthFailed,    NotAttempted,  Nobody,   "no token"),
            Self::NoTokenForShortage => row("no_token",       O::Overloaded,    NotAttempted,  Nobody,   "no token"),
            Self::TokenRefused       => row("token_refused",  O::AuthFailed,    WithNewToken,  Nobody,   "{}"),
            Self::NoOtherToken       => row("no_token",       O::AuthFailed,    Never,         Nobody,   "no token"),
            Self::FreshTokenRefused  => row("token_refused",  O::AuthFailed,    Never,         Nobody,   "{}"),
            Self::Shortage           => row("overloaded",     O::Overloaded,    Never,         Nobody,   "no connection"),
            Self::NotConnected       => row("connect",        O::ConnectFailed, OutsideBudget, Upstream, "no connection"),
            Self::ConnectBroken      => row("connect",        O::ConnectFailed, Later,         Upstream, "no connection"),
            Self::Tls                => row("connect",        O::ConnectFailed, Never,         Upstream, "no connection"),
            Self::Broken             => row("broken",         O::ConnectFailed, Later,         Upstream, "the connection broke"),
            Self::NotHttp            => row("broken",         O::ConnectFailed, Never,         Upstream, "the connection broke"),
            Self::Timeout            => row("timeout",        O::Timeout,       Never,         Upstream, "{}"),
            Self::HurriedTimeout     => row("timeout",        O::Timeout,       Never,         Nobody,   "{}"),
            Self::Throttled          => row("rate_limited",   O::RateLimited,   Later,         Nobody,   "{}"),
            Self::Unavailable        => row("upstream_error", O::UpstreamError, Later,         Upstream, "{}"),
            Self::ServerError        => row("upstream_error", O::UpstreamError, Never,         Upstream, "{}"),
            Self::FailedByBody       => row("upstream_error", O::UpstreamError, Never,         Upstream, "{}, failed by its body"),
            Self::Rejected           => row("rejected",       O::Rejected,      Never,         Healthy,  "{}"),
            Self::Unusable           => row("bad_payload",    O::BadPayload,    Never,         Nobody,   "{}, not usable"),
            Self::Internal           => row("internal",       O::Internal,      Never,         Nobody,   "a fault in the service"),
        }
    }

    /// The kind of a status that is neither success nor a definite "there is none".
    pub fn of_status(status: u16) -> Self {
        match status {
            429 => Self::Throttled,
            502..=504 => Self::Unavailable,
            500.. => Self::ServerError,
            _ => Self::Rejected,
        }
    }
}

/// Why there is no further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// A failure of this kind is not retried.
    Final,
    /// All attempts are used up.
    AttemptsUsedUp,
    /// The upstream may have processed the request and must not receive it twice.
    NotRepeatable,
    /// The wait, with a useful attempt after it, does not end before the deadline.
    NoTimeLeft {
        /// The wait that would have been needed, without jitter on `Retry-After`.
        wait: Duration,
    },
    /// Too many retries of late, over all requests.
    BudgetSpent,
}

/// One call's failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The way in which it failed.
    pub kind: FailureKind,
    /// A sentence of ours for a person; no body, no secret.
    pub detail: Cow<'static, str>,
    /// The upstream's own status, where that is the failure.
    pub status: Option<u16>,
    /// When the upstream asked to be left alone until.
    pub retry_after: Option<Duration>,
    /// Whether any byte of the request may have left.
    pub request_sent: bool,
    /// Why there was no further attempt, once that was decided.
    pub gave_up: Option<GiveUp>,
}

impl Failure {
    /// A failure before anything was sent.
    pub fn new(kind: FailureKind, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        Self { kind, detail, status: None, retry_after: None, request_sent: false, gave_up: None }
    }

    /// A reply that is no answer, for its status.
    pub fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        let detail = format!("the upstream answered {status}");
        let failure = Self::new(FailureKind::of_status(status), detail);
        Self { status: Some(status), retry_after, request_sent: true, ..failure }
    }

    /// A fault of ours.
    pub fn internal() -> Self {
        Self::new(FailureKind::Internal, "a fault in the service; its log has more")
    }

    /// No answer came in the time that the source had.
    pub fn timeout() -> Self {
        Self::new(FailureKind::Timeout, "no reply in time")
    }

    /// The row of its kind.
    pub fn facts(&self) -> Facts {
        self.kind.facts()
    }

    /// The status the aggregate shows: the upstream's own where it answered.
    pub fn shown_status(&self) -> u16 {
        self.status.unwrap_or_else(|| self.facts().outcome.default_status())
    }

    /// Its sentence, with what kept us from trying again where that is worth telling. `given` is the
    /// time that the source has had so far.
    pub fn explain(&self, given: Duration) -> Cow<'static, str> {
        if self.facts().outcome == Outcome::Timeout {
            return Cow::Owned(format!("no reply within {} ms", given.as_millis()));
        }
        let detail = &self.detail;
        match self.gave_up {
            Some(GiveUp::NoTimeLeft { wait }) if self.retry_after.is_some() => Cow::Owned(format!(
                "{detail} and asked for a pause of {} ms, which ends after the deadline",
                wait.as_millis()
            )),
            Some(GiveUp::BudgetSpent) => Cow::Owned(format!(
                "{detail}; not tried again, since too many calls fail at present"
            )),
            Some(
                GiveUp::Final
                | GiveUp::AttemptsUsedUp
                | GiveUp::NotRepeatable
                | GiveUp::NoTimeLeft { .. },
            )
            | None => detail.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
