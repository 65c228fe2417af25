//! The connections to one source in one worker thread: how many there are, and which are closed
//! because nobody needs them.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::clock;

/// How often idle connections are looked through. One that was idle the whole time is closed, so
/// that it lives at most twice as long without use.
const SWEEP_INTERVAL: Duration = Duration::from_secs(45);
/// How long a connection above the idle limit is kept all the same: under load, idle connections
/// come and go within milliseconds, and closing one only to open it again costs both sides.
const TRIM_INTERVAL: Duration = Duration::from_millis(250);

/// A connection as its pool knows it.
pub trait Member: fmt::Debug {
    /// Whether it has not been closed.
    fn is_open(&self) -> bool;

    /// Whether a request is on it, or a reply under way.
    fn is_busy(&self) -> bool;

    /// Whether it was used since it was last asked that.
    fn was_used(&self) -> bool;

    /// Closes it. Does nothing the second time.
    fn close(&self);
}

/// All connections to one source in one worker thread.
#[derive(Debug)]
pub struct Pool {
    max_idle: usize,
    open: Cell<usize>,
    busy: Cell<usize>,
    members: RefCell<Vec<Weak<dyn Member>>>,
    sweeping: Cell<bool>,
    /// The fewest idle connections since the last trim: so many were not needed.
    least_idle: Cell<usize>,
    trimming: Cell<bool>,
}

impl Pool {
    /// An empty pool; at most `max_idle` connections are kept for later.
    pub fn new(max_idle: usize) -> Rc<Self> {
        Rc::new(Self {
            max_idle,
            open: Cell::new(0),
            busy: Cell::new(0),
            members: RefCell::default(),
            sweeping: Cell::new(false),
            least_idle: Cell::new(0),
            trimming: Cell::new(false),
        })
    }

    /// Connections that are open, idle ones included.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Connections that wait for a request.
    pub fn idle(&self) -> usize {
        self.open.get().saturating_sub(self.busy.get())
    }

    /// Closes every connection that was idle at the last call and has been so ever since.
    pub fn sweep(&self) {
        let members: Vec<_> = self.members.borrow().iter().filter_map(Weak::upgrade).collect();
        for connection in members.iter().filter(|member| !member.is_busy()) {
            if !connection.was_used() {
                connection.close();
            }
        }
        self.forget_closed();
    }

    pub(super) fn one_more_busy(&self) {
        self.busy.set(self.busy.get() + 1);
        self.least_idle.set(self.least_idle.get().min(self.idle()));
    }

    /// A connection has become idle; if there are too many, the surplus is closed before long.
    pub(super) fn one_more_idle(self: &Rc<Self>) {
        if self.idle() > self.max_idle && !self.trimming.replace(true) {
            self.least_idle.set(self.idle());
            actix_rt::spawn(trim_until_few(Rc::downgrade(self)));
        }
    }

    /// Closes the idle connections above the limit that nothing needed since the last call, and
    /// says whether there are still too many.
    fn trim(&self) -> bool {
        let surplus = self.least_idle.get().saturating_sub(self.max_idle);
        let members: Vec<_> = self.members.borrow().iter().filter_map(Weak::upgrade).collect();
        let idle = members.iter().filter(|member| member.is_open() && !member.is_busy());
        for connection in idle.take(surplus) {
            connection.close();
        }
        self.least_idle.set(self.idle());
        self.idle() > self.max_idle
    }

    /// A new connection, which is busy.
    pub(super) fn add(self: &Rc<Self>, connection: Weak<dyn Member>) {
        if self.members.borrow().len() > 2 * self.open.get() + 16 {
            self.forget_closed();
        }
        self.members.borrow_mut().push(connection);
        self.open.set(self.open.get() + 1);
        self.busy.set(self.busy.get() + 1);
        if !self.sweeping.replace(true) {
            actix_rt::spawn(sweep_regularly(Rc::downgrade(self)));
        }
    }

    pub(super) fn one_less(&self) {
        self.open.set(self.open.get().saturating_sub(1));
    }

    pub(super) fn one_less_busy(&self) {
        self.busy.set(self.busy.get().saturating_sub(1));
    }

    fn forget_closed(&self) {
        self.members
            .borrow_mut()
            .retain(|member| member.upgrade().is_some_and(|connection| connection.is_open()));
    }
}

/// Runs as long as there are connections.
async fn sweep_regularly(connections: Weak<Pool>) {
    loop {
        clock::sleep_until(clock::now() + SWEEP_INTERVAL).await;
        let Some(connections) = connections.upgrade() else {
            return;
        };
        connections.sweep();
        if connections.open() == 0 {
            connections.sweeping.set(false);
            return;
        }
    }
}

/// Runs as long as there are too many idle connections.
async fn trim_until_few(connections: Weak<Pool>) {
    loop {
        clock::sleep_until(clock::now() + TRIM_INTERVAL).await;
        let Some(connections) = connections.upgrade() else { return };
        if !connections.trim() {
            connections.trimming.set(false);
            return;
        }
    }
}
