//! One open connection, shared by the stream that awc holds and the exchange that uses it.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use super::persistence::{ConnectionUse, Persistence};
use super::pool::{Member, Pool};
use super::socket::Socket;
use super::stream_fault::StreamFault;

/// One connection. Its socket goes when the connection is closed, whoever still holds the rest.
#[derive(Debug)]
pub struct Connection {
    socket: RefCell<Option<Socket>>,
    pool: Rc<Pool>,
    /// From the first byte of a request (or from connecting) to the last byte of its reply.
    busy: Cell<bool>,
    /// To be closed at the end of the reply under way.
    doomed: Cell<bool>,
    /// The id of the latest exchange.
    exchange: Cell<u64>,
    /// How many exchanges were begun, and how many had been at the last sweep that found it idle.
    served: Cell<u64>,
    swept: Cell<u64>,
}

impl Connection {
    /// Enters a new connection into the pool. It counts as busy until its first reply has ended.
    pub fn open(socket: Socket, pool: &Rc<Pool>) -> Rc<Self> {
        let connection = Rc::new(Self {
            socket: RefCell::new(Some(socket)),
            pool: Rc::clone(pool),
            busy: Cell::new(true),
            doomed: Cell::new(false),
            exchange: Cell::new(0),
            served: Cell::new(0),
            swept: Cell::new(0),
        });
        let member: Weak<Self> = Rc::downgrade(&connection);
        pool.add(member);
        connection
    }

    /// The id of the exchange that was begun last.
    pub fn exchange(&self) -> u64 {
        self.exchange.get()
    }

    /// Begins the exchange with this id.
    ///
    /// # Errors
    /// The connection is closed, is to be closed, or has something to be read.
    pub(super) fn begin(
        &self,
        cx: &mut Context<'_>,
        exchange: u64,
    ) -> Result<ConnectionUse, StreamFault> {
        let usage = if self.served.get() > 0 { ConnectionUse::Again } else { ConnectionUse::First };
        {
            let mut socket = self.socket.borrow_mut();
            let socket = socket.as_mut().ok_or(StreamFault::ClosedWhileIdle)?;
            if self.doomed.get() {
                return Err(StreamFault::ClosedWhileIdle);
            }
            socket.check_quiet(cx, usage)?;
        }
        self.exchange.set(exchange);
        self.served.set(self.served.get() + 1);
        if !self.busy.replace(true) {
            self.pool.one_more_busy();
        }
        Ok(usage)
    }

    /// The reply has come to its end. A connection that must not be kept is closed at once; awc
    /// then finds it at its end and lets it go.
    pub fn reply_ended(&self, persistence: Persistence) {
        self.no_longer_busy();
        if persistence == Persistence::Close || self.doomed.get() {
            self.close();
        } else {
            self.pool.one_more_idle();
        }
    }

    /// The exchange with this id does not want its connection to be used again. If another one is
    /// on it already, that one is left to end.
    pub fn retire(&self, exchange: u64) {
        self.doomed.set(true);
        if self.exchange.get() == exchange || !self.busy.get() {
            self.close();
        }
    }

    fn no_longer_busy(&self) {
        if self.busy.replace(false) {
            self.pool.one_less_busy();
        }
    }

    /// Reads; a closed connection is at its end.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.socket.borrow_mut().as_mut() {
            Some(socket) => socket.poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Writes. The flag says whether some bytes may be on their way: TLS may have sent a part of
    /// them even if it reports an error.
    pub fn poll_write(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> (Poll<io::Result<usize>>, bool) {
        match self.socket.borrow_mut().as_mut() {
            Some(socket) => {
                let result = socket.poll_write(cx, bytes);
                let tls = matches!(socket, Socket::Tls(_));
                let sent = tls || matches!(result, Poll::Ready(Ok(1..)));
                (result, sent)
            }
            None => (Poll::Ready(Err(StreamFault::ClosedWhileIdle.into())), false),
        }
    }

    /// Flushes.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_socket(|socket| socket.poll_flush(cx))
    }

    /// Closes the writing side.
    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_socket(|socket| socket.poll_shutdown(cx))
    }

    /// Asks the TCP socket something.
    pub fn poll_tcp<T>(
        &self,
        ask: impl FnOnce(&TcpStream) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match self.socket.borrow().as_ref() {
            Some(socket) => ask(socket.tcp()),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn with_socket(
        &self,
        act: impl FnOnce(&mut Socket) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        self.socket.borrow_mut().as_mut().map_or(Poll::Ready(Ok(())), act)
    }
}

impl Member for Connection {
    fn is_open(&self) -> bool {
        self.socket.borrow().is_some()
    }

    fn is_busy(&self) -> bool {
        self.busy.get()
    }

    fn was_used(&self) -> bool {
        self.swept.replace(self.served.get()) != self.served.get()
    }

    fn close(&self) {
        let Some(mut socket) = self.socket.borrow_mut().take() else {
            return;
        };
        if let Socket::Tls(_) = socket {
            // A close_notify if it fits into the kernel's buffer; nobody waits for it.
            let _ = socket.poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
        self.pool.one_less();
        self.no_longer_busy();
    }
}
