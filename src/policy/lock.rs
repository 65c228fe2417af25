//! A lock that is held for a moment, never across an await.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks it. A panic while it was held leaves plain numbers behind: they are still good.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
