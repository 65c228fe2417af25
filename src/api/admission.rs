//! Admission control: how many requests may be under way at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::problem::Problem;

/// How many requests may be under way at a time, over all workers.
#[derive(Debug)]
pub struct Admission {
    under_way: Arc<AtomicUsize>,
    limit: usize,
}

/// The leave to be one of the requests under way, given back when dropped.
#[derive(Debug)]
pub struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// `limit` requests, none of which is under way yet.
    pub fn new(limit: usize) -> Self {
        Self { under_way: Arc::default(), limit }
    }

    /// The same with another limit: requests that are under way stay so and count.
    #[must_use]
    pub fn with_limit(&self, limit: usize) -> Self {
        Self { under_way: Arc::clone(&self.under_way), limit }
    }

    /// A permit, if there is one.
    ///
    /// # Errors
    /// 503 at once when there is none: waiting here would only use up the deadline.
    pub fn acquire(&self) -> Result<Permit, Problem> {
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(Arc::clone(&self.under_way));
        if before < self.limit { Ok(permit) } else { Err(Problem::overloaded(self.limit)) }
    }
}
