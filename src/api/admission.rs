//! The door: how many requests may be under way at a time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// How many requests may be under way at a time, over all workers.
#[derive(Debug)]
pub struct Admission {
    places: Arc<Semaphore>,
    limit: usize,
}

impl Admission {
    /// A door for `limit` requests.
    pub fn new(limit: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(limit)), limit }
    }

    /// A place, given back when dropped.
    ///
    /// # Errors
    /// 503 at once when there is none: waiting here would only use up the deadline.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| Problem::overloaded(self.limit))
    }
}
