//! Leave to send one request, from whoever counts requests at the moment at which they leave.

use std::fmt;
use std::sync::Arc;

/// Counts requests that leave. A request is told of once: that it was sent, or that it will not be.
pub trait SendCounter: fmt::Debug + Send + Sync {
    /// The first bytes of a request with a permit have just left.
    fn sent(&self);

    /// A request with a permit will not be sent.
    fn not_sent(&self);
}

/// Leave to send one request. It goes with the request down to the socket; dropped before that, it
/// is given back.
#[derive(Debug)]
pub struct SendPermit {
    /// Absent once it was used, or if nobody counts.
    counter: Option<Arc<dyn SendCounter>>,
}

impl SendPermit {
    /// A permit that this counter is told of.
    pub fn counted_by(counter: Arc<dyn SendCounter>) -> Self {
        Self { counter: Some(counter) }
    }

    /// A permit that nobody counts.
    pub fn uncounted() -> Self {
        Self { counter: None }
    }

    /// The request's first bytes have just left.
    pub fn sent(mut self) {
        if let Some(counter) = self.counter.take() {
            counter.sent();
        }
    }
}

impl Drop for SendPermit {
    fn drop(&mut self) {
        if let Some(counter) = self.counter.take() {
            counter.not_sent();
        }
    }
}
