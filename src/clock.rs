//! The one place where the program reads the clock.
//!
//! tokio's clock, so that tests with paused time see the time they set.

use std::time::Instant;

/// Now, on the monotonic clock.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Sleeps until then.
pub async fn sleep_until(then: Instant) {
    tokio::time::sleep_until(then.into()).await;
}

/// Gives the future until then; `None` if that was not enough.
pub async fn until<F: Future>(then: Instant, future: F) -> Option<F::Output> {
    tokio::time::timeout_at(then.into(), future).await.ok()
}
