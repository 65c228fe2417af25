//! What the actors say of themselves: each is asked now and then, in its mailbox, as its other askers ask
//! it. That it answers is a sign of life; that of a source also says how long its fetches took.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix::{Message, Recipient, WeakRecipient};

use crate::model::time::latency_histogram::Counts;

/// The time between two questions.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// An actor that has not answered for so long is stuck, or its thread is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Say that you are there, and what there is to say.
#[derive(Debug, Default, Message)]
#[rtype(result = "()")]
pub struct Observe(Arc<Answer>);

/// What an actor has answered.
#[derive(Debug, Default)]
struct Answer {
    is_there: AtomicBool,
    latency: Mutex<Option<SourceLatency>>,
}

/// How long the fetches of one worker's actor of a source took.
#[derive(Debug, Clone)]
pub struct SourceLatency {
    /// Which of the sources; with the tenant, where there are tenants.
    pub source: Arc<str>,
    /// Those of the last minutes.
    pub counts: Counts,
}

impl Observe {
    /// The actor is there.
    pub fn answer(self) {
        self.0.is_there.store(true, Ordering::Relaxed);
    }

    /// The same, and its fetches took so long.
    pub fn answer_with(self, latency: SourceLatency) {
        *unpoisoned(&self.0.latency) = Some(latency);
        self.answer();
    }
}

/// The living actors of the process, and what each was asked last. It keeps none alive.
#[derive(Debug, Default)]
pub struct Observed {
    actors: Mutex<Vec<One>>,
}

#[derive(Debug)]
struct One {
    name: Arc<str>,
    actor: WeakRecipient<Observe>,
    asked: Option<Question>,
    /// What it said last.
    latency: Option<SourceLatency>,
}

#[derive(Debug)]
struct Question {
    at: Instant,
    answer: Arc<Answer>,
}

impl Observed {
    /// Another actor is there.
    pub fn add(&self, name: &Arc<str>, actor: WeakRecipient<Observe>) {
        self.lock().push(One { name: Arc::clone(name), actor, asked: None, latency: None });
    }

    /// Asks each actor that owes no answer, and forgets those that are gone.
    pub fn ask(&self, now: Instant) {
        self.lock().retain_mut(|one| {
            let Some(actor) = living(&one.actor) else { return false };
            if !one.owes_an_answer() {
                one.take_answer();
                let answer = Arc::<Answer>::default();
                actix_rt::spawn(actor.send(Observe(Arc::clone(&answer))));
                one.asked = Some(Question { at: now, answer });
            }
            true
        });
    }

    /// The actors that have owed an answer for 5 s or longer. Namesakes in several workers are there
    /// more than once.
    pub fn unanswered(&self, now: Instant) -> Vec<Arc<str>> {
        let actors = self.lock();
        let silent = actors.iter().filter(|one| one.is_silent(now) && living(&one.actor).is_some());
        silent.map(|one| Arc::clone(&one.name)).collect()
    }

    /// How long the fetches of each source took, as its actors said it a second ago at most: those of
    /// one that is stuck are as it said them last.
    pub fn latencies(&self) -> BTreeMap<Arc<str>, Counts> {
        let mut all = BTreeMap::<Arc<str>, Counts>::new();
        for one in self.lock().iter_mut().filter(|one| living(&one.actor).is_some()) {
            one.take_answer();
            if let Some(SourceLatency { source, counts }) = &one.latency {
                all.entry(Arc::clone(source)).or_default().add(counts);
            }
        }
        all
    }

    fn lock(&self) -> MutexGuard<'_, Vec<One>> {
        unpoisoned(&self.actors)
    }
}

impl One {
    fn owes_an_answer(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| !asked.answer.is_there.load(Ordering::Relaxed))
    }

    /// Keeps what it has said since.
    fn take_answer(&mut self) {
        let said = self.asked.as_ref().and_then(|asked| unpoisoned(&asked.answer.latency).take());
        self.latency = said.or_else(|| self.latency.take());
    }

    fn is_silent(&self, now: Instant) -> bool {
        let asked = self.asked.as_ref().filter(|_| self.owes_an_answer());
        asked.is_some_and(|asked| now.saturating_duration_since(asked.at) >= PATIENCE)
    }
}

/// Nobody panics who holds one of these.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn living(actor: &WeakRecipient<Observe>) -> Option<Recipient<Observe>> {
    actor.upgrade().filter(Recipient::connected)
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler};

    use super::*;
    use crate::clock;
    use crate::model::time::latency_histogram::LatencyHistogram;

    struct Idle;

    impl Actor for Idle {
        type Context = Context<Self>;
    }

    impl Handler<Observe> for Idle {
        type Result = ();

        fn handle(&mut self, observe: Observe, _: &mut Self::Context) {
            observe.answer();
        }
    }

    #[actix_rt::test]
    async fn an_actor_that_does_not_get_to_its_mailbox_for_5_s_is_told_of_until_it_does() {
        let (observed, now) = (Observed::default(), clock::now());
        let actor = Idle.start();
        observed.add(&"idle".into(), actor.downgrade().recipient());
        assert_eq!(observed.unanswered(now + PATIENCE), [], "it was asked nothing yet");
        observed.ask(now);
        observed.ask(now + INTERVAL);
        // As long as nothing here waits, it gets no turn.
        assert_eq!(observed.unanswered(now + INTERVAL), []);
        assert_eq!(observed.unanswered(now + PATIENCE), ["idle".into()]);
        actor.send(Observe::default()).await.expect("it lives");
        assert_eq!(observed.unanswered(now + PATIENCE), []);
    }

    /// An actor of a source.
    struct Source(LatencyHistogram);

    impl Actor for Source {
        type Context = Context<Self>;
    }

    impl Handler<Observe> for Source {
        type Result = ();

        fn handle(&mut self, observe: Observe, _: &mut Self::Context) {
            let counts = self.0.counts(clock::now());
            observe.answer_with(SourceLatency { source: "crm".into(), counts });
        }
    }

    #[actix_rt::test]
    async fn what_the_actors_of_a_source_say_is_added_and_kept_until_they_are_gone() {
        let (observed, now) = (Observed::default(), clock::now());
        let actors: Vec<_> = [1, 2]
            .into_iter()
            .map(|times| {
                let mut histogram = LatencyHistogram::new(now);
                (0..times).for_each(|_| histogram.record(Duration::from_millis(3), now));
                Source(histogram).start()
            })
            .collect();
        let total = || observed.latencies().get("crm").map_or(0, Counts::total);
        for actor in &actors {
            observed.add(&"source crm".into(), actor.downgrade().recipient());
        }
        assert_eq!(total(), 0);
        observed.ask(now);
        while total() < 3 {
            tokio::task::yield_now().await;
        }
        observed.ask(now + INTERVAL);
        assert_eq!(total(), 3, "what was said before, while the next answer is not there");
        drop(actors);
        while total() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[actix_rt::test]
    async fn an_actor_that_is_gone_is_not_kept_and_not_told_of() {
        let (observed, now) = (Observed::default(), clock::now());
        let actor = Idle.start();
        observed.add(&"idle".into(), actor.downgrade().recipient());
        observed.ask(now);
        drop(actor);
        while !observed.lock().is_empty() {
            tokio::task::yield_now().await;
            observed.ask(now);
        }
        assert_eq!(observed.unanswered(now + PATIENCE), []);
    }
}
