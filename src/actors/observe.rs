//! Whether the actors answer: each is asked now and then, in its mailbox, as its other askers ask it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix::{Message, Recipient, WeakRecipient};

/// The time between two questions.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// An actor that has not answered for so long is stuck, or its thread is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Say that you are there.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Observe(Arc<AtomicBool>);

impl Observe {
    /// The actor is there.
    pub fn answer(self) {
        self.0.store(true, Ordering::Relaxed);
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
}

#[derive(Debug)]
struct Question {
    at: Instant,
    answered: Arc<AtomicBool>,
}

impl Observed {
    /// Another actor is there.
    pub fn add(&self, name: &Arc<str>, actor: WeakRecipient<Observe>) {
        self.lock().push(One { name: Arc::clone(name), actor, asked: None });
    }

    /// Asks each actor that owes no answer, and forgets those that are gone.
    pub fn ask(&self, now: Instant) {
        self.lock().retain_mut(|one| {
            let Some(actor) = living(&one.actor) else { return false };
            if !one.owes_an_answer() {
                let answered = Arc::<AtomicBool>::default();
                actix_rt::spawn(actor.send(Observe(Arc::clone(&answered))));
                one.asked = Some(Question { at: now, answered });
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

    fn lock(&self) -> MutexGuard<'_, Vec<One>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl One {
    fn owes_an_answer(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| !asked.answered.load(Ordering::Relaxed))
    }

    fn is_silent(&self, now: Instant) -> bool {
        let asked = self.asked.as_ref().filter(|_| self.owes_an_answer());
        asked.is_some_and(|asked| now.saturating_duration_since(asked.at) >= PATIENCE)
    }
}

fn living(actor: &WeakRecipient<Observe>) -> Option<Recipient<Observe>> {
    actor.upgrade().filter(Recipient::connected)
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler};

    use super::*;
    use crate::clock;

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
        actor.send(Observe(Arc::default())).await.expect("it lives");
        assert_eq!(observed.unanswered(now + PATIENCE), []);
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
