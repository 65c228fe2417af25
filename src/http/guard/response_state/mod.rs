//! Following the replies on one connection, byte by byte and without any input or output, so that
//! awc sees exactly one final reply per request and nothing else.
//!
//! ```text
//!            begin()                 final head                    last body byte
//!   Idle ───────────► AwaitingHead ─────────────► Body(framing) ───────────────────► Idle
//!    ▲                 │   ▲                       │      │                           │
//!    │                 └───┘ interim head          │      └─ not reusable ─► Ended    │
//!    │                                             │                          ▲       │
//!    └───────── no body, reusable ─────────────────┘        bytes behind the end ─────┘
//! ```
//!
//! `Ended`: the reply is whole, but the connection must carry no other one. Every fault is for good
//! as well: the caller closes the connection.

use crate::http::guard::chunked::ChunkedBody;
use crate::http::guard::framing::BodyFraming;
use crate::http::guard::head::{FinalHead, ParsedHead, VERSION_DIGIT, find_head_end, parse_head};
use crate::http::stream_fault::StreamFault;

/// The largest response head, the same as awc's.
pub const MAX_HEAD: usize = 128 * 1024;
/// How many interim (1xx) responses may come before the final one.
pub const MAX_INTERIM: u32 = 32;

#[derive(Debug)]
enum State {
    Idle,
    AwaitingHead,
    Length { expected: u64, remaining: u64 },
    Chunked(ChunkedBody),
    UntilClose,
    Ended,
}

/// What the connection is doing, as far as its owner needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No request is under way; one may begin.
    Idle,
    /// A request was begun and its reply has not ended.
    InReply,
    /// The last reply ended and no other request may begin.
    Ended,
}

/// The state machine of one connection.
#[derive(Debug)]
pub struct ResponseGuard {
    state: State,
    keep_alive: bool,
    interims: u32,
    /// A head that comes in pieces; once it is whole, what is to be handed on from `handed_on` on.
    gathered: Vec<u8>,
    handed_on: usize,
}

impl ResponseGuard {
    /// A fresh connection.
    pub fn new() -> Self {
        Self {
            state: State::Idle,
            keep_alive: true,
            interims: 0,
            gathered: Vec::new(),
            handed_on: 0,
        }
    }

    /// What the connection is doing.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Idle => Phase::Idle,
            State::AwaitingHead | State::Length { .. } | State::Chunked(_) | State::UntilClose => {
                Phase::InReply
            }
            State::Ended => Phase::Ended,
        }
    }

    /// Whether the end of the stream is the only sign that the body is whole.
    pub fn ends_with_the_stream(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// A request is about to be written.
    ///
    /// # Errors
    /// [`StreamFault::PreviousReplyUnread`] unless the connection is idle and all was handed on.
    pub fn begin(&mut self) -> Result<(), StreamFault> {
        if self.phase() != Phase::Idle || self.has_backlog() {
            return Err(StreamFault::PreviousReplyUnread);
        }
        self.state = State::AwaitingHead;
        self.keep_alive = true;
        self.interims = 0;
        Ok(())
    }

    /// Bytes came. Afterwards the first `n` of them (the returned number) are to be handed on, and
    /// then whatever [`ResponseGuard::hand_on`] gives. Never more than one of the two is not empty.
    ///
    /// # Errors
    /// Every fault of a reply. The connection must be closed then.
    pub fn accept(&mut self, bytes: &mut [u8]) -> Result<usize, StreamFault> {
        match self.state {
            State::AwaitingHead if self.gathered.is_empty() => self.accept_head(bytes),
            State::AwaitingHead => self.gather(bytes).map(|()| 0),
            State::Idle => Err(StreamFault::UnsolicitedBytes),
            State::Length { .. } | State::Chunked(_) | State::UntilClose | State::Ended => {
                self.accept_body(bytes)
            }
        }
    }

    /// The stream came to its end. `Ok`: the reply (if any) was whole.
    ///
    /// # Errors
    /// The reply was cut short.
    pub fn end_of_stream(&mut self) -> Result<(), StreamFault> {
        match self.state {
            State::AwaitingHead if self.gathered.is_empty() && self.interims == 0 => {
                Err(StreamFault::ClosedBeforeReply)
            }
            State::AwaitingHead => Err(StreamFault::HeadCutShort),
            State::Length { expected, remaining } => {
                Err(StreamFault::BodyCutShort { received: expected - remaining, expected })
            }
            State::Chunked(_) => Err(StreamFault::ChunkedBodyCutShort),
            State::Idle | State::UntilClose | State::Ended => {
                self.state = State::Ended;
                Ok(())
            }
        }
    }

    /// Whether there are bytes of a gathered head to be handed on.
    pub fn has_backlog(&self) -> bool {
        !matches!(self.state, State::AwaitingHead) && self.handed_on < self.gathered.len()
    }

    /// Up to `most` bytes of the backlog, each handed on once.
    pub fn hand_on(&mut self, most: usize, mut take: impl FnMut(&[u8])) {
        let end = self.gathered.len().min(self.handed_on.saturating_add(most));
        take(self.gathered.get(self.handed_on..end).unwrap_or_default());
        self.handed_on = end;
        if end == self.gathered.len() {
            // The memory goes as well: heads in pieces are rare.
            self.gathered = Vec::new();
            self.handed_on = 0;
        }
    }

    /// The usual way: the head (or several) at the beginning of one read.
    fn accept_head(&mut self, bytes: &mut [u8]) -> Result<usize, StreamFault> {
        let mut start = 0;
        loop {
            let rest = bytes.get_mut(start..).unwrap_or_default();
            match parse_head(rest)? {
                ParsedHead::Partial => {
                    self.gathered.extend_from_slice(rest);
                    self.check_gathered_size()?;
                    return Ok(0);
                }
                ParsedHead::Interim(length) => {
                    self.count_interim()?;
                    start += length;
                }
                ParsedHead::Final(head) => {
                    let length = self.accept_final(head, rest)?;
                    if start > 0 {
                        bytes.copy_within(start..start + length, 0);
                    }
                    return Ok(length);
                }
            }
        }
    }

    /// The slow way: a head in several reads. The parser is asked only when a blank line has come,
    /// otherwise a head that drips in would cost the square of its length.
    fn gather(&mut self, bytes: &[u8]) -> Result<(), StreamFault> {
        let before = self.gathered.len();
        // The blank line may have begun two bytes before the new ones.
        let mut search_from = before.saturating_sub(2);
        self.gathered.extend_from_slice(bytes);
        while let Some(end) = find_head_end(&self.gathered, search_from) {
            let mut gathered = std::mem::take(&mut self.gathered);
            match parse_head(&gathered)? {
                ParsedHead::Interim(length) if length == end => {
                    self.count_interim()?;
                    gathered.drain(..length);
                    self.gathered = gathered;
                    search_from = 0;
                }
                ParsedHead::Final(head) if head.length == end => {
                    let length = self.accept_final(head, &mut gathered)?;
                    gathered.truncate(length);
                    self.gathered = gathered;
                    return Ok(());
                }
                ParsedHead::Partial | ParsedHead::Interim(_) | ParsedHead::Final(_) => {
                    return Err(StreamFault::MalformedHead("blank line in a wrong place"));
                }
            }
        }
        // Also when no blank line ever comes, as from something that does not speak HTTP.
        if before < 32 {
            parse_head(&self.gathered)?;
        }
        self.check_gathered_size()
    }

    fn check_gathered_size(&self) -> Result<(), StreamFault> {
        if self.gathered.len() > MAX_HEAD {
            return Err(StreamFault::HeadTooLarge { limit: MAX_HEAD });
        }
        Ok(())
    }

    fn count_interim(&mut self) -> Result<(), StreamFault> {
        self.interims += 1;
        if self.interims > MAX_INTERIM {
            return Err(StreamFault::TooManyInterimResponses { limit: MAX_INTERIM });
        }
        Ok(())
    }

    /// `message` begins with the final head. Gives the number of bytes that belong to the reply.
    fn accept_final(&mut self, head: FinalHead, message: &mut [u8]) -> Result<usize, StreamFault> {
        if head.length > MAX_HEAD {
            return Err(StreamFault::HeadTooLarge { limit: MAX_HEAD });
        }
        // awc takes a reply without a length for an empty one if it is HTTP/1.1, and reads until
        // the connection closes if it is HTTP/1.0, even after `Content-Length: 0`. So the version
        // it sees says which of the two is right; nothing else depends on it.
        let until_close = head.framing == BodyFraming::UntilClose;
        if let Some(digit) = message.get_mut(VERSION_DIGIT) {
            *digit = if until_close { b'0' } else { b'1' };
        }
        self.keep_alive = head.keep_alive;
        self.state = match head.framing {
            BodyFraming::Length(length) => State::Length { expected: length, remaining: length },
            BodyFraming::Chunked => State::Chunked(ChunkedBody::new()),
            BodyFraming::UntilClose => State::UntilClose,
            BodyFraming::NoneButAnnounced => State::Ended,
            BodyFraming::None => self.after_reply(),
        };
        let body = message.get(head.length..).unwrap_or_default();
        Ok(head.length + self.accept_body(body)?)
    }

    /// Gives the number of bytes that belong to the body. What is behind it is for nobody.
    fn accept_body(&mut self, bytes: &[u8]) -> Result<usize, StreamFault> {
        let (taken, complete) = match &mut self.state {
            State::UntilClose => (bytes.len(), false),
            State::Length { remaining, .. } => {
                let taken = usize::try_from(*remaining).unwrap_or(usize::MAX).min(bytes.len());
                *remaining -= taken as u64;
                (taken, *remaining == 0)
            }
            State::Chunked(body) => match body.advance(bytes)? {
                Some(end) => (end, true),
                None => (bytes.len(), false),
            },
            State::Idle | State::AwaitingHead | State::Ended => (0, false),
        };
        if complete {
            self.state = self.after_reply();
        }
        if taken < bytes.len() {
            self.state = State::Ended;
        }
        Ok(taken)
    }

    fn after_reply(&self) -> State {
        if self.keep_alive { State::Idle } else { State::Ended }
    }
}

impl Default for ResponseGuard {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
