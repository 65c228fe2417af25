//! What an upstream does with a request instead of simply answering it, and the translation of
//! that into a [`Plan`]: bytes and pauses in order. A plan is plain data, so every fault can be
//! read and tested here without a socket.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::canned_reply::{Reply, ReplyFraming};
use super::playback::{Plan, Step, Then};

/// How many bytes too many [`Behaviour::ShortContentLength`] announces.
const ANNOUNCED_TOO_MANY: usize = 64;
/// How many chunks a chunked body is sent in, if it is long enough.
const CHUNKS: usize = 4;

/// What an upstream does with one request. "The answer" is what the upstream would normally say
/// (the user, the account, a refusal of the key, …).
///
/// The upstream's [`Latency`](super::Latency) passes before anything is sent, with the one
/// exception that [`Behaviour::Interim`] sends its interim heads first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// The answer.
    #[default]
    Normal,
    /// This reply instead of the answer, with a `Content-Length`. The upstream neither looks at
    /// the request nor changes its state (no token is issued).
    Reply(Reply),
    /// Exactly these bytes, whatever they are.
    Raw {
        /// What is sent.
        bytes: Vec<u8>,
        /// What becomes of the connection.
        then: Then,
    },
    /// Never answers. Ends when the client closes the connection.
    Hang,
    /// Closes the connection without a byte (FIN).
    Close,
    /// Breaks the connection without a byte (RST).
    Reset,
    /// These interim heads, such as `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n`, each in a
    /// write of its own; then the latency, then the answer.
    Interim(Vec<Vec<u8>>),
    /// The whole body, but the `Content-Length` promises 64 bytes more; then closes. The JSON is
    /// complete on purpose: only a client that compares the lengths notices.
    ShortContentLength,
    /// The whole body in chunks, but without the last chunk; then closes. The JSON is complete on
    /// purpose, as above.
    CutChunked,
    /// Neither `Content-Length` nor chunks: the end of the connection is the end of the body
    /// (RFC 9112, section 6.3, case 8).
    NoLength {
        /// Whether the body is sent whole, or the first half of it only.
        complete: bool,
    },
    /// The answer in up to four chunks.
    Chunked,
    /// The answer in small pieces, the head included.
    Drip {
        /// How many bytes are sent at a time; 0 counts as 1.
        bytes_per_write: usize,
        /// The pause between two writes.
        every: Duration,
    },
    /// The head at once, then the body in small pieces. The first pause is before the first piece.
    DripBody {
        /// How many bytes are sent at a time; 0 counts as 1.
        bytes_per_write: usize,
        /// The pause before each write.
        every: Duration,
    },
    /// The answer after this time, on top of the latency.
    Delay(Duration),
    /// Something else after this time, on top of the latency; see [`Behaviour::after`].
    After(Duration, Box<Behaviour>),
    /// The way of sending of `manner`, with `reply` in place of the answer; see
    /// [`Behaviour::replying`].
    Replying {
        /// What is sent instead of the answer.
        reply: Reply,
        /// How it is sent.
        manner: Box<Behaviour>,
    },
}

impl Behaviour {
    /// An empty reply with this status. For headers and a body, build a [`Reply`].
    pub fn status(status: u16) -> Self {
        Self::Reply(Reply::status(status))
    }

    /// A JSON reply with this status.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Reply(Reply::json(status, body))
    }

    /// The same, `delay` later: `Behaviour::status(503).after(delay)`.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self::After(delay, Box::new(self))
    }

    /// The same way of sending, with `reply` in place of the answer:
    /// `Behaviour::Chunked.replying(Reply::status(200).with_body(big))`. Changes nothing for
    /// behaviours that do not send the answer ([`Behaviour::Raw`], [`Behaviour::Hang`], …).
    #[must_use]
    pub fn replying(self, reply: Reply) -> Self {
        Self::Replying { reply, manner: Box::new(self) }
    }

    /// What is to be done on the wire. `answer` is called only if the behaviour sends the answer.
    pub(super) fn plan(&self, latency: Duration, answer: &dyn Fn() -> Reply) -> Plan {
        let plan = Plan::default().wait(latency);
        match self {
            Self::Normal => plan.send(answer().whole()),
            Self::Reply(reply) => plan.send(reply.whole()),
            Self::Raw { bytes, then } => plan.send(Bytes::from(bytes.clone())).end(*then),
            Self::Hang => plan.step(Step::WaitForever),
            Self::Close => plan.end(Then::Close),
            Self::Reset => plan.end(Then::Reset),
            Self::Interim(heads) => heads
                .iter()
                .fold(Plan::default(), |plan, head| plan.send(Bytes::from(head.clone())))
                .wait(latency)
                .send(answer().whole()),
            Self::ShortContentLength => {
                let reply = answer();
                let body = reply.sent_body();
                let announced = ReplyFraming::Length(body.len() + ANNOUNCED_TOO_MANY);
                plan.send(reply.head(announced)).send(body).end(Then::Close)
            }
            Self::CutChunked => send_chunks(plan, &answer()).end(Then::Close),
            Self::NoLength { complete } => {
                let reply = answer();
                let body = reply.sent_body();
                let sent = if *complete { body.len() } else { body.len() / 2 };
                plan.send(reply.head(ReplyFraming::UntilClose))
                    .send(body.slice(..sent))
                    .end(Then::Close)
            }
            Self::Chunked => {
                let reply = answer();
                send_chunks(plan, &reply).send(Bytes::from_static(b"0\r\n\r\n"))
            }
            Self::Drip { bytes_per_write, every } => plan.step(Step::Drip {
                bytes: answer().whole(),
                bytes_per_write: (*bytes_per_write).max(1),
                every: *every,
            }),
            Self::DripBody { bytes_per_write, every } => {
                let reply = answer();
                let body = reply.sent_body();
                plan.send(reply.head(ReplyFraming::Length(body.len()))).wait(*every).step(
                    Step::Drip {
                        bytes: body,
                        bytes_per_write: (*bytes_per_write).max(1),
                        every: *every,
                    },
                )
            }
            Self::Delay(delay) => plan.wait(*delay).send(answer().whole()),
            Self::After(delay, then) => {
                Plan::default().wait(*delay).followed_by(then.plan(latency, answer))
            }
            Self::Replying { reply, manner } => manner.plan(latency, &|| reply.clone()),
        }
    }
}

impl From<Reply> for Behaviour {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

/// The head of a chunked reply and its chunks, without the last chunk.
fn send_chunks(plan: Plan, reply: &Reply) -> Plan {
    let body = reply.sent_body();
    let size = body.len().div_ceil(CHUNKS).max(1);
    let plan = plan.send(reply.head(ReplyFraming::Chunked));
    body.chunks(size).fold(plan, |plan, chunk| {
        let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        plan.send(Bytes::from(bytes))
    })
}

#[cfg(test)]
mod tests;
