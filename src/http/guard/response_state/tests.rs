use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// Feeds `stream` in pieces of the given sizes (the last one again and again) and gives what awc sees.
fn pass(stream: &[u8], sizes: &[usize]) -> Result<(Vec<u8>, Phase), StreamFault> {
    let mut guard = ResponseGuard::new();
    guard.begin()?;
    let mut seen = vec![];
    let mut rest = stream;
    let mut sizes =
        sizes.iter().copied().chain(std::iter::repeat(sizes.last().copied().unwrap_or(9)));
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(sizes.next().unwrap_or(9).clamp(1, rest.len()));
        rest = behind;
        if guard.phase() == Phase::Idle {
            break; // the stream's owner would now find the bytes on an idle connection
        }
        let mut piece = piece.to_vec();
        let count = guard.accept(&mut piece)?;
        seen.extend_from_slice(&piece[..count]);
        while guard.has_backlog() {
            guard.hand_on(3, |bytes| seen.extend_from_slice(bytes));
        }
    }
    Ok((seen, guard.phase()))
}

fn whole(stream: &str) -> Result<(String, Phase), StreamFault> {
    let result = pass(stream.as_bytes(), &[stream.len()]);
    let by_byte = pass(stream.as_bytes(), &[1]);
    if let (Ok((seen, _)), Ok((also_seen, _))) = (&result, &by_byte) {
        assert_eq!(seen, also_seen);
    } else {
        assert_eq!(result, by_byte);
    }
    result.map(|(seen, phase)| (String::from_utf8(seen).unwrap(), phase))
}

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const REPLY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn a_reply_passes_as_it_is() {
    assert_eq!(whole(REPLY), Ok((REPLY.to_owned(), Phase::Idle)));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(whole(chunked), Ok((chunked.to_owned(), Phase::Idle)));
    let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(whole(empty), Ok((empty.to_owned(), Phase::Idle)));
}

#[test]
fn interim_heads_are_swallowed() {
    let stream = format!("{CONTINUE}{HINTS}{HINTS}{REPLY}");
    assert_eq!(whole(&stream), Ok((REPLY.to_owned(), Phase::Idle)));
}

#[test]
fn interim_heads_are_bounded_in_number() {
    let fine = format!("{}{REPLY}", CONTINUE.repeat(32));
    assert_eq!(whole(&fine), Ok((REPLY.to_owned(), Phase::Idle)));
    let flood = format!("{}{REPLY}", CONTINUE.repeat(33));
    assert_eq!(whole(&flood), Err(StreamFault::TooManyInterimResponses { limit: 32 }));
}

#[test]
fn switching_protocols_is_refused() {
    let stream = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
    assert_eq!(whole(stream), Err(StreamFault::UnaskedUpgrade));
}

#[test]
fn excess_bytes_are_never_handed_on_and_end_the_connection() {
    for reply in [
        REPLY,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let stream = format!("{reply}{REPLY}");
        let (seen, phase) = pass(stream.as_bytes(), &[stream.len()]).unwrap();
        assert_eq!((String::from_utf8(seen).unwrap().as_str(), phase), (reply, Phase::Ended));
    }
}

#[test]
fn a_close_delimited_reply_is_shown_as_http_1_0() {
    let (seen, phase) = whole("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n{\"a\":1}").unwrap();
    assert_eq!(
        (seen.as_str(), phase),
        ("HTTP/1.0 200 OK\r\nServer: x\r\n\r\n{\"a\":1}", Phase::InReply)
    );
}

#[test]
fn an_http_1_0_reply_with_a_length_is_shown_as_http_1_1_and_ends_the_connection() {
    let (seen, phase) = whole("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(
        (seen.as_str(), phase),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Phase::Ended)
    );
}

#[test]
fn a_304_with_a_length_ends_at_its_head() {
    let head = "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n";
    assert_eq!(whole(head), Ok((head.to_owned(), Phase::Ended)));
}

#[test]
fn connection_close_ends_the_connection() {
    let reply = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(whole(reply), Ok((reply.to_owned(), Phase::Ended)));
}

#[test]
fn a_head_is_bounded_in_size() {
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(MAX_HEAD));
    for size in [1000, endless.len()] {
        let result = pass(endless.as_bytes(), &[size]);
        assert_eq!(result, Err(StreamFault::HeadTooLarge { limit: MAX_HEAD }));
    }
    let ended = format!("{endless}\r\n\r\n");
    assert_eq!(
        pass(ended.as_bytes(), &[ended.len()]),
        Err(StreamFault::HeadTooLarge { limit: MAX_HEAD })
    );
}

#[test]
fn what_is_not_http_is_refused_before_any_blank_line() {
    let banner = b"HTTP, or is it SSH-2.0-OpenSSH_9.6 after all?\r\n";
    for sizes in [&[1][..], &[9], &[1, 40]] {
        let result = pass(banner, sizes);
        assert!(matches!(result, Err(StreamFault::MalformedHead(_))));
    }
}

#[test]
fn the_end_of_the_stream_is_told_for_what_it_is() {
    for (stream, expected) in [
        ("", Err(StreamFault::ClosedBeforeReply)),
        ("HTTP/1.1 200", Err(StreamFault::HeadCutShort)),
        (CONTINUE, Err(StreamFault::HeadCutShort)),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
            Err(StreamFault::BodyCutShort { received: 3, expected: 5 }),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            Err(StreamFault::ChunkedBodyCutShort),
        ),
        ("HTTP/1.1 200 OK\r\n\r\nhel", Ok(())),
        (REPLY, Ok(())),
    ] {
        let mut guard = ResponseGuard::new();
        guard.begin().unwrap();
        if !stream.is_empty() {
            guard.accept(&mut stream.as_bytes().to_vec()).unwrap();
        }
        assert_eq!(guard.end_of_stream(), expected, "{stream}");
    }
}

#[test]
fn a_request_begins_only_when_the_last_reply_has_ended() {
    let mut guard = ResponseGuard::new();
    guard.begin().unwrap();
    assert_eq!(guard.begin(), Err(StreamFault::PreviousReplyUnread));
    guard.accept(&mut REPLY.as_bytes().to_vec()).unwrap();
    assert_eq!(guard.begin(), Ok(()));
}

#[test]
fn bytes_on_an_idle_connection_are_unsolicited() {
    let mut guard = ResponseGuard::new();
    assert_eq!(guard.accept(&mut [b'H']), Err(StreamFault::UnsolicitedBytes));
}

fn bodies() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z\r\n]{0,40}".prop_map(|body| format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )),
        proptest::collection::vec("[a-z\r\n]{1,20}", 0..4).prop_map(|chunks| {
            let mut body = String::new();
            for chunk in chunks {
                write!(body, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
            }
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n")
        }),
        Just("HTTP/1.1 204 No Content\r\nX: y\r\n\r\n".to_owned()),
    ]
}

proptest! {
    #[test]
    fn any_split_of_a_stream_gives_the_same_bytes(
        interims in proptest::collection::vec(prop_oneof![Just(HINTS), Just(CONTINUE), Just("HTTP/1.1 102 P\n\n")], 0..5),
        reply in bodies(),
        sizes in proptest::collection::vec(1_usize..30, 1..12),
    ) {
        let stream = format!("{}{reply}", interims.concat());
        let (seen, phase) = pass(stream.as_bytes(), &sizes)?;
        prop_assert_eq!(String::from_utf8(seen).unwrap(), reply);
        prop_assert_eq!(phase, Phase::Idle);
    }

    #[test]
    fn a_stream_cut_anywhere_is_never_taken_for_whole(reply in bodies(), cut in 0_usize..200, size in 1_usize..30) {
        let cut = cut % reply.len();
        let mut guard = ResponseGuard::new();
        guard.begin()?;
        for piece in reply.as_bytes()[..cut].chunks(size) {
            guard.accept(&mut piece.to_vec())?;
        }
        prop_assert!(guard.end_of_stream().is_err());
    }

    #[test]
    fn no_bytes_make_the_guard_panic(bytes in proptest::collection::vec(any::<u8>(), 1..200), size in 1_usize..30) {
        let _ = pass(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &bytes[..]].concat(), &[size]);
        let _ = pass(&[b"HTTP/1.1 200 OK\r\n", &bytes[..]].concat(), &[size]);
    }
}
