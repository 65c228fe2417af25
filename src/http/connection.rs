//! One open connection, shared by the stream that awc holds and the exchange that uses it, and the
//! book that is kept of all connections to one source in one worker thread.

use std::cell::{Cell, RefCell};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::stream_fault::StreamFault;
use crate::clock;

/// How often idle connections are looked through. One that was idle the whole time is closed, so
/// that it lives at most twice as long without use.
const SWEEP_INTERVAL: Duration = Duration::from_secs(45);
/// How long a connection above the idle limit is kept all the same: under load, idle connections
/// come and go within milliseconds, and closing one only to open it again costs both sides.
const TRIM_INTERVAL: Duration = Duration::from_millis(250);

/// Plain TCP, or TLS above it.
#[derive(Debug)]
pub enum Socket {
    /// `http`
    Plain(TcpStream),
    /// `https`; in a box because it is a kilobyte.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// The TCP connection itself.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }

    /// That nothing can be read now. The runtime's own view may be some polls old, so the kernel
    /// is asked as well, but not on a fresh TLS connection: its session tickets may just have come.
    fn check_quiet(&mut self, cx: &mut Context<'_>, fresh: bool) -> Result<(), StreamFault> {
        if let Self::Tls(tls) = self {
            let mut byte = [0];
            let mut buf = ReadBuf::new(&mut byte);
            match Pin::new(tls).poll_read(cx, &mut buf) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    return Err(StreamFault::UnsolicitedBytes);
                }
                Poll::Ready(_) => return Err(StreamFault::ClosedWhileIdle),
            }
            if fresh {
                return Ok(());
            }
        }
        let mut byte = [MaybeUninit::uninit()];
        match socket2::SockRef::from(self.tcp()).peek(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Ok(1..) => Err(StreamFault::UnsolicitedBytes),
            Ok(0) | Err(_) => Err(StreamFault::ClosedWhileIdle),
        }
    }
}

/// The book of one source's connections in one worker thread.
#[derive(Debug)]
pub struct Pool {
    max_idle: usize,
    open: Cell<usize>,
    busy: Cell<usize>,
    members: RefCell<Vec<Weak<Connection>>>,
    sweeping: Cell<bool>,
    /// The fewest idle connections since the last trim: so many were not needed.
    least_idle: Cell<usize>,
    trimming: Cell<bool>,
}

impl Pool {
    /// An empty book; at most `max_idle` connections are kept for later.
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

    /// Pool that are open, idle ones included.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Pool that wait for a request.
    pub fn idle(&self) -> usize {
        self.open.get().saturating_sub(self.busy.get())
    }

    /// Closes every connection that was idle at the last call and has been so ever since.
    pub fn sweep(&self) {
        let members: Vec<_> = self.members.borrow().iter().filter_map(Weak::upgrade).collect();
        for connection in members {
            if connection.busy.get() {
                continue;
            }
            if connection.swept.get() == connection.served.get() {
                connection.close();
            } else {
                connection.swept.set(connection.served.get());
            }
        }
        self.forget_closed();
    }

    /// A connection has become busy.
    fn one_more_busy(&self) {
        self.busy.set(self.busy.get() + 1);
        self.least_idle.set(self.least_idle.get().min(self.idle()));
    }

    /// A connection has become idle; if there are too many, the surplus is closed before long.
    fn one_more_idle(self: &Rc<Self>) {
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
        let idle = members.iter().filter(|member| member.is_open() && !member.busy.get());
        for connection in idle.take(surplus) {
            connection.close();
        }
        self.least_idle.set(self.idle());
        self.idle() > self.max_idle
    }

    fn add(self: &Rc<Self>, connection: &Rc<Connection>) {
        if self.members.borrow().len() > 2 * self.open.get() + 16 {
            self.forget_closed();
        }
        self.members.borrow_mut().push(Rc::downgrade(connection));
        self.open.set(self.open.get() + 1);
        self.busy.set(self.busy.get() + 1);
        if !self.sweeping.replace(true) {
            actix_rt::spawn(sweep_regularly(Rc::downgrade(self)));
        }
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

/// One connection. Its socket goes when the connection is closed, whoever still holds the rest.
#[derive(Debug)]
pub struct Connection {
    socket: RefCell<Option<Socket>>,
    book: Rc<Pool>,
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
    /// Enters a new connection into the book. It counts as busy until its first reply has ended.
    pub fn open(socket: Socket, book: &Rc<Pool>) -> Rc<Self> {
        let connection = Rc::new(Self {
            socket: RefCell::new(Some(socket)),
            book: Rc::clone(book),
            busy: Cell::new(true),
            doomed: Cell::new(false),
            exchange: Cell::new(0),
            served: Cell::new(0),
            swept: Cell::new(0),
        });
        book.add(&connection);
        connection
    }

    /// Whether it has not been closed.
    pub fn is_open(&self) -> bool {
        self.socket.borrow().is_some()
    }

    /// The id of the exchange that was begun last.
    pub fn exchange(&self) -> u64 {
        self.exchange.get()
    }

    /// Begins the exchange with this id. Gives whether an earlier one used the connection.
    ///
    /// # Errors
    /// The connection is closed, is to be closed, or has something to be read.
    pub fn begin(&self, cx: &mut Context<'_>, exchange: u64) -> Result<bool, StreamFault> {
        let reused = self.served.get() > 0;
        {
            let mut socket = self.socket.borrow_mut();
            let socket = socket.as_mut().ok_or(StreamFault::ClosedWhileIdle)?;
            if self.doomed.get() {
                return Err(StreamFault::ClosedWhileIdle);
            }
            socket.check_quiet(cx, !reused)?;
        }
        self.exchange.set(exchange);
        self.served.set(self.served.get() + 1);
        if !self.busy.replace(true) {
            self.book.one_more_busy();
        }
        Ok(reused)
    }

    /// The reply has come to its end. A connection that must not be kept is closed at once; awc
    /// then finds it at its end and lets it go.
    pub fn reply_ended(&self, reusable: bool) {
        self.no_longer_busy();
        if !reusable || self.doomed.get() {
            self.close();
        } else {
            self.book.one_more_idle();
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

    /// Closes the socket and takes it out of the book. Does nothing the second time.
    pub fn close(&self) {
        let Some(mut socket) = self.socket.borrow_mut().take() else {
            return;
        };
        if let Socket::Tls(_) = socket {
            // A close_notify if it fits into the kernel's buffer; nobody waits for it.
            let _ = socket.poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
        self.book.open.set(self.book.open.get().saturating_sub(1));
        self.no_longer_busy();
    }

    fn no_longer_busy(&self) {
        if self.busy.replace(false) {
            self.book.busy.set(self.book.busy.get().saturating_sub(1));
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
