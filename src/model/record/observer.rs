//! Who is told what happened, without those who tell it knowing whom.

use std::sync::Arc;

use crate::model::record::request_record::RequestRecord;

/// Is told of every request that is over, refused ones among them. Called on the request's way, in
/// a worker thread: it must be quick and must not block.
pub trait Observer: Send + Sync {
    /// A request is over.
    fn answered(&self, record: &Arc<RequestRecord>);
}

/// Several observers, told one after the other.
pub struct Observers(pub Vec<Arc<dyn Observer>>);

impl Observer for Observers {
    fn answered(&self, record: &Arc<RequestRecord>) {
        for observer in &self.0 {
            observer.answered(record);
        }
    }
}
