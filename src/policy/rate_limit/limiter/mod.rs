//! The rate limit of one source: permits in order of arrival, refused at once if too late.
//!
//! Each key has a [`Bucket`] of its own; a source without keys has one. It is the bucket that counts
//! and makes wait; here is which of them a call belongs to, and that there never are too many.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::bucket::Bucket;
use super::hold::Hold;
use crate::clock;
use crate::policy::lock::lock;
use crate::policy::rate_limit::rate_limit_spec::RateLimitSpec;

/// Buckets that nobody needs any more are looked for whenever there are this many more.
const MANY_BUCKETS: usize = 10_000;
/// The most buckets of one source: some 50 MB. Above that, those that were used the longest ago are
/// forgotten, as in other limiters with room for so many keys only.
const MOST_BUCKETS: usize = 100_000;
/// How many are left then, so that it is not done again for the next key.
const BUCKETS_LEFT: usize = MOST_BUCKETS - MANY_BUCKETS;

/// The rate limit of one source, shared by all workers; one bucket per key.
#[derive(Debug)]
pub struct Limiter {
    source: String,
    spec: Option<RateLimitSpec>,
    unkeyed: Arc<Bucket>,
    keyed: Mutex<Buckets>,
    /// Makes a key's hash, which stands for it: a key may be long, and a secret. Nobody outside can
    /// find two keys with the same hash; that two of 100,000 have it by chance is less likely than
    /// one in a billion, and then they share a limit.
    hasher: RandomState,
}

/// The buckets by their keys' hashes.
#[derive(Debug)]
struct Buckets {
    by_hash: HashMap<u64, Arc<Bucket>>,
    /// Nobody's buckets are looked for once there are so many.
    next_cleaning: usize,
}

impl Limiter {
    /// A limiter that obeys `spec`; without one it obeys only the upstream's own word. `source` is
    /// for the log.
    pub fn new(source: &str, spec: Option<RateLimitSpec>) -> Self {
        let unkeyed = Arc::new(Bucket::new(spec.as_ref()));
        let buckets = Buckets { by_hash: HashMap::new(), next_cleaning: MANY_BUCKETS };
        let (keyed, hasher) = (Mutex::new(buckets), RandomState::new());
        Self { source: source.to_owned(), spec, unkeyed, keyed, hasher }
    }

    /// The bucket of `key`; without a key, the bucket of the whole source. It stays that key's as
    /// long as somebody holds it.
    pub fn bucket(&self, key: Option<&str>) -> Arc<Bucket> {
        let Some(key) = key else { return Arc::clone(&self.unkeyed) };
        let hash = self.hasher.hash_one(key);
        let mut buckets = lock(&self.keyed);
        if let Some(bucket) = buckets.by_hash.get(&hash) {
            return Arc::clone(bucket);
        }
        if buckets.by_hash.len() >= buckets.next_cleaning {
            let forgotten = buckets.clean(clock::now());
            if forgotten > 0 {
                let (source, keys) = (&self.source, buckets.by_hash.len());
                tracing::warn!(
                    source,
                    forgotten,
                    keys,
                    "too many keys have a rate limit: those unused the longest begin anew"
                );
            }
        }
        let bucket = Arc::new(Bucket::new(self.spec.as_ref()));
        buckets.by_hash.insert(hash, Arc::clone(&bucket));
        bucket
    }

    /// The state of all buckets together.
    pub fn snapshot(&self, now: Instant) -> LimiterSnapshot {
        let keyed = self.keyed_now();
        let mut snapshot = LimiterSnapshot { keys: keyed.len(), ..LimiterSnapshot::default() };
        let unkeyed = Some(Arc::clone(&self.unkeyed));
        for bucket in keyed.iter().map(Weak::upgrade).chain([unkeyed]).flatten() {
            let (waiting, held_for) = bucket.snapshot(now);
            snapshot.waiting += waiting;
            snapshot.held_for = snapshot.held_for.max(held_for);
        }
        snapshot
    }

    /// Forgets what the upstream has said so far.
    pub fn end_holds(&self) {
        let unkeyed = Arc::clone(&self.unkeyed);
        for bucket in self.keyed_now().iter().filter_map(Weak::upgrade).chain([unkeyed]) {
            bucket.heed(|hold| *hold = Hold::default());
        }
    }

    /// The buckets of all keys, to be looked at without the lock. They are not held: one that is
    /// looked at only can be forgotten.
    fn keyed_now(&self) -> Vec<Weak<Bucket>> {
        lock(&self.keyed).by_hash.values().map(Arc::downgrade).collect()
    }
}

impl Buckets {
    /// Forgets the buckets of which nothing is worth keeping, and if there still are too many, those
    /// that were used the longest ago. Says how many these were. One that is in use stays: its key
    /// would have two.
    fn clean(&mut self, now: Instant) -> usize {
        let is_held = |bucket: &Arc<Bucket>| Arc::strong_count(bucket) > 1;
        self.by_hash.retain(|_, bucket| is_held(bucket) || !bucket.is_at_rest(now));
        let surplus = self.by_hash.len().saturating_sub(BUCKETS_LEFT);
        let mut oldest: Vec<_> = self
            .by_hash
            .iter()
            .filter(|(_, bucket)| surplus > 0 && !is_held(bucket))
            .map(|(hash, bucket)| (bucket.last_used(), *hash))
            .collect();
        oldest.sort_unstable();
        oldest.truncate(surplus);
        for (_, hash) in &oldest {
            self.by_hash.remove(hash);
        }
        self.next_cleaning = self.by_hash.len() + MANY_BUCKETS;
        oldest.len()
    }
}

/// The state of a source's rate limit at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimiterSnapshot {
    /// How many calls wait for a permit.
    pub waiting: u32,
    /// For how long the upstream's own word still holds calls back, and which of its headers said it;
    /// the longest of all keys.
    pub held_for: Option<(Duration, &'static str)>,
    /// How many keys have a limit of their own at present.
    pub keys: usize,
}

#[cfg(test)]
mod tests;
