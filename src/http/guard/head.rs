//! Reading from a response head how the message ends (RFC 9112 section 6), as a pure function.
//!
//! The head is read with the same parser and settings as awc's, so that both see the same message.

use std::mem::MaybeUninit;

use crate::http::stream_fault::StreamFault;

/// awc takes no more headers than this.
const MAX_HEADERS: usize = 96;

/// Where the version's minor digit stands in `HTTP/1.x`.
pub const VERSION_DIGIT: usize = 7;

/// How the body of a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is no body.
    None,
    /// There is no body, although the head announces one (204 or 304 with a `Content-Length`):
    /// awc would wait for it for ever.
    NoneButAnnounced,
    /// Exactly so many bytes, at least one.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Everything until the connection closes (RFC 9112 section 6.3, item 8).
    UntilClose,
}

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

/// Reads the head at the beginning of `bytes`. `to_head_request`: the request's method was `HEAD`.
///
/// # Errors
/// A head that is not HTTP/1.x, a 101, and every framing that two parties could read differently.
pub fn parse_head(bytes: &[u8], to_head_request: bool) -> Result<ParsedHead, StreamFault> {
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
    let fields = FramingFields::read(response.headers, minor == 0)?;
    let bodiless = to_head_request || status == 204 || status == 304;
    let framing = match fields.framing() {
        BodyFraming::Length(_) | BodyFraming::Chunked if bodiless => {
            if to_head_request {
                BodyFraming::None
            } else {
                BodyFraming::NoneButAnnounced
            }
        }
        _ if bodiless => BodyFraming::None,
        framing => framing,
    };
    let keep_alive = fields.keep_alive(minor == 0);
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

/// The header fields that say how a message ends.
#[derive(Default)]
struct FramingFields {
    content_length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl FramingFields {
    fn read(headers: &[httparse::Header<'_>], http_1_0: bool) -> Result<Self, StreamFault> {
        let mut fields = Self::default();
        for header in headers {
            // The length is compared first: it rules out nearly all headers at once.
            match header.name.len() {
                7 if header.name.eq_ignore_ascii_case("upgrade") => {
                    refuse_websocket(header.value)?;
                }
                10 if header.name.eq_ignore_ascii_case("connection") => {
                    fields.read_connection(header.value);
                }
                14 if header.name.eq_ignore_ascii_case("content-length") => {
                    fields.read_content_length(header.value)?;
                }
                17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                    fields.read_transfer_encoding(header.value)?;
                }
                _ => {}
            }
        }
        if fields.chunked && fields.content_length.is_some() {
            return Err(ambiguous("both Content-Length and Transfer-Encoding"));
        }
        if fields.chunked && http_1_0 {
            return Err(ambiguous("Transfer-Encoding in an HTTP/1.0 reply"));
        }
        Ok(fields)
    }

    fn read_connection(&mut self, value: &[u8]) {
        for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn read_content_length(&mut self, value: &[u8]) -> Result<(), StreamFault> {
        let length = parse_content_length(value)?;
        match self.content_length {
            None => self.content_length = Some(length),
            Some(first) if first == length => return Err(ambiguous("Content-Length twice")),
            Some(_) => return Err(ambiguous("two different Content-Length headers")),
        }
        Ok(())
    }

    fn read_transfer_encoding(&mut self, value: &[u8]) -> Result<(), StreamFault> {
        if self.chunked {
            return Err(ambiguous("Transfer-Encoding twice"));
        }
        if !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            return Err(ambiguous("a Transfer-Encoding other than chunked"));
        }
        self.chunked = true;
        Ok(())
    }

    fn framing(&self) -> BodyFraming {
        match self.content_length {
            _ if self.chunked => BodyFraming::Chunked,
            Some(0) => BodyFraming::None,
            Some(length) => BodyFraming::Length(length),
            None => BodyFraming::UntilClose,
        }
    }

    fn keep_alive(&self, http_1_0: bool) -> bool {
        !self.close && (!http_1_0 || self.keep_alive)
    }
}

/// awc takes this header for the end of HTTP, whatever the status, and the body for empty.
fn refuse_websocket(value: &[u8]) -> Result<(), StreamFault> {
    if value.trim_ascii().eq_ignore_ascii_case(b"websocket") {
        return Err(StreamFault::UnaskedUpgrade);
    }
    Ok(())
}

/// Decimal digits and nothing else: no sign, no list (RFC 9110 section 8.6).
fn parse_content_length(value: &[u8]) -> Result<u64, StreamFault> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ambiguous("a Content-Length that is not a number"));
    }
    digits
        .iter()
        .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .ok_or_else(|| ambiguous("a Content-Length beyond all bounds"))
}

fn ambiguous(what: &'static str) -> StreamFault {
    StreamFault::AmbiguousFraming(what)
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
        match parse_head(head.as_bytes(), false)? {
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
    fn a_reply_to_head_has_no_body() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        let Ok(ParsedHead::Final(head)) = parse_head(head, true) else { panic!() };
        assert_eq!(head.framing, BodyFraming::None);
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
        let bytes =
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(parse_head(bytes, false), Ok(ParsedHead::Interim(40)));
        assert_eq!(parse_head(b"HTTP/1.1 101 X\r\n\r\n", false), Err(StreamFault::UnaskedUpgrade));
        assert_eq!(
            framing_of("Upgrade: WebSocket\r\nContent-Length: 1\r\n"),
            Err(StreamFault::UnaskedUpgrade)
        );
    }

    #[test]
    fn what_is_not_http_1_is_refused_at_its_first_bytes() {
        for bytes in [&b"SSH-2.0-x\r\n"[..], b"H2", b"HTTP/2", b"\r\nHTTP/1.1 200", b"\x15\x03"] {
            let result = parse_head(bytes, false);
            assert!(matches!(result, Err(StreamFault::MalformedHead(_))), "{bytes:?}");
        }
        assert_eq!(parse_head(b"HTTP/1.", false), Ok(ParsedHead::Partial));
        assert_eq!(parse_head(b"", false), Ok(ParsedHead::Partial));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
            head.extend(&bytes);
            let _ = parse_head(&head, false);
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
