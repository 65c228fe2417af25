//! The circuit breaker: leaves an upstream alone that fails most of the time.
//!
//! ```text
//!              enough requests in the window,
//!              too large a part of them failed
//!   ┌────────┐ ───────────────────────────────▶ ┌────────┐
//!   │ Closed │                                  │  Open  │ rejects everything until its time
//!   └────────┘                                  └────────┘
//!        ▲                                        │    ▲
//!        │ `probes` successes         its time is │    │ a probe failed:
//!        │ in a row                   over        ▼    │ twice as long
//!        │                                      ┌──────────┐
//!        └───────────────────────────────────── │ HalfOpen │ at most `probes` at a time
//!                                               └──────────┘
//! ```
//!
//! Whoever wants to ask the upstream takes a [`Permit`] and hands it back with what came of it. A
//! permit knows the state in which it was given out (its epoch), so that a result which arrives after
//! the next change of state changes nothing.

use crate::model::circuit::Circuit;
use crate::model::time::deadline::Deadline;
use crate::model::time::jitter;
use crate::model::time::sliding_window::SlidingWindow;
use crate::policy::breaker::breaker_spec::BreakerSpec;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Buckets of the sliding window.
const BUCKETS: u32 = 10;

/// How far the time spent open is spread to both sides.
const JITTER: f64 = 0.1;

/// The answer to a request that may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the circuit is open")]
pub struct Rejected {
    /// Before this instant another request will be rejected as well, unless a probe that is under
    /// way succeeds.
    pub until: Instant,
}

/// The permission to send one request. It is handed back once: to [`Breaker::on_success`],
/// [`Breaker::on_failure`] or [`Breaker::on_neutral`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit that is not handed back keeps a probe's place"]
pub struct Permit {
    kind: PermitKind,
    epoch: u64,
}

impl Permit {
    /// Whether the request is a probe of a half-open circuit.
    pub fn is_probe(&self) -> bool {
        match self.kind {
            PermitKind::Normal => false,
            PermitKind::Probe { .. } => true,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PermitKind {
    Normal,
    Probe { id: u64 },
}

/// A probe under way.
#[derive(Debug, Clone, Copy)]
struct Probe {
    id: u64,
    since: Instant,
}

#[derive(Debug, Clone)]
enum Inner {
    Closed {
        /// When it closed; `None` if it has never been open.
        since: Option<Instant>,
    },
    Open {
        until: Instant,
    },
    HalfOpen {
        probes: Vec<Probe>,
        successes: u32,
    },
}

/// What happened in one bucket of the window.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    successes: u32,
    failures: u32,
}

/// The breaker at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSnapshot {
    /// Its state.
    pub state: Circuit,
    /// Successes in the window.
    pub successes: u32,
    /// Failures in the window.
    pub failures: u32,
    /// Probes under way.
    pub probes_in_flight: u32,
    /// How often it has opened since the start.
    pub openings: u64,
}

/// The state machine of one source.
#[derive(Debug, Clone)]
pub struct Breaker {
    spec: BreakerSpec,
    inner: Inner,
    /// Counts the changes of state.
    epoch: u64,
    window: SlidingWindow<Counts>,
    /// How often it has opened again without having stayed closed for a window in between.
    reopenings: u32,
    openings: u64,
    next_probe: u64,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(spec: BreakerSpec) -> Self {
        Self {
            inner: Inner::Closed { since: None },
            epoch: 0,
            window: SlidingWindow::new(spec.window / BUCKETS, BUCKETS as usize),
            reopenings: 0,
            openings: 0,
            next_probe: 0,
            spec,
        }
    }

    /// Asks to send one request.
    ///
    /// # Errors
    /// [`Rejected`] while the circuit is open, or while it is half open with all probes under way.
    pub fn try_acquire(&mut self, now: Instant) -> Result<Permit, Rejected> {
        if let Inner::Open { until } = self.inner {
            if now < until {
                return Err(Rejected { until });
            }
            self.change(Inner::HalfOpen { probes: Vec::new(), successes: 0 });
        }
        let kind = match &mut self.inner {
            // Open was dealt with above; rejecting is right for it in any case.
            Inner::Open { until } => return Err(Rejected { until: *until }),
            Inner::Closed { .. } => PermitKind::Normal,
            Inner::HalfOpen { probes, .. } => {
                forget_lost(probes, now, self.spec.open_for);
                if let Some(oldest) = probes.first()
                    && probes.len() >= self.spec.probes as usize
                {
                    return Err(Rejected { until: later(oldest.since, self.spec.open_for) });
                }
                let id = self.next_probe;
                self.next_probe = id.wrapping_add(1);
                probes.push(Probe { id, since: now });
                PermitKind::Probe { id }
            }
        };
        Ok(Permit { kind, epoch: self.epoch })
    }

    /// The request of `permit` went well.
    pub fn on_success(&mut self, permit: Permit, now: Instant) {
        if !self.take_back(permit) {
            return;
        }
        match &mut self.inner {
            Inner::Closed { .. } => {
                let counts = self.window.current(now);
                counts.successes = counts.successes.saturating_add(1);
            }
            Inner::HalfOpen { successes, .. } => {
                *successes += 1;
                if *successes >= self.spec.probes {
                    self.window.clear();
                    self.change(Inner::Closed { since: Some(now) });
                }
            }
            Inner::Open { .. } => {}
        }
    }

    /// The request of `permit` failed in a way that speaks against the upstream. `unit` is a random
    /// number in `[0, 1)`.
    pub fn on_failure(&mut self, permit: Permit, now: Instant, unit: f64) {
        if !self.take_back(permit) {
            return;
        }
        match self.inner {
            Inner::Closed { since } => {
                let counts = self.window.current(now);
                counts.failures = counts.failures.saturating_add(1);
                if self.fails_too_much(now) {
                    let was_stable =
                        since.is_none_or(|since| later(since, self.spec.window) <= now);
                    self.reopenings =
                        if was_stable { 0 } else { self.reopenings.saturating_add(1) };
                    self.open(now, unit);
                }
            }
            Inner::HalfOpen { .. } => {
                self.reopenings = self.reopenings.saturating_add(1);
                self.open(now, unit);
            }
            Inner::Open { .. } => {}
        }
    }

    /// Nothing is known about the upstream from the request of `permit`: it was cancelled, or not
    /// even sent. A probe's place becomes free.
    pub fn on_neutral(&mut self, permit: Permit) {
        self.take_back(permit);
    }

    /// The state that a request at `now` would meet.
    pub fn circuit(&self, now: Instant) -> Circuit {
        match self.inner {
            Inner::Closed { .. } => Circuit::Closed,
            Inner::Open { until } if now < until => Circuit::Open { until },
            Inner::Open { .. } | Inner::HalfOpen { .. } => Circuit::HalfOpen,
        }
    }

    /// How often the state has changed.
    pub fn changes(&self) -> u64 {
        self.epoch
    }

    /// Circuit and counts at `now`.
    pub fn snapshot(&mut self, now: Instant) -> BreakerSnapshot {
        let state = self.circuit(now);
        let Counts { successes, failures } = self.totals(now);
        let probes_in_flight = match &mut self.inner {
            Inner::HalfOpen { probes, .. } => {
                forget_lost(probes, now, self.spec.open_for);
                u32::try_from(probes.len()).unwrap_or(u32::MAX)
            }
            Inner::Closed { .. } | Inner::Open { .. } => 0,
        };
        BreakerSnapshot { state, successes, failures, probes_in_flight, openings: self.openings }
    }

    /// Frees the place of a probe. Whether the permit belongs to the present state: the result of a
    /// probe counts even if the probe was given up as lost.
    #[expect(clippy::needless_pass_by_value, reason = "a permit is handed back once")]
    fn take_back(&mut self, permit: Permit) -> bool {
        let Permit { kind, epoch } = permit;
        if epoch != self.epoch {
            return false;
        }
        if let PermitKind::Probe { id } = kind
            && let Inner::HalfOpen { probes, .. } = &mut self.inner
        {
            probes.retain(|probe| probe.id != id);
        }
        true
    }

    fn fails_too_much(&mut self, now: Instant) -> bool {
        let Counts { successes, failures } = self.totals(now);
        let requests = successes.saturating_add(failures);
        requests >= self.spec.min_requests
            && f64::from(failures) >= self.spec.failure_ratio * f64::from(requests)
    }

    fn totals(&mut self, now: Instant) -> Counts {
        self.window.buckets(now).fold(Counts::default(), |sum, counts| Counts {
            successes: sum.successes.saturating_add(counts.successes),
            failures: sum.failures.saturating_add(counts.failures),
        })
    }

    fn open(&mut self, now: Instant, unit: f64) {
        let time = jitter::around(self.time_open(), JITTER, unit);
        self.openings = self.openings.saturating_add(1);
        self.change(Inner::Open { until: later(now, time) });
    }

    /// `open_for`, doubled for each re-opening, up to `max_open_for`.
    fn time_open(&self) -> Duration {
        let factor = 2_u32.saturating_pow(self.reopenings);
        self.spec.open_for.saturating_mul(factor).min(self.spec.max_open_for)
    }

    fn change(&mut self, inner: Inner) {
        self.inner = inner;
        self.epoch = self.epoch.wrapping_add(1);
    }
}

/// A probe that has been under way for `patience` counts as lost: its place becomes free.
fn forget_lost(probes: &mut Vec<Probe>, now: Instant, patience: Duration) {
    probes.retain(|probe| now.saturating_duration_since(probe.since) < patience);
}

fn later(now: Instant, time: Duration) -> Instant {
    Deadline::after(now, time).at()
}

#[cfg(test)]
mod tests;
