//! What a connection is to do with a request that it has read: bytes and pauses as plain data.

use std::time::Duration;

use bytes::Bytes;

/// Bytes and pauses in the order in which a connection is to play them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) end: Then,
}

/// What becomes of the connection after a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It stays open and the next request on it is served, unless the client asked to close.
    KeepOpen,
    /// It is closed (FIN).
    Close,
    /// It is closed (FIN) as by a server that has crashed: without the `close_notify` of TLS.
    CloseWithoutNotify,
    /// It is broken (RST).
    Reset,
}

/// One thing to do on a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait(Duration),
    WaitForever,
    /// One write.
    Send(Bytes),
    /// Several writes with a pause between each two.
    Drip {
        bytes: Bytes,
        bytes_per_write: usize,
        every: Duration,
    },
}

impl Default for Plan {
    fn default() -> Self {
        Self { steps: Vec::new(), end: Then::KeepOpen }
    }
}

impl Plan {
    pub(super) fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// A pause, if there is any: without one the connection never goes to sleep.
    pub(super) fn wait(self, time: Duration) -> Self {
        if time.is_zero() { self } else { self.step(Step::Wait(time)) }
    }

    /// One write.
    pub(super) fn send(self, bytes: Bytes) -> Self {
        self.step(Step::Send(bytes))
    }

    pub(super) fn end(mut self, end: Then) -> Self {
        self.end = end;
        self
    }

    /// This plan, then `next`, which also decides about the end.
    pub(super) fn followed_by(mut self, next: Self) -> Self {
        self.steps.extend(next.steps);
        self.end(next.end)
    }
}
