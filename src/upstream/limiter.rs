//! The rate limit of one source: permits in order of arrival, refused at once if too late.
//!
//! governor decides whether a request may go now. It reserves nothing for those who wait, and
//! lets them overtake each other; so a lane keeps its own line: one waiter at a time asks
//! governor, the others stand behind it in a fair mutex, and how long the line is tells a
//! newcomer at once whether its turn can come in time. The upstream's own word (`Retry-After`,
//! rate-limit headers) holds the whole lane back through [`Lane::pause`] and
//! [`Lane::pace`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::clock::{self, GovernorClock};
use crate::domain::source::RateLimitSpec;

/// Keys that had no request for a while are forgotten once there are more than this.
const MANY_LANES: usize = 10_000;

type Governor = RateLimiter<NotKeyed, InMemoryState, GovernorClock, NoOpMiddleware<Instant>>;

/// A permit cannot come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Our own rate limit has no room.
    #[error("the source's rate limit has no room for another {} ms", .wait.as_millis())]
    OwnLimit {
        /// How long the wait would have been.
        wait: Duration,
    },
    /// The upstream asked to be left alone.
    #[error("the upstream asked for a pause of another {} ms", .wait.as_millis())]
    UpstreamsWord {
        /// How long the wait would have been.
        wait: Duration,
    },
}

/// The rate limit of one source, shared by all workers; one lane per key.
#[derive(Debug)]
pub struct Limiter {
    spec: Option<RateLimitSpec>,
    unkeyed: Arc<Lane>,
    keyed: Mutex<HashMap<String, Arc<Lane>>>,
}

impl Limiter {
    /// A limiter that obeys `spec`; without one it obeys only the upstream's own word.
    pub fn new(spec: Option<RateLimitSpec>) -> Self {
        let unkeyed = Arc::new(Lane::new(spec.as_ref()));
        Self { spec, unkeyed, keyed: Mutex::default() }
    }

    /// The lane of `key`; without a key, the lane of the whole source.
    pub fn lane(&self, key: Option<&str>) -> Arc<Lane> {
        let Some(key) = key else { return Arc::clone(&self.unkeyed) };
        let mut lanes = lock(&self.keyed);
        if let Some(lane) = lanes.get(key) {
            return Arc::clone(lane);
        }
        if lanes.len() >= MANY_LANES {
            let now = clock::now();
            lanes.retain(|_, lane| !lane.is_at_rest(now));
        }
        let lane = Arc::new(Lane::new(self.spec.as_ref()));
        lanes.insert(key.to_owned(), Arc::clone(&lane));
        lane
    }

    /// The state of all lanes together.
    pub fn snapshot(&self, now: Instant) -> LimiterSnapshot {
        let keyed: Vec<Arc<Lane>> = lock(&self.keyed).values().map(Arc::clone).collect();
        let mut snapshot = LimiterSnapshot { keys: keyed.len(), ..LimiterSnapshot::default() };
        for lane in keyed.iter().chain([&self.unkeyed]) {
            let line = lock(&lane.line);
            snapshot.waiting += line.waiting;
            let held = line.held_until(now).map(|end| end.saturating_duration_since(now));
            snapshot.held_for = snapshot.held_for.max(held);
        }
        snapshot
    }
}

/// The state of a source's rate limit at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimiterSnapshot {
    /// How many calls wait for a permit.
    pub waiting: u32,
    /// For how long the upstream's own word still holds calls back; the longest of all keys.
    pub held_for: Option<Duration>,
    /// How many keys have a limit of their own at present.
    pub keys: usize,
}

/// The line in front of one key's permits.
#[derive(Debug)]
pub struct Lane {
    governor: Option<Governor>,
    interval: Duration,
    max_wait: Duration,
    rest: Duration,
    /// Held by the first in the line; tokio's mutex hands over in order of arrival.
    first: tokio::sync::Mutex<()>,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    /// How many wait, the first included.
    waiting: u32,
    /// When the first in the line can go, as far as is known.
    next: Option<Instant>,
    /// The upstream wants nothing before then.
    paused_until: Option<Instant>,
    /// What [`Lane::pace`] asked for.
    pace: Option<Pace>,
    last_used: Option<Instant>,
}

impl Line {
    /// Until when the upstream's word holds the line back, if it does.
    fn held_until(&self, now: Instant) -> Option<Instant> {
        let ends = [self.paused_until, self.pace.map(|pace| pace.until)];
        ends.into_iter().flatten().filter(|end| *end > now).max()
    }

    /// Whose limit it is that takes so long.
    fn refusal(&self, wait: Duration, now: Instant) -> Refused {
        if self.held_until(now).is_some() {
            Refused::UpstreamsWord { wait }
        } else {
            Refused::OwnLimit { wait }
        }
    }

    /// The earliest moment at which somebody who joins the line now can go.
    fn turn(&self, first_goes: Instant, interval: Duration) -> Instant {
        let turn = first_goes + interval * self.waiting;
        // Once the pace has ended, the line moves as fast as the lane itself allows.
        let paced = self
            .pace
            .map(|pace| (first_goes + pace.interval.saturating_mul(self.waiting)).min(pace.until));
        paced.map_or(turn, |paced| paced.max(turn))
    }
}

/// Until `until`, permits come at least `interval` apart, the next not before `next`.
#[derive(Debug, Clone, Copy)]
struct Pace {
    interval: Duration,
    until: Instant,
    next: Instant,
}

impl Lane {
    fn new(spec: Option<&RateLimitSpec>) -> Self {
        let interval = spec.map_or(Duration::ZERO, |spec| spec.per / spec.requests.get());
        let quota =
            spec.and_then(|spec| Some(Quota::with_period(interval)?.allow_burst(spec.burst)));
        Self {
            governor: quota.map(|quota| RateLimiter::direct_with_clock(quota, GovernorClock)),
            interval,
            max_wait: spec.map_or(Duration::MAX, |spec| spec.max_wait),
            rest: spec.map_or(Duration::ZERO, |spec| interval * spec.burst.get()),
            first: tokio::sync::Mutex::default(),
            line: Mutex::default(),
        }
    }

    /// Waits for a permit, in order of arrival.
    ///
    /// # Errors
    /// [`Refused`], at once if the permit cannot come before `deadline` and within `max_wait`,
    /// else when that time has passed.
    pub async fn acquire(&self, deadline: Instant) -> Result<(), Refused> {
        let now = clock::now();
        let latest = now.checked_add(self.max_wait).map_or(deadline, |then| then.min(deadline));
        let Some(place) = self.join(now, latest)? else { return Ok(()) };
        let permitted = clock::until(latest, async {
            let _first = self.first.lock().await;
            while let Err(then) = self.ask(clock::now()) {
                clock::sleep_until(then).await;
            }
        });
        let permitted = permitted.await;
        drop(place);
        permitted.ok_or_else(|| {
            let waited = latest.saturating_duration_since(now);
            lock(&self.line).refusal(waited, clock::now())
        })
    }

    /// Holds everything in this lane back until then; an earlier end does not shorten a pause.
    pub fn pause(&self, until: Instant) {
        let mut line = lock(&self.line);
        line.paused_until = Some(line.paused_until.map_or(until, |end| end.max(until)));
    }

    /// Until then, keeps permits at least `interval` apart.
    pub fn pace(&self, interval: Duration, until: Instant) {
        let mut line = lock(&self.line);
        let next = line.pace.map_or_else(clock::now, |pace| pace.next);
        line.pace = Some(Pace { interval, until, next });
    }

    /// Takes a permit at once (`None`), or a place in the line, if that is short enough.
    fn join(&self, now: Instant, latest: Instant) -> Result<Option<Place<'_>>, Refused> {
        let mut line = lock(&self.line);
        if line.waiting == 0 {
            match self.try_take(&mut line, now) {
                Ok(()) => return Ok(None),
                Err(then) => line.next = Some(then),
            }
        }
        let first_goes = line.next.unwrap_or(now).max(now);
        let turn = line.turn(first_goes, self.interval);
        if turn >= latest {
            return Err(line.refusal(turn - now, now));
        }
        line.waiting += 1;
        Ok(Some(Place { lane: self }))
    }

    /// [`Self::try_take`] for the first in the line; those behind learn when it is their turn.
    fn ask(&self, now: Instant) -> Result<(), Instant> {
        let mut line = lock(&self.line);
        let answer = self.try_take(&mut line, now);
        line.next = Some(answer.err().unwrap_or(now + self.interval));
        answer
    }

    /// Takes a permit, or says when to try again.
    fn try_take(&self, line: &mut Line, now: Instant) -> Result<(), Instant> {
        line.last_used = Some(now);
        if let Some(end) = line.paused_until.filter(|&end| end > now) {
            return Err(end);
        }
        let pace = line.pace.filter(|pace| pace.until > now);
        if let Some(pace) = pace.filter(|pace| pace.next > now) {
            return Err(pace.next.min(pace.until));
        }
        if let Some(governor) = &self.governor
            && let Err(not_until) = governor.check()
        {
            return Err(now + not_until.wait_time_from(now).max(Duration::from_micros(1)));
        }
        line.pace = pace.map(|pace| Pace { next: now + pace.interval, ..pace });
        Ok(())
    }

    /// Whether forgetting this lane changes nothing.
    fn is_at_rest(&self, now: Instant) -> bool {
        let line = lock(&self.line);
        let rested = line.last_used.is_none_or(|used| now >= used + self.rest);
        rested && line.waiting == 0 && line.held_until(now).is_none()
    }
}

/// A place in the line, given up when dropped.
struct Place<'a> {
    lane: &'a Lane,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(&self.lane.line).waiting -= 1;
    }
}

/// A panic while the lock was held leaves plain numbers behind: they are still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
