//! The places of those who follow the service live. There are so many, and the newest have them:
//! whoever comes when all are taken gets that of the one who has had it longest. Nothing tells a
//! viewer that reads from one that does not: much fits between the two ends of a connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How many may follow the service live at a time.
pub(super) const MOST_VIEWERS: usize = 16;

/// Room for [`MOST_VIEWERS`].
#[derive(Default)]
pub struct Viewers {
    /// The one who came first is in front.
    seated: Mutex<VecDeque<Arc<Notify>>>,
}

/// A viewer's place, given back when dropped.
pub(super) struct Place {
    viewers: Arc<Viewers>,
    given_away: Arc<Notify>,
}

impl Viewers {
    /// A place in any case.
    pub(super) fn enter(self: &Arc<Self>) -> Place {
        let given_away = Arc::new(Notify::new());
        let mut seated = self.seated();
        if seated.len() >= MOST_VIEWERS
            && let Some(oldest) = seated.pop_front()
        {
            oldest.notify_one();
        }
        seated.push_back(Arc::clone(&given_away));
        Place { viewers: Arc::clone(self), given_away }
    }

    fn seated(&self) -> MutexGuard<'_, VecDeque<Arc<Notify>>> {
        // Nothing panics while it holds the lock: a poisoned one is still sound.
        self.seated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Resolves once another viewer has the place.
    pub(super) async fn given_away(&self) {
        self.given_away.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.viewers.seated().retain(|one| !Arc::ptr_eq(one, &self.given_away));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn is_given_away(place: &Place) -> bool {
        place.given_away().now_or_never().is_some()
    }

    #[test]
    fn the_newest_have_the_places_and_one_that_leaves_makes_room() {
        let viewers = Arc::<Viewers>::default();
        let mut places: Vec<Place> = (0..MOST_VIEWERS).map(|_| viewers.enter()).collect();
        assert!(!places.iter().any(is_given_away));
        places.push(viewers.enter());
        let left: Vec<bool> = places.iter().map(is_given_away).collect();
        assert_eq!(left.iter().position(|left| *left), Some(0));
        assert_eq!(left.iter().filter(|left| **left).count(), 1);

        drop(places.pop());
        places.push(viewers.enter());
        assert!(!places.iter().any(is_given_away), "there was room");
        drop(places);
        assert!(viewers.seated().is_empty());
    }
}
