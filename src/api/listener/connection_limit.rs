//! How many connections of callers there may be, and which one goes when there are too many.
//!
//! A connection is *idle* while its caller asks nothing: before its first byte, and between two
//! requests. When one more comes than there may be, the one that has been idle longest ends, so
//! that callers who rest keep nobody out; one that was answered before one that has not asked yet,
//! whose request is most likely on its way. While none is idle, one more for each worker is served
//! all the same and the rest wait to be accepted; each reply is then the last one on its
//! connection.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock;
use crate::model::time::log_throttle::LogThrottle;

/// That connections are closed to make room is told once in so long.
const QUIET: Duration = Duration::from_mins(1);

/// How many connections there may be on one listener, over all its workers.
#[derive(Debug)]
pub struct ConnectionLimit {
    listener: &'static str,
    workers: usize,
    most: AtomicUsize,
    told: LogThrottle,
}

impl ConnectionLimit {
    /// A limit of `most` connections, divided among so many workers and rounded up.
    pub fn new(listener: &'static str, most: usize, workers: usize) -> Self {
        let told = LogThrottle::new(QUIET);
        Self { listener, workers, most: AtomicUsize::new(most), told }
    }

    /// Replaces the limit. Connections above it end as soon as they are idle and another one comes.
    pub fn set(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// How many of them each worker may have.
    pub fn per_worker(&self) -> usize {
        self.most.load(Ordering::Relaxed).div_ceil(self.workers).max(1)
    }

    fn tell_of_closing(&self) {
        if self.told.is_due(clock::now()) {
            tracing::warn!(
                listener = self.listener,
                connections = self.most.load(Ordering::Relaxed),
                "there are as many connections as there may be: idle ones are closed to let others in"
            );
        }
    }
}

/// The connections that one worker has on one listener. Clones are the same.
#[derive(Debug, Clone)]
pub struct WorkerConnections(Rc<Worker>);

#[derive(Debug)]
struct Worker {
    limit: Arc<ConnectionLimit>,
    open: Cell<usize>,
    /// Those that have been told to end and are still open.
    ending: Cell<usize>,
    /// The idle ones, in the order in which they make room.
    idle: RefCell<BTreeMap<IdlePlace, Rc<Ending>>>,
    /// How often one became idle so far.
    times_idle: Cell<u64>,
}

/// A place among the idle connections: those that were answered are before the new ones, and those
/// that are idle longer before the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct IdlePlace(IdleAfter, u64);

/// What an idle connection did last. The first variant makes room first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum IdleAfter {
    Reply,
    Accept,
}

/// How an idle connection is told to end.
#[derive(Debug, Default)]
struct Ending {
    told: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl WorkerConnections {
    /// No connections yet.
    pub fn new(limit: Arc<ConnectionLimit>) -> Self {
        Self(Rc::new(Worker {
            limit,
            open: Cell::default(),
            ending: Cell::default(),
            idle: RefCell::default(),
            times_idle: Cell::default(),
        }))
    }

    /// One more connection, which is idle at first. The longest idle one makes room if need be.
    pub fn admit(&self) -> Admitted {
        let worker = Rc::clone(&self.0);
        worker.open.set(worker.open.get() + 1);
        worker.make_room();
        let admitted = Admitted { worker, idle_as: Cell::default(), ending: Rc::default() };
        // Not to make room for itself.
        admitted.joins_the_idle(IdleAfter::Accept);
        admitted
    }
}

impl Worker {
    /// Whether there are more than there may be, those that are about to end left out.
    fn is_over(&self) -> bool {
        self.open.get() - self.ending.get() > self.limit.per_worker()
    }

    /// Tells idle ones to end until there are few enough. Nobody else would: one more connection
    /// than there may be is the last one to be accepted.
    fn make_room(&self) {
        while self.is_over() {
            let Some((_, first)) = self.idle.borrow_mut().pop_first() else { return };
            self.limit.tell_of_closing();
            self.ending.set(self.ending.get() + 1);
            first.told.set(true);
            if let Some(waker) = first.waker.take() {
                waker.wake();
            }
        }
    }
}

/// One connection, from its acceptance until this is dropped.
#[derive(Debug)]
pub struct Admitted {
    worker: Rc<Worker>,
    /// Its place among the idle ones, if it is one of them.
    idle_as: Cell<Option<IdlePlace>>,
    ending: Rc<Ending>,
}

impl Admitted {
    /// The caller asks nothing at present.
    pub fn becomes_idle(&self) {
        if self.idle_as.get().is_none() && !self.ending.told.get() {
            self.joins_the_idle(IdleAfter::Reply);
            self.worker.make_room();
        }
    }

    fn joins_the_idle(&self, idle: IdleAfter) {
        let since = self.worker.times_idle.get();
        self.worker.times_idle.set(since + 1);
        let place = IdlePlace(idle, since);
        self.worker.idle.borrow_mut().insert(place, Rc::clone(&self.ending));
        self.idle_as.set(Some(place));
    }

    /// The caller asks something, or takes a reply. If the connection was told to end and has not
    /// done so, it need not any more.
    pub fn becomes_busy(&self) {
        if self.leaves_the_idle() {
            self.worker.make_room();
        }
    }

    /// Says whether it had been told to end.
    fn leaves_the_idle(&self) -> bool {
        if let Some(place) = self.idle_as.take() {
            self.worker.idle.borrow_mut().remove(&place);
        }
        let was_told = self.ending.told.replace(false);
        self.worker.ending.set(self.worker.ending.get() - usize::from(was_told));
        was_told
    }

    /// Whether its worker has more connections than it may: the next reply should be the last one.
    pub fn is_one_too_many(&self) -> bool {
        self.worker.is_over()
    }

    /// Whether it has to end now; if not, the task is woken when it has to.
    pub fn has_to_end(&self, cx: &Context<'_>) -> bool {
        if self.ending.told.get() {
            return true;
        }
        match &mut *self.ending.waker.borrow_mut() {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        false
    }

    /// Resolves when it has to end.
    pub async fn ends(&self) {
        poll_fn(|cx| if self.has_to_end(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.leaves_the_idle();
        self.worker.open.set(self.worker.open.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    fn worker(most: usize) -> (Arc<ConnectionLimit>, WorkerConnections) {
        let limit = Arc::new(ConnectionLimit::new("public", most, 1));
        (Arc::clone(&limit), WorkerConnections::new(limit))
    }

    fn has_to_end(connection: &Admitted) -> bool {
        connection.ends().now_or_never().is_some()
    }

    #[test]
    fn the_one_that_has_been_idle_longest_makes_room() {
        let (_, worker) = worker(3);
        let three = [(); 3].map(|()| worker.admit());
        // The second has asked last of those that rest: it is the youngest of them.
        for asks in [&three[2], &three[1]] {
            asks.becomes_busy();
            asks.becomes_idle();
        }
        three[0].becomes_busy();
        assert!(!three.iter().any(has_to_end), "there is room for three");
        let _fourth = worker.admit();
        assert_eq!(three.each_ref().map(has_to_end), [false, false, true]);
        let [first, second, third] = three;
        drop(third);
        assert!(!has_to_end(&first) && !has_to_end(&second), "one was enough");
    }

    #[test]
    fn of_a_burst_nobody_ends_before_it_has_asked_while_others_rest() {
        let (_, worker) = worker(4);
        let burst = [(); 2].map(|()| worker.admit());
        let resting = [(); 2].map(|()| worker.admit());
        for one in &resting {
            one.becomes_busy();
            one.becomes_idle();
        }
        let more = [(); 2].map(|()| worker.admit());
        assert!(resting.iter().all(has_to_end));
        assert!(!burst.iter().chain(&more).any(has_to_end));
        // While nobody else rests, the first of those that are silent goes.
        let last = worker.admit();
        assert_eq!(burst.each_ref().map(has_to_end), [true, false]);
        assert!(!more.iter().any(has_to_end) && !has_to_end(&last));
    }

    #[test]
    fn while_all_are_busy_nobody_ends_and_replies_are_the_last_ones() {
        let (_, worker) = worker(2);
        let two = [(); 2].map(|()| worker.admit());
        two.iter().for_each(Admitted::becomes_busy);
        assert!(!two[0].is_one_too_many());
        let third = worker.admit();
        assert!(![&two[0], &two[1], &third].map(has_to_end).contains(&true));
        assert!(two[0].is_one_too_many());
        drop(third);
        assert!(!two[0].is_one_too_many());
    }

    #[test]
    fn one_that_asks_before_it_has_ended_stays() {
        let (_, worker) = worker(1);
        let first = worker.admit();
        let second = worker.admit();
        assert!(has_to_end(&first));
        first.becomes_busy();
        assert!(!has_to_end(&first));
        assert!(has_to_end(&second), "it makes room instead");
        second.becomes_busy();
        assert!(!has_to_end(&first) && !has_to_end(&second));
        assert!(first.is_one_too_many(), "its reply will be the last one");
    }

    #[test]
    fn one_that_becomes_idle_while_there_are_too_many_ends() {
        let (_, worker) = worker(1);
        let (first, second) = (worker.admit(), worker.admit());
        first.becomes_busy();
        second.becomes_busy();
        // Its reply was ready before the second one came.
        first.becomes_idle();
        assert!(has_to_end(&first) && !has_to_end(&second));
    }

    #[test]
    fn a_lower_limit_holds_for_those_that_are_there() {
        let (limit, worker) = worker(4);
        let four = [(); 4].map(|()| worker.admit());
        limit.set(2);
        let _fifth = worker.admit();
        assert_eq!(four.each_ref().map(has_to_end), [true, true, true, false]);
    }

    #[test]
    fn every_worker_has_its_part_and_at_least_one() {
        for (most, workers, part) in [(10, 4, 3), (1, 4, 1), (0, 2, 1), (8, 4, 2)] {
            assert_eq!(ConnectionLimit::new("public", most, workers).per_worker(), part);
        }
    }

    proptest! {
        #[test]
        fn the_counts_stay_right_whatever_callers_do(
            steps in prop::collection::vec((0_u8..4, 0_usize..8), 0..200),
        ) {
            let (limit, worker) = worker(3);
            let mut open = Vec::<Admitted>::new();
            for (what, which) in steps {
                match (what, open.len()) {
                    (0, 0..=3) | (_, 0) => open.push(worker.admit()),
                    (0, _) => {}
                    (1, len) => open[which % len].becomes_busy(),
                    (2, len) => open[which % len].becomes_idle(),
                    (_, len) => drop(open.swap_remove(which % len)),
                }
                let told = open.iter().filter(|it| it.ending.told.get()).count();
                let idle = open.iter().filter(|it| it.idle_as.get().is_some() && !it.ending.told.get());
                prop_assert_eq!(worker.0.open.get(), open.len());
                prop_assert_eq!(worker.0.ending.get(), told);
                let idle = idle.count();
                prop_assert_eq!(worker.0.idle.borrow().len(), idle);
                let is_full = open.len() - told > limit.per_worker();
                prop_assert_eq!(open.first().is_some_and(Admitted::is_one_too_many), is_full);
                prop_assert!(!is_full || idle <= 1, "at most the one that came last is left idle");
            }
        }
    }
}
