//! Holds back the refusals of unknown keys when there are many, so that keys cannot be tried fast.
//!
//! ```text
//! at most FREE in WINDOW     answered at once
//! more                       answered after DELAY, at most MOST_WAITING at a time
//! more than wait already     answered at once: no caller may fill the memory
//! ```
//!
//! Only refusals are counted and wait, never a request with a known key.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::api::draining::Draining;
use crate::api::problem::Problem;
use crate::clock;
use crate::model::time::sliding_window::SlidingWindow;

/// So many refusals in [`WINDOW`] are nothing special: a caller whose key was replaced, say.
const FREE: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);
const BUCKETS: u32 = 10;
const DELAY: Duration = Duration::from_secs(1);
const MOST_WAITING: usize = 100;

/// The refusals of one port, over all its workers.
pub struct AuthFailures {
    port: &'static str,
    recent: Mutex<Recent>,
    places: Semaphore,
    draining: Arc<Draining>,
}

struct Recent {
    counts: SlidingWindow<u32>,
    /// Whether the log has it that there are many.
    is_told: bool,
}

impl AuthFailures {
    /// No refusal yet on this port. Those that wait are answered when `draining` begins.
    pub fn new(port: &'static str, draining: Arc<Draining>) -> Self {
        let counts = SlidingWindow::new(WINDOW / BUCKETS, BUCKETS as usize);
        Self {
            port,
            recent: Mutex::new(Recent { counts, is_told: false }),
            places: Semaphore::new(MOST_WAITING),
            draining,
        }
    }

    /// Gives the refusal back, later if it is that of an unknown key and there were many.
    pub async fn hold_back(&self, refusal: Problem) -> Problem {
        if refusal.is_unauthorized()
            && self.are_many()
            && let Ok(_place) = self.places.try_acquire()
        {
            clock::until(clock::now() + DELAY, self.draining.begun()).await;
        }
        refusal
    }

    /// Counts one more, and says whether they are many by now.
    fn are_many(&self) -> bool {
        let now = clock::now();
        // Nothing panics while it holds the lock: a poisoned one is still sound.
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        *recent.counts.current(now) += 1;
        let count = recent.counts.buckets(now).fold(0, u32::saturating_add);
        let many = count > FREE;
        if many && !recent.is_told {
            let port = self.port;
            tracing::warn!(port, "many requests without a known key: their refusals are delayed");
        }
        recent.is_told = many;
        many
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    fn failures() -> (AuthFailures, Arc<Draining>) {
        let draining = Arc::<Draining>::default();
        (AuthFailures::new("test", Arc::clone(&draining)), draining)
    }

    /// How long a refusal was held back.
    async fn held_back(failures: &AuthFailures, refusal: Problem) -> Duration {
        let began = clock::now();
        failures.hold_back(refusal).await;
        clock::now() - began
    }

    async fn spend_the_free_ones(failures: &AuthFailures) {
        for _ in 0..FREE {
            assert_eq!(held_back(failures, Problem::unauthorized()).await, Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_many_refusals_of_unknown_keys_further_ones_wait_until_it_is_quiet_again() {
        let (failures, _) = failures();
        spend_the_free_ones(&failures).await;
        assert_eq!(held_back(&failures, Problem::unauthorized()).await, DELAY);
        assert_eq!(held_back(&failures, Problem::two_credentials()).await, Duration::ZERO);
        assert_eq!(held_back(&failures, Problem::unauthorized()).await, DELAY);
        clock::sleep_until(clock::now() + WINDOW).await;
        assert_eq!(held_back(&failures, Problem::unauthorized()).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_wait_at_a_time() {
        let (failures, _) = failures();
        spend_the_free_ones(&failures).await;
        let all = (0..MOST_WAITING + 7).map(|_| held_back(&failures, Problem::unauthorized()));
        let waited = join_all(all).await.into_iter().filter(|time| *time == DELAY).count();
        assert_eq!(waited, MOST_WAITING);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_no_refusal() {
        let (failures, draining) = failures();
        spend_the_free_ones(&failures).await;
        let (waited, ()) = tokio::join!(held_back(&failures, Problem::unauthorized()), async {
            tokio::task::yield_now().await;
            draining.begin();
        });
        assert_eq!(waited, Duration::ZERO);
        assert_eq!(held_back(&failures, Problem::unauthorized()).await, Duration::ZERO);
    }
}
