//! Where a connection is: within a request or between two. What knows of it: the stream, which sees
//! bytes come and go, and the requests on it.

use std::cell::{Cell, Ref, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::http::ConnectionType;

use crate::api::listener::begun_head::BegunHead;
use crate::api::listener::connection_limit::Admitted;
use crate::clock;

/// Where a connection is. Clones are of the same connection.
#[derive(Debug, Clone)]
pub struct Phase(Rc<Cells>);

#[derive(Debug)]
struct Cells {
    admitted: Admitted,
    within: Cell<bool>,
    last: Cell<bool>,
    asked_too_late: Cell<bool>,
    caller_gone: Cell<bool>,
    requests: Cell<u64>,
    /// What has come of the next request's head.
    head: RefCell<BegunHead>,
    /// When that began.
    head_began: Cell<Option<Instant>>,
}

impl Phase {
    /// A connection on which nothing has been asked yet.
    pub fn new(admitted: Admitted) -> Self {
        Self(Rc::new(Cells {
            admitted,
            within: Cell::default(),
            last: Cell::default(),
            asked_too_late: Cell::default(),
            caller_gone: Cell::default(),
            requests: Cell::default(),
            head: RefCell::default(),
            head_began: Cell::default(),
        }))
    }

    /// A request's head has come.
    pub fn request_began(&self) {
        self.0.admitted.becomes_busy();
        self.0.within.set(true);
        self.0.requests.set(self.0.requests.get() + 1);
        // Freed: thousands of connections may rest.
        self.0.head.take();
        self.0.head_began.set(None);
    }

    /// Its reply is ready, the last one unless the connection is kept alive.
    pub fn request_ended(&self, connection: ConnectionType) {
        self.0.within.set(false);
        self.0.last.set(connection != ConnectionType::KeepAlive);
    }

    /// Whether a request comes behind the last reply. It must not be answered any more (RFC 9112
    /// section 9.6): the connection ends once everything before it is written.
    pub fn is_asked_too_late(&self) -> bool {
        if self.0.last.get() {
            self.0.asked_too_late.set(true);
        }
        self.0.last.get()
    }

    /// Whether the connection is to end with what is written so far.
    pub(in crate::api) fn ends_with_what_is_written(&self) -> bool {
        self.0.asked_too_late.get()
    }

    /// Resolves once the caller has ended its side of the connection.
    ///
    /// To be awaited within the connection's own task only: who reads the end of the stream there
    /// polls the request under way next, so nobody needs to be woken.
    pub async fn caller_gone(&self) {
        poll_fn(|_| if self.0.caller_gone.get() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Whether there are too many connections, so that the reply should be the last one on this.
    pub fn is_one_too_many(&self) -> bool {
        self.0.admitted.is_one_too_many()
    }

    /// The stream has ended.
    pub(in crate::api) fn caller_ended(&self) {
        self.0.caller_gone.set(true);
    }

    /// These bytes have come.
    pub(in crate::api) fn received(&self, bytes: &[u8]) {
        self.0.admitted.becomes_busy();
        if self.0.within.get() {
            return;
        }
        if self.0.head_began.get().is_none() {
            self.0.head_began.set(Some(clock::now()));
        }
        self.0.head.borrow_mut().add(bytes);
    }

    /// Something of a reply is being written.
    pub(in crate::api) fn writing(&self) {
        self.0.admitted.becomes_busy();
    }

    /// Everything is written so far: after a whole reply, nothing is left to be done.
    pub(in crate::api) fn written(&self) {
        let rests = self.between().is_some() && self.0.head_began.get().is_none();
        if rests && !self.0.last.get() {
            self.0.admitted.becomes_idle();
        }
    }

    /// How many requests came before, if the connection is between two.
    pub(in crate::api) fn between(&self) -> Option<u64> {
        let requests = self.0.requests.get();
        (requests > 0 && !self.0.within.get()).then_some(requests)
    }

    /// Whether nothing has ever come.
    pub(in crate::api) fn is_silent(&self) -> bool {
        self.0.requests.get() == 0 && self.0.head_began.get().is_none()
    }

    /// What has come is refused, and the connection ends.
    pub(in crate::api) fn refused(&self) {
        self.0.last.set(true);
    }

    /// Whether no further request is expected.
    pub(in crate::api) fn is_over(&self) -> bool {
        self.0.last.get()
    }

    /// Whether the connection has to end to make room; if not, the task is woken when it has to.
    pub(in crate::api) fn has_to_end(&self, cx: &Context<'_>) -> bool {
        self.0.admitted.has_to_end(cx)
    }

    /// What has come of the next request's head, its beginning at least, and since when.
    pub(in crate::api) fn begun_head(&self) -> Option<(Instant, Ref<'_, BegunHead>)> {
        let head = self.0.head.borrow();
        self.0.head_began.get().map(|began| (began, head))
    }
}
