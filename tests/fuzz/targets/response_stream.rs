//! The bytes of a connection, and what of them awc gets to see.
//!
//! The stream is read whole, byte by byte and in pieces in between: what comes of it must be the
//! same. Then awc's own decoder reads what was let through: where our filter says that a reply is
//! whole, the decoder must find exactly that reply and nothing behind it. If the two disagreed,
//! one caller could get what belongs to another.

use actix_http::ServiceConfig;
use actix_http::h1::{ClientCodec, MessageType};
use bytes::BytesMut;
use tokio_util::codec::Decoder as _;
use tributary::http::guard::chunked::ChunkedBody;
use tributary::http::guard::head::{ParsedHead, VERSION_DIGIT, parse_head};
use tributary::http::guard::response_state::{MAX_HEAD, Phase, ResponseGuard};
use tributary::http::stream_fault::StreamFault;

thread_local! {
    /// awc's own. It can only be made where tasks can be spawned: it has a clock.
    static AWC_CONFIG: ServiceConfig = {
        let system = actix::System::new();
        system.block_on(async { ServiceConfig::default() })
    };
}

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Passed {
    /// What awc got to see, before a fault as well.
    seen: Vec<u8>,
    end: Result<End, StreamFault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The reply is whole, and the connection may be used again.
    Reusable,
    /// The reply is whole, and the connection must not be used again.
    Whole,
    /// The reply is whole once the stream ends.
    WithTheStream,
    /// The reply is not whole.
    Cut,
}

/// The input is what a server sends.
pub fn response_stream(input: &[u8]) {
    let whole = pass(input, &[input.len()]);
    check_seen(input, &whole.seen);
    same_for_awc(&whole);
    let step = 2 + input.len() % 7;
    for sizes in [&[1][..], &[step], &[1, 40, 3, 200], &[input.len().saturating_sub(1), 1]] {
        let pieces = pass(input, sizes);
        check_seen(input, &pieces.seen);
        match (&whole.end, &pieces.end) {
            (Ok(_), _) => assert_eq!(pieces, whole, "in pieces of {sizes:?}"),
            // A head in pieces is not looked at before its end: the fault may come later.
            (Err(_), Ok(end)) => assert_eq!((end, &pieces.seen), (&End::Cut, &vec![])),
            (Err(_), Err(_)) => {}
        }
    }
}

/// The stream in pieces of these sizes, the last size again and again.
fn pass(stream: &[u8], sizes: &[usize]) -> Passed {
    let mut guard = ResponseGuard::new();
    guard.begin().expect("a fresh connection is idle");
    let mut seen = vec![];
    let end = feed(&mut guard, stream, sizes, &mut seen);
    Passed { seen, end }
}

fn feed(
    guard: &mut ResponseGuard,
    mut rest: &[u8],
    sizes: &[usize],
    seen: &mut Vec<u8>,
) -> Result<End, StreamFault> {
    let last = sizes.last().copied().unwrap_or(1);
    let mut sizes = sizes.iter().copied().chain(std::iter::repeat(last));
    while !rest.is_empty() {
        if guard.phase() == Phase::Idle {
            // The next look at the connection finds bytes that nobody asked for, and closes it.
            assert_eq!(guard.accept(&mut [b'H']), Err(StreamFault::UnsolicitedBytes));
            return Ok(End::Whole);
        }
        let size = sizes.next().unwrap_or(1).clamp(1, rest.len());
        let (piece, behind) = rest.split_at(size);
        rest = behind;
        let mut piece = piece.to_vec();
        let count = guard.accept(&mut piece)?;
        assert!(count == 0 || !guard.has_backlog(), "only one of the two");
        seen.extend_from_slice(&piece[..count]);
        while guard.has_backlog() {
            guard.hand_on(7, |bytes| seen.extend_from_slice(bytes));
        }
    }
    let phase = guard.phase();
    let until_end = guard.ends_with_the_stream();
    let whole = guard.end_of_stream().is_ok();
    Ok(match phase {
        Phase::Idle => End::Reusable,
        Phase::Ended => End::Whole,
        Phase::InReply if until_end && whole => End::WithTheStream,
        Phase::InReply => {
            assert!(!whole, "a reply that is under way is not whole");
            End::Cut
        }
    })
}

/// What is let through is one piece of the stream, and begins with a final head.
fn check_seen(stream: &[u8], seen: &[u8]) {
    if seen.is_empty() {
        return;
    }
    let status = seen.get(VERSION_DIGIT + 2).copied().unwrap_or_default();
    assert!((b'2'..=b'9').contains(&status), "begins with {:?}", char::from(status));
    // Only the version's digit may differ.
    let without_digit = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        if let Some(digit) = bytes.get_mut(VERSION_DIGIT) {
            *digit = b'x';
        }
        bytes
    };
    let wanted = without_digit(seen);
    let is_there = stream
        .windows(seen.len())
        .filter(|part| part.starts_with(b"HTTP/1."))
        .any(|part| without_digit(part) == wanted);
    assert!(is_there, "it was not sent like this: {}", seen.escape_ascii());
}

/// What awc's decoder makes of the bytes that were let through.
fn same_for_awc(passed: &Passed) {
    let Ok(end) = passed.end else { return };
    if passed.seen.is_empty() {
        return assert_eq!(end, End::Cut);
    }
    let mut bytes = BytesMut::from(passed.seen.as_slice());
    let mut codec = ClientCodec::new(AWC_CONFIG.with(ServiceConfig::clone));
    let head = codec.decode(&mut bytes).expect("awc reads the head as well");
    assert!(head.is_some_and(|head| head.status.as_u16() >= 200), "awc wants more of the head");
    // Headers alone, to tell what the filter made of them.
    let announced = matches!(
        parse_head(&passed.seen),
        Ok(ParsedHead::Final(head)) if head.length == passed.seen.len()
    );
    match (codec.message_type(), end) {
        (MessageType::None, end) => {
            assert!(bytes.is_empty(), "awc leaves {} bytes", bytes.len());
            assert!(matches!(end, End::Reusable | End::Whole), "{end:?}");
        }
        // A 204 or 304 that announces a body: the connection is given up, nothing is waited for.
        (_, End::Whole) if announced => {}
        (_, End::Reusable | End::Whole) => {
            assert!(body_ends(codec, &mut bytes), "awc waits for more of the body");
            assert!(bytes.is_empty(), "awc leaves {} bytes", bytes.len());
        }
        (_, End::WithTheStream | End::Cut) => {
            assert!(!body_ends(codec, &mut bytes), "awc takes a cut body for a whole one");
        }
    }
}

/// Whether awc's decoder comes to the end of the body.
fn body_ends(codec: ClientCodec, bytes: &mut BytesMut) -> bool {
    let mut body = codec.into_payload_codec();
    loop {
        match body.decode(bytes).expect("awc reads the body as well") {
            Some(Some(_)) => {}
            Some(None) => return true,
            None => return false,
        }
    }
}

/// The input is a chunked body and what comes behind it.
pub fn chunked(input: &[u8]) {
    let whole = ChunkedBody::new().advance(input);
    for size in [1, 2, 3, 7, 64] {
        let mut body = ChunkedBody::new();
        let mut start = 0;
        let mut end = Ok(None);
        for piece in input.chunks(size) {
            end = body.advance(piece).map(|end| end.map(|end| start + end));
            start += piece.len();
            if end != Ok(None) {
                break;
            }
        }
        assert_eq!(end, whole, "in pieces of {size}");
    }
    // The same through the whole filter, and past awc's decoder.
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(head.len() < MAX_HEAD);
    let stream = [head.as_slice(), input].concat();
    let passed = pass(&stream, &[stream.len()]);
    match whole {
        Ok(Some(end)) => {
            assert!(input[..end].ends_with(b"\r\n\r\n") || input[..end].ends_with(b"\n\r\n"));
            assert_eq!(passed.seen.len(), head.len() + end);
            same_for_awc(&passed);
        }
        Ok(None) => {
            assert_eq!(passed.end, Ok(End::Cut));
            same_for_awc(&passed);
        }
        Err(fault) => assert_eq!(passed.end, Err(fault)),
    }
}
