//! The door: how many requests may be under way at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::problem::Problem;

/// How many requests may be under way at a time, over all workers.
#[derive(Debug)]
pub struct Admission {
    under_way: Arc<AtomicUsize>,
    limit: usize,
}

/// A place among the requests under way, given back when dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// A door for `limit` requests.
    pub fn new(limit: usize) -> Self {
        Self { under_way: Arc::default(), limit }
    }

    /// The same door with another limit: those who are in stay in and count.
    #[must_use]
    pub fn with_limit(&self, limit: usize) -> Self {
        Self { under_way: Arc::clone(&self.under_way), limit }
    }

    /// A place, if there is one.
    ///
    /// # Errors
    /// 503 at once when there is none: waiting here would only use up the deadline.
    pub fn enter(&self) -> Result<Place, Problem> {
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.under_way));
        if before < self.limit { Ok(place) } else { Err(Problem::overloaded(self.limit)) }
    }
}
