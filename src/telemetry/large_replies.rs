//! A warning for replies that are larger than Genesys Cloud advises.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::id::Id;
use crate::model::record::observer::Observer;
use crate::model::record::request_record::RequestRecord;

/// A reply above this (256 KiB) is larger than Genesys Cloud advises.
pub(super) const LARGE_REPLY: usize = 256 * 1024;
/// An action is not warned of again for so long.
const QUIET: Duration = Duration::from_mins(1);

/// Warns of large replies, once a minute and action: data that grew does so for every request.
#[derive(Debug, Default)]
pub struct LargeReplies {
    warned: Mutex<HashMap<Id, Instant>>,
}

impl LargeReplies {
    /// Whether it is time to warn of this action, which is noted.
    fn is_due(&self, action: &Id, now: Instant) -> bool {
        // Nothing panics while it holds the lock: a poisoned one is still sound.
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.get(action).is_some_and(|last| now.saturating_duration_since(*last) < QUIET) {
            return false;
        }
        warned.insert(action.clone(), now);
        true
    }
}

impl Observer for LargeReplies {
    fn answered(&self, record: &Arc<RequestRecord>) {
        let Some(action) = record.action.as_ref().filter(|_| record.reply_bytes > LARGE_REPLY)
        else {
            return;
        };
        if self.is_due(action, record.started + record.latency) {
            tracing::warn!(
                request_id = record.request_id,
                action = action.as_str(),
                bytes = record.reply_bytes,
                limit = LARGE_REPLY,
                "a reply is larger than Genesys Cloud advises"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::test_clock::{ms, s, start};

    #[test]
    fn each_action_is_warned_of_once_a_minute() {
        let (warnings, now) = (LargeReplies::default(), start());
        let [card, profile] = ["card", "profile"].map(|id| Id::try_new(id).expect("an id"));
        assert!(warnings.is_due(&card, now));
        assert!(!warnings.is_due(&card, now + ms(59_999)));
        assert!(warnings.is_due(&profile, now + s(1)));
        assert!(warnings.is_due(&card, now + s(60)));
        // A request that ended before the one that was warned of.
        assert!(!warnings.is_due(&card, now));
    }
}
