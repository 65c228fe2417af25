//! The last requests and where their time went, kept in memory for the waterfall.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::observer::Observer;
use crate::domain::record::RequestRecord;

/// How many requests are kept.
const KEPT: usize = 200;

/// The last requests that asked their sources. Those that were refused before are left out: a
/// flood of them must not wash away what an operator looks for.
#[derive(Debug, Default)]
pub struct Recent {
    requests: Mutex<VecDeque<Arc<RequestRecord>>>,
}

impl Recent {
    /// The request of this id, if it is among the last ones.
    pub fn find(&self, request_id: &str) -> Option<Arc<RequestRecord>> {
        self.lock().iter().rev().find(|record| record.request_id == request_id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<RequestRecord>>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recent {
    fn answered(&self, record: &Arc<RequestRecord>) {
        if record.sources.is_empty() {
            return;
        }
        let mut requests = self.lock();
        let oldest = if requests.len() == KEPT { requests.pop_front() } else { None };
        requests.push_back(Arc::clone(record));
        drop(requests);
        // Freed outside of the lock.
        drop(oldest);
    }
}
