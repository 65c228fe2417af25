//! Actors that come back after a panic.
//!
//! actix's own `Supervisor` restarts an actor that stops, but not one that panics: its address
//! closes and stays closed. So whoever holds an address holds it through [`SupervisedAddr`], which
//! starts a new actor from a factory when the old one is gone, later and later if it keeps going.
//! Limits, breakers and tokens are shared state outside the actors and survive.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler};

use super::observe::{Observe, Observed};

/// The delay before the second restart in a row; the first is immediate.
const FIRST_DELAY: Duration = Duration::from_millis(20);
/// Delays double up to this: a crash loop costs next to nothing, and an actor that could work
/// again is not missed for long.
const LONGEST_DELAY: Duration = Duration::from_secs(1);
/// An actor that lived this long has come back for good.
const STABLE_AFTER: Duration = Duration::from_secs(3);

/// This many restarts in a row are a crash loop; one alone is an accident.
const LOOP_FROM: u32 = 2;

/// How often actors were started again, and which of them answer; shared by all workers.
#[derive(Debug, Default)]
pub struct Restarts {
    count: AtomicU64,
    latest: Mutex<BTreeMap<Arc<str>, Restart>>,
    by_actor: Mutex<BTreeMap<Arc<str>, u64>>,
    observed: Observed,
}

/// An actor's latest restart.
#[derive(Debug, Clone, Copy)]
struct Restart {
    at: Instant,
    in_a_row: u32,
}

impl Restarts {
    /// How often so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The actors that there are, to be asked whether they answer.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// An actor of this name is there.
    fn know(&self, name: &Arc<str>) {
        let mut counts = self.by_actor.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(Arc::clone(name)).or_default();
    }

    /// The actors that there are or were, each with how often it was started again.
    pub fn by_actor(&self) -> Vec<(String, u64)> {
        let counts = self.by_actor.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(name, times)| (name.to_string(), *times)).collect()
    }

    /// The actors that keep ending soon after their start, each with how often in a row.
    pub fn crash_loops(&self, now: Instant) -> Vec<(Arc<str>, u32)> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let loops = latest.iter().filter(|(_, restart)| {
            let since = now.saturating_duration_since(restart.at);
            restart.in_a_row >= LOOP_FROM && since < STABLE_AFTER
        });
        loops.map(|(name, restart)| (Arc::clone(name), restart.in_a_row)).collect()
    }

    /// Counts a restart. Of an actor's namesakes in several workers, the one that is worst off
    /// is kept in mind.
    fn note(&self, name: &Arc<str>, new: Restart) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut counts = self.by_actor.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(Arc::clone(name)).or_default() += 1;
        drop(counts);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = latest.entry(Arc::clone(name)).or_insert(new);
        let is_over = new.at.saturating_duration_since(kept.at) >= STABLE_AFTER;
        if is_over || new.in_a_row >= kept.in_a_row {
            *kept = new;
        }
    }
}

/// The actor is down and waits for its restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Down {
    /// When it may be started again.
    pub until: Instant,
}

/// An actor's address that is renewed when the actor is gone.
pub struct SupervisedAddr<A: Actor, F> {
    name: Arc<str>,
    factory: F,
    restarts: Arc<Restarts>,
    current: Mutex<Current<A>>,
}

struct Current<A: Actor> {
    addr: Addr<A>,
    started: Instant,
    in_a_row: u32,
    /// Whether the next one is to take its place, although it still answers.
    is_worn_out: bool,
}

impl<A, F> SupervisedAddr<A, F>
where
    A: Actor<Context = Context<A>> + Handler<Observe>,
    F: Fn() -> Addr<A>,
{
    /// Starts the actor; `name` is for the log.
    pub fn new(name: Arc<str>, restarts: Arc<Restarts>, now: Instant, factory: F) -> Self {
        restarts.know(&name);
        let addr = factory();
        restarts.observed.add(&name, addr.downgrade().recipient());
        let current = Mutex::new(Current::new(addr, now, 0));
        Self { name, factory, restarts, current }
    }

    /// The address of a living actor, started anew if need be.
    ///
    /// # Errors
    /// [`Down`] while a crash loop makes the next restart wait.
    pub fn addr(&self, now: Instant) -> Result<Addr<A>, Down> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let is_alive = current.addr.connected();
        if is_alive && !current.is_worn_out {
            return Ok(current.addr.clone());
        }
        let lived = now.saturating_duration_since(current.started);
        let in_a_row = if lived >= STABLE_AFTER { 0 } else { current.in_a_row };
        let until = current.started + delay(in_a_row);
        if now < until {
            // What made one of its answers panic may well be that one request.
            return if is_alive { Ok(current.addr.clone()) } else { Err(Down { until }) };
        }
        let in_a_row = in_a_row.saturating_add(1);
        self.restarts.note(&self.name, Restart { at: now, in_a_row });
        tracing::error!(actor = &*self.name, in_a_row, "actor started again");
        let addr = (self.factory)();
        self.restarts.observed.add(&self.name, addr.downgrade().recipient());
        *current = Current::new(addr, now, in_a_row);
        Ok(current.addr.clone())
    }

    /// Whatever this actor owns may be broken: the next [`addr`](Self::addr) is another one's, as
    /// soon as it may be started. Until then the old one goes on, and so does what it has begun.
    pub fn replace(&self, actor: &Addr<A>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.addr == *actor {
            current.is_worn_out = true;
        }
    }
}

impl<A: Actor> Current<A> {
    fn new(addr: Addr<A>, started: Instant, in_a_row: u32) -> Self {
        Self { addr, started, in_a_row, is_worn_out: false }
    }
}

/// How long an actor must have lived before it is started again after `in_a_row` quick ends.
fn delay(in_a_row: u32) -> Duration {
    match in_a_row {
        0 => Duration::ZERO,
        n => FIRST_DELAY.saturating_mul(1 << (n - 1).min(16)).min(LONGEST_DELAY),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use actix::Message;

    use super::*;
    use crate::clock;

    struct Fragile;

    impl Actor for Fragile {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Break;

    impl Handler<Break> for Fragile {
        type Result = ();

        fn handle(&mut self, Break: Break, _: &mut Self::Context) {
            panic!("asked to break");
        }
    }

    impl Handler<Observe> for Fragile {
        type Result = ();

        fn handle(&mut self, observe: Observe, _: &mut Self::Context) {
            observe.answer();
        }
    }

    fn respawning(
        restarts: &Arc<Restarts>,
        now: Instant,
    ) -> Rc<SupervisedAddr<Fragile, impl Fn() -> Addr<Fragile>>> {
        let factory = || Fragile.start();
        Rc::new(SupervisedAddr::new("fragile".into(), Arc::clone(restarts), now, factory))
    }

    #[test]
    fn restarts_in_a_row_wait_longer_and_longer_but_never_for_ever() {
        assert_eq!(delay(0), Duration::ZERO);
        assert_eq!(delay(1), FIRST_DELAY);
        assert_eq!(delay(2), FIRST_DELAY * 2);
        assert_eq!(delay(u32::MAX), LONGEST_DELAY);
    }

    #[actix_rt::test]
    async fn an_actor_that_panicked_is_started_again_at_once_the_first_time() {
        let restarts = Arc::new(Restarts::default());
        let now = clock::now();
        let actor = respawning(&restarts, now);
        actor.addr(now).expect("it lives").send(Break).await.expect_err("it dies over it");
        assert!(actor.addr(now).expect("it is back").connected());
        assert_eq!(restarts.count(), 1);
    }

    #[actix_rt::test]
    async fn a_worn_out_actor_goes_on_until_the_next_one_may_be_started() {
        let restarts = Arc::new(Restarts::default());
        let now = clock::now();
        let actor = respawning(&restarts, now);
        let first = actor.addr(now).expect("it lives");
        actor.replace(&first);
        let second = actor.addr(now).expect("the first restart is immediate");
        assert!(second != first && first.connected());
        actor.replace(&first);
        assert!(actor.addr(now) == Ok(second.clone()), "the one that is there is another");
        actor.replace(&second);
        assert!(actor.addr(now) == Ok(second.clone()), "it is too early for the next one");
        assert!(actor.addr(now + FIRST_DELAY).expect("it lives") != second);
        assert_eq!(restarts.count(), 2);
    }

    #[actix_rt::test]
    async fn in_a_crash_loop_the_next_restart_waits() {
        let restarts = Arc::new(Restarts::default());
        let now = clock::now();
        let actor = respawning(&restarts, now);
        for _ in 0..2 {
            let addr = actor.addr(now).expect("it lives");
            addr.send(Break).await.expect_err("it dies over it");
            if restarts.count() == 0 {
                actor.addr(now).expect("the first restart is immediate");
            }
        }
        let down = actor.addr(now).expect_err("it waits");
        assert_eq!(down.until, now + FIRST_DELAY);
        assert!(actor.addr(down.until).is_ok());
        assert_eq!(restarts.count(), 2);
    }

    #[test]
    fn two_restarts_in_a_row_are_a_crash_loop_until_it_has_lived_long_enough() {
        let restarts = Restarts::default();
        let (name, now): (Arc<str>, _) = ("source crm".into(), clock::now());
        restarts.note(&name, Restart { at: now, in_a_row: 1 });
        assert_eq!(restarts.crash_loops(now), []);
        restarts.note(&name, Restart { at: now, in_a_row: 2 });
        // Its namesake in another worker had only one.
        restarts.note(&name, Restart { at: now, in_a_row: 1 });
        assert_eq!(restarts.crash_loops(now), [(Arc::clone(&name), 2)]);
        assert_eq!(restarts.crash_loops(now + STABLE_AFTER), []);
        restarts.note(&name, Restart { at: now + STABLE_AFTER, in_a_row: 1 });
        assert_eq!(restarts.crash_loops(now + STABLE_AFTER), []);
        assert_eq!(restarts.count(), 4);
    }

    #[actix_rt::test]
    async fn an_actor_that_lived_long_starts_with_a_clean_slate() {
        let restarts = Arc::new(Restarts::default());
        let start = clock::now();
        let actor = respawning(&restarts, start);
        let mut now = start;
        for _ in 0..3 {
            actor.addr(now).expect("it lives").send(Break).await.expect_err("it dies over it");
            now += STABLE_AFTER;
            assert!(actor.addr(now).is_ok(), "no delay after a long life");
        }
    }
}
