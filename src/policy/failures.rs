//! Errors of what lies below, as failures of a call.

use std::time::Duration;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::json::JsonError;
use crate::domain::template::RenderError;
use crate::http::connect_failure::ConnectFailure;
use crate::http::error::HttpError;

/// The failure of an attempt whose exchange brought no reply. A timeout counts against the upstream
/// only if it was given at least `min_fair_time`: a caller in a hurry says nothing about it.
pub fn of_exchange(error: &HttpError, sent: bool, min_fair_time: Duration) -> Failure {
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
        HttpError::TimedOut { given } if *given < min_fair_time => FailureKind::HurriedTimeout,
        HttpError::TimedOut { .. } => FailureKind::Timeout,
        HttpError::Unusable(_) => FailureKind::Unusable,
    };
    Failure { request_sent: sent, ..Failure::new(kind, error.to_string()) }
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
