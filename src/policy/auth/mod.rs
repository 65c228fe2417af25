//! How a call proves who it is. `credential_spec` has the kinds.

pub(super) mod authorized;
pub mod client_credentials;
pub mod credential_spec;
pub mod fixed_header;
pub mod token_refusals;

use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use awc::http::header::{HeaderName, HeaderValue};
use futures_util::future::LocalBoxFuture;

use crate::http::client::HttpClientError;
use crate::http::connect_failure::ConnectFailure;
use crate::model::failure::{Failure, FailureKind};

/// The header that proves who a call is.
pub enum Auth {
    /// None is needed.
    None,
    /// The same header each time.
    Header {
        /// The header's name.
        name: HeaderName,
        /// The header's value, marked as sensitive.
        value: HeaderValue,
    },
    /// An OAuth bearer token in `Authorization`.
    Token(Rc<dyn TokenProvider>),
}

/// Where tokens come from.
pub trait TokenProvider {
    /// A valid token if one is at hand; never waits.
    fn at_hand(&self, now: Instant) -> Option<Token>;

    /// A valid token later than the generation `after` (0: any), fetched if need be.
    ///
    /// Resolves to a [`TokenError`] when none can be had before the deadline.
    fn obtain(
        &self,
        after: u64,
        deadline: Instant,
    ) -> LocalBoxFuture<'_, Result<Token, TokenError>>;

    /// Has a token later than the generation `after` fetched, without waiting for it. The one at
    /// hand stays in use until then.
    fn renew(&self, after: u64);
}

/// A bearer token, ready to be sent.
#[derive(Clone)]
pub struct Token {
    /// Counts the tokens of a credential.
    pub generation: u64,
    /// The value of the `Authorization` header, marked as sensitive.
    pub authorization: HeaderValue,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(generation {})", self.generation)
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token endpoint refused the client.
    #[error("the token endpoint refused the client ({status}{})", code_suffix(.code.as_deref()))]
    Refused {
        /// The endpoint's status.
        status: u16,
        /// The error code of RFC 6749 section 5.2, if it is one.
        code: Option<&'static str>,
    },
    /// The token endpoint failed, for now.
    #[error("the token endpoint answered {status}")]
    Failed {
        /// The endpoint's status.
        status: u16,
        /// What it said about when to come back.
        retry_after: Option<Duration>,
    },
    /// No answer from the token endpoint.
    #[error("the token endpoint cannot be reached: {reason}")]
    Unreachable {
        /// Why not.
        reason: String,
    },
    /// The token endpoint was not asked, because no connection to it could be made: no fault of its.
    #[error("the token endpoint was not asked: {0}")]
    NotAsked(ConnectFailure),
    /// An answer that holds no usable token.
    #[error("the token endpoint's reply is not usable: {reason}")]
    Unusable {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The token endpoint is left alone for a while after failures.
    #[error("{last}; {}", next_try(*.wait))]
    BackingOff {
        /// Until the next try; zero: it is under way.
        wait: Duration,
        /// The last failure.
        last: Box<TokenError>,
    },
    /// None came before the deadline.
    #[error("none came before the deadline")]
    TooLate,
}

impl TokenError {
    /// Whether another try within the same request is in vain: the endpoint answered, and what it
    /// said does not pass by itself. A person has to see to it.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Unusable { .. } => true,
            Self::Failed { .. } | Self::Unreachable { .. } | Self::NotAsked(_) | Self::TooLate => {
                false
            }
            Self::BackingOff { last, .. } => last.is_lasting(),
        }
    }

    /// Whether the endpoint may well be back in a moment: it gave no answer, or failed itself, or was
    /// not even asked. 429 and a refused client are answers of an endpoint that is well.
    pub fn may_pass_soon(&self) -> bool {
        match self {
            Self::Failed { status, .. } => *status >= 500,
            Self::Unreachable { .. } | Self::NotAsked(_) => true,
            Self::Refused { .. } | Self::Unusable { .. } | Self::TooLate => false,
            Self::BackingOff { last, .. } => last.may_pass_soon(),
        }
    }

    /// Whether it was a shortage of ours, which says nothing about the token endpoint.
    pub fn is_shortage(&self) -> bool {
        match self {
            Self::NotAsked(_) => true,
            Self::BackingOff { last, .. } => last.is_shortage(),
            Self::Refused { .. }
            | Self::Failed { .. }
            | Self::Unreachable { .. }
            | Self::Unusable { .. }
            | Self::TooLate => false,
        }
    }

    /// What the token endpoint said about when to come back.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Failed { retry_after, .. } = self { *retry_after } else { None }
    }
}

impl From<&HttpClientError> for TokenError {
    fn from(error: &HttpClientError) -> Self {
        Self::Unreachable { reason: error.to_string() }
    }
}

/// What a failure for want of a token begins with.
const NO_TOKEN: &str = "no token: ";

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let is_shortage = error.is_shortage();
        let kind = if is_shortage { FailureKind::NoTokenForShortage } else { FailureKind::NoToken };
        Self::new(kind, format!("{NO_TOKEN}{error}"))
    }
}

fn next_try(wait: Duration) -> String {
    if wait.is_zero() {
        "it is being tried again".to_owned()
    } else {
        format!("the next try is in {} ms", wait.as_millis())
    }
}

fn code_suffix(code: Option<&str>) -> String {
    code.map(|code| format!(", {code}")).unwrap_or_default()
}
