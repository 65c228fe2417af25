//! The record of one HTTP exchange. The transport writes into it while awc connects, writes and
//! reads inside the caller's task; the caller reads from it afterwards.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::persistence::{ConnectionUse, Persistence};
use super::send_permit::SendPermit;

tokio::task_local! {
    static CURRENT: ExchangeLog;
}

thread_local! {
    static LAST_ID: Cell<u64> = const { Cell::new(0) };
}

/// One request and its reply: one attempt, never two. Clones are the same record.
#[derive(Debug, Clone)]
pub struct ExchangeLog(Rc<Record>);

#[derive(Debug)]
struct Record {
    id: u64,
    connect_started: Cell<Option<Instant>>,
    connect: Cell<Option<Duration>>,
    reused: Cell<bool>,
    sent: Cell<bool>,
    /// Leave to send the request, until it is sent.
    permit: RefCell<Option<SendPermit>>,
    connection: RefCell<Option<Rc<Connection>>>,
}

impl ExchangeLog {
    /// A record of which nothing has happened.
    pub fn new() -> Self {
        Self::with_permit(None)
    }

    /// The same for a request that a rate limit counts from the moment it leaves.
    pub fn with_permit(permit: Option<SendPermit>) -> Self {
        let id = LAST_ID.with(|last| {
            last.set(last.get() + 1);
            last.get()
        });
        Self(Rc::new(Record {
            id,
            connect_started: Cell::new(None),
            connect: Cell::new(None),
            reused: Cell::new(false),
            sent: Cell::new(false),
            permit: RefCell::new(permit),
            connection: RefCell::new(None),
        }))
    }

    /// Runs `future` (sending the request; reading the body as well, if it is convenient) with this
    /// record known to the transport.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        CURRENT.scope(self.clone(), future).await
    }

    /// When a new connection was begun for it, whether or not that succeeded.
    pub fn connect_started(&self) -> Option<Instant> {
        self.0.connect_started.get()
    }

    /// How long resolving, TCP and TLS took together, if a new connection was made or failed.
    pub fn connect(&self) -> Option<Duration> {
        self.0.connect.get()
    }

    /// Whether the request went over a connection that an earlier one had used.
    pub fn reused(&self) -> bool {
        self.0.reused.get()
    }

    /// Whether any byte of the request may have left. If not, any request may be repeated
    /// (RFC 9110 section 9.2.2 is about those that may have arrived).
    pub fn sent(&self) -> bool {
        self.0.sent.get()
    }

    /// The exchange is over. Its connection is closed, if it is to be, also when the reply was
    /// whole and awc has already put it aside for the next request.
    pub fn finish(&self, persistence: Persistence) {
        if let Some(connection) = self.0.connection.take()
            && persistence == Persistence::Close
        {
            connection.retire(self.0.id);
        }
    }

    pub(super) fn current() -> Option<Self> {
        CURRENT.try_get().ok()
    }

    /// 0 outside of any exchange.
    pub(super) fn current_id() -> u64 {
        CURRENT.try_with(Self::id).unwrap_or(0)
    }

    pub(super) fn mark_sent() {
        // Outside of any exchange there is nobody to tell.
        let _ = CURRENT.try_with(|exchange| {
            exchange.0.sent.set(true);
            if let Some(permit) = exchange.0.permit.take() {
                permit.sent();
            }
        });
    }

    pub(super) fn id(&self) -> u64 {
        self.0.id
    }

    pub(super) fn connecting_since(&self, now: Instant) {
        self.0.connect_started.set(Some(now));
    }

    pub(super) fn connected_after(&self, duration: Duration) {
        self.0.connect.set(Some(duration));
    }

    pub(super) fn on_connection(&self, connection: &Rc<Connection>, usage: ConnectionUse) {
        self.0.reused.set(usage == ConnectionUse::Again);
        self.0.connection.replace(Some(Rc::clone(connection)));
    }
}

impl Default for ExchangeLog {
    fn default() -> Self {
        Self::new()
    }
}
