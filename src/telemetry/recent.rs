//! The last requests and where their time went, kept in memory for the waterfall.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::record::observer::Observer;
use crate::model::record::request_record::RequestRecord;

/// How many requests are kept.
pub const KEPT: usize = 200;

/// The last requests that asked their sources. Those that were refused before are left out: a
/// flood of them must not wash away what an operator looks for.
#[derive(Debug, Default)]
pub struct Recent {
    requests: Mutex<VecDeque<Numbered>>,
}

/// A request with its place among all that were kept since the start, from 1. A caller may give
/// two requests the same id; the numbers are always different.
#[derive(Debug, Clone)]
pub struct Numbered {
    /// Its place.
    pub number: u64,
    /// The request.
    pub record: Arc<RequestRecord>,
}

impl Recent {
    /// The newest request of this id, if it is among the last ones.
    pub fn find(&self, request_id: &str) -> Option<Numbered> {
        self.lock().iter().rev().find(|kept| kept.record.request_id == request_id).cloned()
    }

    /// Those that came after the one of this number, the oldest first; 0: all that are kept.
    pub fn after(&self, number: u64) -> Vec<Numbered> {
        let requests = self.lock();
        let newer = requests.partition_point(|kept| kept.number <= number);
        requests.range(newer..).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Numbered>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recent {
    fn answered(&self, record: &Arc<RequestRecord>) {
        if record.sources.is_empty() {
            return;
        }
        let record = Arc::clone(record);
        let mut requests = self.lock();
        let number = requests.back().map_or(1, |newest| newest.number + 1);
        let oldest = if requests.len() == KEPT { requests.pop_front() } else { None };
        requests.push_back(Numbered { number, record });
        drop(requests);
        // Freed outside of the lock.
        drop(oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::request_record::SourceRecord;
    use crate::model::reply::outcome::Outcome;
    use crate::model::time::test_clock::start;

    fn add(recent: &Recent, request_id: &str) {
        let source = SourceRecord::sample("crm", Outcome::Ok, 1, Vec::new());
        let record = RequestRecord::sample(start(), 100, 1, vec![source]);
        recent.answered(&Arc::new(RequestRecord { request_id: request_id.to_owned(), ..record }));
    }

    #[test]
    fn the_last_ones_are_kept_in_order_and_counted_on() {
        let recent = Recent::default();
        assert!(recent.after(0).is_empty());
        for id in 1..=KEPT + 50 {
            add(&recent, &id.to_string());
        }
        let numbers =
            |number| recent.after(number).iter().map(|kept| kept.number).collect::<Vec<_>>();
        assert_eq!(numbers(0), (51..=250).collect::<Vec<_>>());
        assert_eq!(numbers(248), [249, 250]);
        assert_eq!((numbers(250), numbers(1000)), (vec![], vec![]));
        assert!(recent.find("50").is_none() && recent.find("51").is_some());
    }

    #[test]
    fn of_two_requests_with_one_id_the_newer_is_found() {
        let recent = Recent::default();
        add(&recent, "same");
        add(&recent, "same");
        assert_eq!(recent.find("same").map(|kept| kept.number), Some(2));
    }

    #[test]
    fn a_request_that_asked_no_source_is_not_kept() {
        let recent = Recent::default();
        recent.answered(&Arc::new(RequestRecord::sample(start(), 100, 1, Vec::new())));
        assert!(recent.after(0).is_empty());
    }
}
