//! Reading from a response head how the message ends (RFC 9112 section 6), as a pure function.
//!
//! The head is read with the same parser and settings as awc's, so that both see the same message.

use std::mem::MaybeUninit;

use super::framing::{BodyFraming, FramingFields, HttpVersion};
use crate::http::stream_fault::StreamFault;

/// awc takes no more headers than this.
const MAX_HEADERS: usize = 96;

/// Where the version's minor digit stands in `HTTP/1.x`.
pub const VERSION_DIGIT: usize = 7;

/// The final head of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinalHead {
    /// Bytes of the head, blank line included.
    pub length: usize,
    /// How the body ends.
    pub framing: BodyFraming,
    /// Whether the server lets the connection be used again (RFC 9112 section 9.3).
    pub keep_alive: bool,
}

/// What stands at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParsedHead {
    /// The head's end has not come yet.
    Partial,
    /// An interim (1xx) response of so many bytes, blank line included.
    Interim(usize),
    /// The reply proper.
    Final(FinalHead),
}

/// Reads the head at the beginning of `bytes`. No request asks by `HEAD`, so that its method is of no
/// matter.
///
/// # Errors
/// A head that is not HTTP/1.x, a 101, and every framing that two parties could read differently.
pub fn parse_head(bytes: &[u8]) -> Result<ParsedHead, StreamFault> {
    check_prefix(bytes)?;
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let mut config = httparse::ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(true);
    let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    let length = match parsed.map_err(fault)? {
        httparse::Status::Partial => return Ok(ParsedHead::Partial),
        httparse::Status::Complete(length) => length,
    };
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err(StreamFault::MalformedHead("no status"));
    };
    match status {
        0..100 => return Err(StreamFault::MalformedHead("status below 100")),
        101 => return Err(StreamFault::UnaskedUpgrade),
        100..200 => return Ok(ParsedHead::Interim(length)),
        200.. => {}
    }
    let version = if minor == 0 { HttpVersion::Http10 } else { HttpVersion::Http11 };
    let fields = FramingFields::read(response.headers, version)?;
    let framing = match (status, fields.framing()) {
        (204 | 304, BodyFraming::Length(_) | BodyFraming::Chunked) => BodyFraming::NoneButAnnounced,
        (
            204 | 304,
            BodyFraming::None | BodyFraming::NoneButAnnounced | BodyFraming::UntilClose,
        ) => BodyFraming::None,
        (_, framing) => framing,
    };
    let keep_alive = fields.keep_alive(version);
    Ok(ParsedHead::Final(FinalHead { length, framing, keep_alive }))
}

/// Where the first head in `bytes` ends (just behind its blank line), looking from `from` on.
/// Lines may end in a bare LF, as the parser allows.
pub fn find_head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut line_start = from;
    while let Some(offset) = bytes.get(line_start..)?.iter().position(|&byte| byte == b'\n') {
        let next = line_start + offset + 1;
        match bytes.get(next..)? {
            [b'\n', ..] => return Some(next + 1),
            [b'\r', b'\n', ..] => return Some(next + 2),
            _ => line_start = next,
        }
    }
    None
}

/// Something that is not HTTP/1.x at all is refused at its first bytes: a blank line might never come.
fn check_prefix(bytes: &[u8]) -> Result<(), StreamFault> {
    if bytes.iter().zip(b"HTTP/1.").all(|(got, wanted)| got == wanted) {
        Ok(())
    } else {
        Err(StreamFault::MalformedHead("it does not begin with HTTP/1."))
    }
}

fn fault(error: httparse::Error) -> StreamFault {
    StreamFault::MalformedHead(match error {
        httparse::Error::HeaderName => "invalid header name",
        httparse::Error::HeaderValue => "invalid header value",
        httparse::Error::NewLine => "invalid line end",
        httparse::Error::Status => "invalid status line",
        httparse::Error::Token => "invalid token",
        httparse::Error::TooManyHeaders => {
            return StreamFault::TooManyHeaders { limit: MAX_HEADERS };
        }
        httparse::Error::Version => "not HTTP/1.0 or HTTP/1.1",
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn framing_of(headers: &str) -> Result<BodyFraming, StreamFault> {
        final_head(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).map(|head| head.framing)
    }

    fn final_head(head: &str) -> Result<FinalHead, StreamFault> {
        match parse_head(head.as_bytes())? {
            ParsedHead::Final(head) => Ok(head),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_framing_follows_rfc_9112_section_6_3() {
        assert_eq!(framing_of("content-length: 12\r\n"), Ok(BodyFraming::Length(12)));
        assert_eq!(framing_of("CONTENT-LENGTH:0\r\n"), Ok(BodyFraming::None));
        assert_eq!(framing_of("Transfer-Encoding: Chunked\r\n"), Ok(BodyFraming::Chunked));
        assert_eq!(framing_of("Server: x\r\n"), Ok(BodyFraming::UntilClose));
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        for headers in [
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 0x10\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            let result = framing_of(headers);
            assert!(
                matches!(result, Err(StreamFault::AmbiguousFraming(_))),
                "{headers}: {result:?}"
            );
        }
        let old = final_head("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(matches!(old, Err(StreamFault::AmbiguousFraming(_))));
    }

    #[test]
    fn a_204_or_304_has_no_body_whatever_it_announces() {
        for (head, framing) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", BodyFraming::None),
            ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", BodyFraming::None),
            (
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
                BodyFraming::NoneButAnnounced,
            ),
            ("HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n", BodyFraming::NoneButAnnounced),
        ] {
            assert_eq!(final_head(head).map(|head| head.framing), Ok(framing), "{head}");
        }
    }

    #[test]
    fn keep_alive_is_the_default_of_1_1_and_must_be_said_in_1_0() {
        for (head, keep_alive) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: foo, Close\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive\r\n\r\n", true),
        ] {
            assert_eq!(final_head(head).map(|head| head.keep_alive), Ok(keep_alive), "{head}");
        }
    }

    #[test]
    fn interim_heads_are_told_from_final_ones() {
        let bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(parse_head(bytes), Ok(ParsedHead::Interim(40)));
        assert_eq!(parse_head(b"HTTP/1.1 101 X\r\n\r\n"), Err(StreamFault::UnaskedUpgrade));
        assert_eq!(
            framing_of("Upgrade: WebSocket\r\nContent-Length: 1\r\n"),
            Err(StreamFault::UnaskedUpgrade)
        );
    }

    #[test]
    fn what_is_not_http_1_is_refused_at_its_first_bytes() {
        for bytes in [&b"SSH-2.0-x\r\n"[..], b"H2", b"HTTP/2", b"\r\nHTTP/1.1 200", b"\x15\x03"] {
            let result = parse_head(bytes);
            assert!(matches!(result, Err(StreamFault::MalformedHead(_))), "{bytes:?}");
        }
        assert_eq!(parse_head(b"HTTP/1."), Ok(ParsedHead::Partial));
        assert_eq!(parse_head(b""), Ok(ParsedHead::Partial));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
            head.extend(&bytes);
            let _ = parse_head(&head);
            let _ = find_head_end(&bytes, 0);
        }

        #[test]
        fn the_head_end_is_where_the_parser_finds_it(
            names in proptest::collection::vec("[a-z]{1,8}", 0..6), bare_lf: bool, body in "[a\r\n]{0,9}",
        ) {
            let end = if bare_lf { "\n" } else { "\r\n" };
            let mut text = format!("HTTP/1.1 200 OK{end}");
            for name in names {
                write!(text, "x{name}: 1{end}").unwrap();
            }
            text.push_str(end);
            let length = text.len();
            text.push_str(&body);
            prop_assert_eq!(find_head_end(text.as_bytes(), 0), Some(length));
            prop_assert_eq!(final_head(&text).map(|head| head.length), Ok(length));
        }

        #[test]
        fn any_number_is_read_as_itself(length in 1..u64::MAX) {
            let framing = framing_of(&format!("Content-Length: {length}\r\n"));
            prop_assert_eq!(framing, Ok(BodyFraming::Length(length)));
        }
    }
}
