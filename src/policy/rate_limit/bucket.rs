//! The rate limit of one key: how many requests may be sent, and the queue of those that must wait.
//!
//! `requests` in any `per` is counted by a sliding window log. The upstream counts when requests
//! arrive, not when we gave leave for them, and connecting lies in between, or a wait for a
//! connection. So a [`SendPermit`] goes with the request down to the socket, and counts from the moment
//! of its first write; until then it counts as if that were at any moment. One that is dropped
//! unsent gives its place back. What is left is the way to the upstream, which does not take the
//! same time for all: a [`guard`] is put on top of `per`.
//!
//! governor keeps `burst`, where it differs from `requests`: so many at the same instant, and then
//! one each `per / requests`. A larger burst replaces the window, which it would always exceed.
//!
//! Neither reserves anything for those who wait, so there is a queue: one waiter at a time asks, the
//! others stand behind it in a fair mutex, and how long the queue is tells a newcomer at once
//! whether its turn can come in time. The upstream's own word (`Retry-After`, rate-limit headers)
//! holds all of it back ([`Hold`]).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Notify;

use super::governor_clock::GovernorClock;
use super::hold::Hold;
use super::sliding_log::SlidingLog;
use super::throttled::Throttled;
use crate::clock;
use crate::http::send_permit::{SendCounter, SendPermit};
use crate::policy::lock::lock;
use crate::policy::rate_limit::rate_limit_spec::RateLimitSpec;

type Governor = RateLimiter<NotKeyed, InMemoryState, GovernorClock, StateInformationMiddleware>;

/// The most that is put on top of `per`: what a busy server may take to accept a connection and to
/// read from it.
const LONGEST_GUARD: Duration = Duration::from_millis(30);
/// Where `per` is short, one part in so many is put on top of it: more of the limit is not given up.
const GUARD_PART: u32 = 32;

/// The limit of one key, and the queue in front of it.
#[derive(Debug)]
pub struct Bucket {
    /// Keeps `burst`.
    governor: Option<Governor>,
    /// Whether a window keeps `requests` in any `per`.
    has_window: bool,
    /// The time between two requests of equal spread.
    interval: Duration,
    burst: u32,
    max_wait: Duration,
    /// Held by the first in the queue; tokio's mutex hands over in order of arrival.
    first: tokio::sync::Mutex<()>,
    /// Tells the first in the queue that it may be able to go earlier than it knew.
    freed: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Keeps `requests` in any `per`.
    log: Option<SlidingLog>,
    /// What governor said last.
    tokens: Option<Tokens>,
    /// How many wait, the first included.
    waiting: u32,
    /// The upstream's own word.
    hold: Hold,
    last_used: Option<Instant>,
}

/// At this moment there are so many of governor's tokens.
#[derive(Debug, Clone, Copy)]
struct Tokens {
    at: Instant,
    left: u32,
}

impl Bucket {
    pub(super) fn new(spec: Option<&RateLimitSpec>) -> Self {
        let interval = spec.map_or(Duration::ZERO, |spec| spec.per / spec.requests.get());
        let has_burst = spec.filter(|spec| spec.burst != spec.requests);
        let quota =
            has_burst.and_then(|spec| Some(Quota::with_period(interval)?.allow_burst(spec.burst)));
        let log = spec
            .filter(|spec| spec.burst <= spec.requests)
            .map(|spec| SlidingLog::new(spec.requests.get(), spec.per + guard(spec.per)));
        Self {
            governor: quota.map(|quota| {
                RateLimiter::direct_with_clock(quota, GovernorClock).with_middleware()
            }),
            has_window: log.is_some(),
            interval,
            burst: spec.map_or(0, |spec| spec.burst.get()),
            max_wait: spec.map_or(Duration::MAX, |spec| spec.max_wait),
            first: tokio::sync::Mutex::default(),
            freed: Notify::new(),
            state: Mutex::new(State {
                log,
                tokens: None,
                waiting: 0,
                hold: Hold::default(),
                last_used: None,
            }),
        }
    }

    /// Waits for a permit, in order of arrival.
    ///
    /// # Errors
    /// [`Throttled`], at once if the permit cannot come before `deadline` and within `max_wait`,
    /// else when that time has passed.
    pub async fn acquire(self: &Arc<Self>, deadline: Instant) -> Result<SendPermit, Throttled> {
        let now = clock::now();
        let latest = now.checked_add(self.max_wait).map_or(deadline, |then| then.min(deadline));
        let Some(mut ticket) = self.join(now, latest)? else { return Ok(self.permit()) };
        let permitted = clock::until(latest, async {
            let _first = self.first.lock().await;
            while let Err(then) = self.ask(&mut ticket) {
                // Without a moment, all depends on requests that are about to be sent.
                let then = then.unwrap_or(latest);
                let _: Option<()> = clock::until(then, self.freed.notified()).await;
            }
        });
        if permitted.await.is_some() {
            return Ok(self.permit());
        }
        let waited = latest.saturating_duration_since(now);
        Err(lock(&self.state).refusal(waited, clock::now()))
    }

    /// Notes the upstream's own word, which holds everything in this bucket back.
    pub(super) fn heed(&self, note: impl FnOnce(&mut Hold)) {
        let mut state = lock(&self.state);
        note(&mut state.hold);
        // It may have been a word that ends a pause.
        self.tell_first(&state);
    }

    /// How many wait, and how long and by which header's word they are still held back.
    pub(super) fn snapshot(&self, now: Instant) -> (u32, Option<(Duration, &'static str)>) {
        let state = lock(&self.state);
        let held = state.hold.until(now);
        (state.waiting, held.map(|(end, header)| (end.saturating_duration_since(now), header)))
    }

    /// When somebody asked for a permit the last time.
    pub(super) fn last_used(&self) -> Option<Instant> {
        lock(&self.state).last_used
    }

    /// Whether forgetting this bucket changes nothing.
    pub(super) fn is_at_rest(&self, now: Instant) -> bool {
        let state = lock(&self.state);
        // By then governor's tokens are all there again.
        let refill = self.governor.as_ref().map_or(Duration::ZERO, |_| self.interval * self.burst);
        let is_full = state.last_used.is_none_or(|used| now >= used + refill);
        let is_out = state.log.as_ref().is_none_or(|log| log.is_empty(now));
        is_full && is_out && state.waiting == 0 && state.hold.until(now).is_none()
    }

    /// Takes a permit at once (`None`), or a ticket for the queue, if that is short enough.
    fn join(&self, now: Instant, latest: Instant) -> Result<Option<Ticket<'_>>, Throttled> {
        let mut state = lock(&self.state);
        if state.waiting == 0 && self.try_take(&mut state, now).is_ok() {
            return Ok(None);
        }
        let turn = self.turn(&state, now);
        if turn >= latest {
            return Err(state.refusal(turn - now, now));
        }
        state.waiting += 1;
        Ok(Some(Ticket { bucket: self, is_waiting: true }))
    }

    /// Takes a permit for the first in the queue, which then leaves it, or says when to try again.
    fn ask(&self, ticket: &mut Ticket<'_>) -> Result<(), Option<Instant>> {
        let mut state = lock(&self.state);
        self.try_take(&mut state, clock::now())?;
        ticket.leave(&mut state);
        Ok(())
    }

    /// Takes a permit, or says when to try again; `None` if that is not known.
    fn try_take(&self, state: &mut State, now: Instant) -> Result<(), Option<Instant>> {
        state.last_used = Some(now);
        state.hold.check(now).map_err(Some)?;
        if let Some(log) = &mut state.log {
            log.reserve(now)?;
        }
        if let Err(then) = self.take_token(state, now) {
            state.release();
            return Err(Some(then));
        }
        state.hold.went(now);
        Ok(())
    }

    /// Asks governor.
    fn take_token(&self, state: &mut State, now: Instant) -> Result<(), Instant> {
        let Some(governor) = &self.governor else { return Ok(()) };
        match governor.check() {
            Ok(snapshot) => {
                state.tokens = Some(Tokens { at: now, left: snapshot.remaining_burst_capacity() });
                Ok(())
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(now).max(Duration::from_micros(1));
                state.tokens = Some(Tokens { at: now + wait, left: 1 });
                Err(now + wait)
            }
        }
    }

    /// The earliest moment at which somebody who joins the queue now can go.
    fn turn(&self, state: &State, now: Instant) -> Instant {
        let ahead = state.waiting;
        let (from, by_pace) = state.hold.turn(now, ahead);
        let by_log = state.log.as_ref().map(|log| log.turn(now, from, ahead));
        let by_tokens = state.tokens.map(|tokens| self.turn_by_tokens(tokens, from, ahead));
        [by_log, by_tokens, by_pace].into_iter().flatten().fold(from, Instant::max)
    }

    fn turn_by_tokens(&self, tokens: Tokens, from: Instant, ahead: u32) -> Instant {
        let needed = ahead.saturating_add(1);
        let after = |moment: Instant, left: u32| {
            moment + self.interval.saturating_mul(needed.saturating_sub(left))
        };
        // No more than `burst` are kept for those who wait until `from`.
        after(tokens.at, tokens.left).max(after(from, self.burst))
    }

    fn permit(self: &Arc<Self>) -> SendPermit {
        if self.has_window {
            SendPermit::counted_by(Arc::<Self>::clone(self))
        } else {
            SendPermit::uncounted()
        }
    }

    fn tell_first(&self, state: &State) {
        if state.waiting > 0 {
            self.freed.notify_one();
        }
    }
}

impl SendCounter for Bucket {
    fn sent(&self) {
        let mut state = lock(&self.state);
        if let Some(log) = &mut state.log {
            log.record_sent(clock::now());
        }
        self.tell_first(&state);
    }

    /// Its token is gone: governor takes none back, and gives a new one soon.
    fn not_sent(&self) {
        let mut state = lock(&self.state);
        state.release();
        self.tell_first(&state);
    }
}

impl State {
    /// Whose limit it is that takes so long.
    fn refusal(&self, wait: Duration, now: Instant) -> Throttled {
        if self.hold.until(now).is_some() {
            Throttled::ByUpstream { wait }
        } else {
            Throttled::ByUs { wait }
        }
    }

    fn release(&mut self) {
        if let Some(log) = &mut self.log {
            log.release();
        }
    }
}

/// What is put on top of `per`: the ways of two requests to the upstream may differ by so much
/// without more than `requests` of them arriving in one `per`.
fn guard(per: Duration) -> Duration {
    (per / GUARD_PART).min(LONGEST_GUARD)
}

/// A place in the queue, given up when dropped.
struct Ticket<'a> {
    bucket: &'a Bucket,
    is_waiting: bool,
}

impl Ticket<'_> {
    fn leave(&mut self, state: &mut State) {
        state.waiting -= 1;
        self.is_waiting = false;
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.is_waiting {
            self.leave(&mut lock(&self.bucket.state));
        }
    }
}
