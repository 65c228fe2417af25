//! Errors of what lies below, as failures of a call.

use std::time::Duration;

use crate::http::client::Sent;
use crate::http::connect_failure::ConnectFailure;
use crate::http::http_error::HttpError;
use crate::model::failure::{Failure, FailureKind};
use crate::model::json::JsonError;
use crate::model::template::RenderError;

/// The failure of an attempt whose exchange brought no reply. A timeout counts against the upstream
/// only if it was given at least `min_fair_time`: a caller in a hurry says nothing about it.
pub fn of_exchange(error: &HttpError, sent: Sent, min_fair_time: Duration) -> Failure {
    let kind = match error {
        HttpError::Connect(failure) => match failure {
            ConnectFailure::Shortage(_) => FailureKind::Shortage,
            ConnectFailure::Tcp { .. } | ConnectFailure::Dns { .. } => FailureKind::NotConnected,
            ConnectFailure::Timeout { .. } | ConnectFailure::HandshakeBroken { .. } => {
                FailureKind::ConnectBroken
            }
            ConnectFailure::Tls { .. } => FailureKind::Tls,
        },
        HttpError::Broken { .. } => FailureKind::Broken,
        HttpError::NotHttp { .. } => FailureKind::NotHttp,
        HttpError::TimedOut { given } if *given < min_fair_time => FailureKind::HurriedTimeout,
        HttpError::TimedOut { .. } => FailureKind::Timeout,
        HttpError::Unusable(_) => FailureKind::Unusable,
    };
    Failure { request_sent: sent.sent, ..Failure::new(kind, error.to_string()) }
}

/// A page or a body that is not as it should be.
pub fn unusable(why: &'static str) -> Failure {
    Failure::new(FailureKind::Unusable, why)
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        Self::new(FailureKind::Unrenderable, error.to_string())
    }
}

impl From<JsonError> for Failure {
    fn from(error: JsonError) -> Self {
        Self::new(FailureKind::Unusable, format!("the reply is not usable: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::connect_failure::ConnectStep;
    use crate::http::http_error::UnusableReply;
    use crate::http::shortage::Shortage;
    use crate::http::stream_fault::StreamFault;

    #[test]
    fn what_http_says_is_the_failure_that_it_always_was() {
        let s = Duration::from_secs;
        let text = || "why".to_owned();
        let sent = |sent| Sent { sent, connect: None };
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 80));
        let dns = ConnectFailure::Dns { host: text(), reason: text() };
        let slow = ConnectFailure::Timeout { after: s(1), during: ConnectStep::Handshaking };
        for (error, kind) in [
            (HttpError::Connect(dns), FailureKind::NotConnected),
            (
                HttpError::Connect(ConnectFailure::Tcp { address, reason: text() }),
                FailureKind::NotConnected,
            ),
            (
                HttpError::Connect(ConnectFailure::Shortage(Shortage::Descriptors)),
                FailureKind::Shortage,
            ),
            (HttpError::Connect(slow), FailureKind::ConnectBroken),
            (HttpError::Connect(ConnectFailure::Tls { reason: text() }), FailureKind::Tls),
            (
                HttpError::Connect(ConnectFailure::HandshakeBroken { reason: text() }),
                FailureKind::ConnectBroken,
            ),
            (HttpError::Broken { reason: text() }, FailureKind::Broken),
            (
                HttpError::NotHttp { fault: StreamFault::AmbiguousFraming("why") },
                FailureKind::NotHttp,
            ),
            (HttpError::TimedOut { given: s(1) }, FailureKind::HurriedTimeout),
            (HttpError::TimedOut { given: s(2) }, FailureKind::Timeout),
            (HttpError::Unusable(UnusableReply::Partial), FailureKind::Unusable),
        ] {
            let failure = of_exchange(&error, sent(true), s(2));
            assert_eq!((failure.kind, &*failure.detail), (kind, &*error.to_string()));
            assert!(failure.request_sent && !of_exchange(&error, sent(false), s(2)).request_sent);
        }
    }
}
