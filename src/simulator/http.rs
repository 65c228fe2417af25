//! Requests out of a buffer of bytes (HTTP/1.1, RFC 9112). Nothing here touches a socket. No
//! framework stands between: what the service sends is to be seen exactly as it was sent.

use bytes::{Buf, BytesMut};

use super::canned_reply::Reply;

/// The longest request head that is read, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The most headers a request may have.
const MAX_HEADERS: usize = 128;
/// The longest request body that is read, in bytes, chunk sizes included.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;

/// A request that cannot be read. The connection is answered with [`Malformed::reply`] and closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the request head is not HTTP/1.x")]
    Head,
    #[error("the request head is longer than {MAX_HEAD} bytes")]
    HeadTooLong,
    #[error("Content-Length or Transfer-Encoding cannot be understood")]
    Framing,
    #[error("the chunked body is broken")]
    Chunk,
    #[error("the request body is longer than {MAX_BODY} bytes")]
    BodyTooLong,
}

impl Malformed {
    /// What the sender of such a request is told.
    pub(super) fn reply(self) -> Reply {
        let status = match self {
            Self::Head | Self::Framing | Self::Chunk => 400,
            Self::HeadTooLong => 431,
            Self::BodyTooLong => 413,
        };
        Reply::json(status, &serde_json::json!({ "error": self.to_string() }))
            .with_header("connection", "close")
    }
}

/// How a request says where its body ends (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) framing: Framing,
    /// The client wants the connection closed after the reply (RFC 9112, section 9.3).
    pub(super) close: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
}

/// Takes a request head from the front of `buffer`; `None` while it is incomplete.
pub(super) fn take_head(buffer: &mut BytesMut) -> Result<Option<Head>, Malformed> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut slots);
    let length = match request.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if buffer.len() > MAX_HEAD => {
            return Err(Malformed::HeadTooLong);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Malformed::HeadTooLong),
        Err(_) => return Err(Malformed::Head),
    };
    let headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), header.value.to_vec()))
        .collect();
    let head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        framing: framing(&headers)?,
        close: request.version == Some(0) || has_token(&headers, "connection", "close"),
        expects_continue: has_token(&headers, "expect", "100-continue"),
        headers,
    };
    buffer.advance(length);
    Ok(Some(head))
}

fn framing(headers: &[(String, Vec<u8>)]) -> Result<Framing, Malformed> {
    if has_token(headers, "transfer-encoding", "chunked") {
        return Ok(Framing::Chunked);
    }
    let mut lengths =
        headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let Some((_, value)) = lengths.next() else {
        return Ok(Framing::Length(0));
    };
    if lengths.next().is_some() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::Framing);
    }
    let length = std::str::from_utf8(value)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(Malformed::Framing)?;
    if length > MAX_BODY {
        return Err(Malformed::BodyTooLong);
    }
    Ok(Framing::Length(length))
}

fn has_token(headers: &[(String, Vec<u8>)], name: &str, token: &str) -> bool {
    headers
        .iter()
        .filter(|(sent, _)| sent.eq_ignore_ascii_case(name))
        .flat_map(|(_, value)| value.split(|byte| *byte == b','))
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Takes a request body from the front of `buffer`; `None` while it is incomplete.
pub(super) fn take_body(
    buffer: &mut BytesMut,
    framing: Framing,
) -> Result<Option<Vec<u8>>, Malformed> {
    match framing {
        Framing::Length(length) if buffer.len() < length => Ok(None),
        Framing::Length(length) => Ok(Some(buffer.split_to(length).to_vec())),
        Framing::Chunked => {
            if let Some((length, body)) = decode_chunked(buffer)? {
                buffer.advance(length);
                return Ok(Some(body));
            }
            if buffer.len() > MAX_BODY {
                return Err(Malformed::BodyTooLong);
            }
            Ok(None)
        }
    }
}

/// Decodes a chunked body (RFC 9112, section 7.1) and tells how many bytes it took; `None` while
/// it is incomplete. Trailers are skipped.
fn decode_chunked(bytes: &[u8]) -> Result<Option<(usize, Vec<u8>)>, Malformed> {
    let mut body = Vec::new();
    let mut rest = bytes;
    loop {
        let (line, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(parsed)) => parsed,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Malformed::Chunk),
        };
        let size = usize::try_from(size).map_err(|_| Malformed::BodyTooLong)?;
        if size > MAX_BODY {
            return Err(Malformed::BodyTooLong);
        }
        rest = rest.get(line..).unwrap_or_default();
        if size == 0 {
            let trailers = skip_trailers(rest)?;
            return Ok(trailers.map(|after| (bytes.len() - after.len(), body)));
        }
        let Some((chunk, after)) = rest.split_at_checked(size) else {
            return Ok(None);
        };
        let Some((end, after)) = after.split_at_checked(2) else {
            return Ok(None);
        };
        if end != b"\r\n" {
            return Err(Malformed::Chunk);
        }
        body.extend_from_slice(chunk);
        rest = after;
    }
}

/// What follows the trailer section; `None` while its blank line has not come.
fn skip_trailers(bytes: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut slots = [httparse::EMPTY_HEADER; 16];
    match httparse::parse_headers(bytes, &mut slots) {
        Ok(httparse::Status::Complete((length, _))) => Ok(bytes.get(length..)),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(Malformed::Chunk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head_of(text: &str) -> Result<Option<Head>, Malformed> {
        take_head(&mut BytesMut::from(text))
    }

    #[test]
    fn a_head_is_taken_once_it_is_complete_and_what_follows_stays() {
        let text = "POST /a?b=%20 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(head_of(&text[..end]), Ok(None), "{end} bytes");
        }
        let mut buffer = BytesMut::from(format!("{text}hi").as_str());
        let head = take_head(&mut buffer).unwrap().unwrap();
        assert_eq!(head.target, "/a?b=%20");
        assert_eq!(head.headers[0], ("Host".to_owned(), b"x".to_vec()));
        assert_eq!(head.framing, Framing::Length(2));
        assert!(!head.close && !head.expects_continue);
        assert_eq!(take_body(&mut buffer, head.framing), Ok(Some(b"hi".to_vec())));
        assert!(buffer.is_empty());
    }

    #[test]
    fn closing_is_asked_for_by_http_1_0_and_by_the_header() {
        assert!(head_of("GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().close);
        let listed = "GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n";
        assert!(head_of(listed).unwrap().unwrap().close);
    }

    #[test]
    fn broken_heads_are_refused_with_a_status() {
        for (text, malformed, status) in [
            ("nonsense\r\n\r\n", Malformed::Head, 400),
            ("GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", Malformed::Framing, 400),
            (
                "GET / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
                Malformed::Framing,
                400,
            ),
            ("GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", Malformed::BodyTooLong, 413),
        ] {
            assert_eq!(head_of(text), Err(malformed), "{text}");
            assert_eq!(malformed.reply().status, status);
        }
        let long = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(MAX_HEAD));
        assert_eq!(head_of(&long), Err(Malformed::HeadTooLong));
    }

    #[test]
    fn a_chunked_body_is_decoded_with_extensions_and_trailers_wherever_it_is_cut() {
        let text = "3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n";
        for end in 0..text.len() {
            let mut part = BytesMut::from(&text[..end]);
            assert_eq!(take_body(&mut part, Framing::Chunked), Ok(None), "{end} bytes");
            assert_eq!(part.len(), end);
        }
        let mut buffer = BytesMut::from(format!("{text}GET").as_str());
        let body = take_body(&mut buffer, Framing::Chunked).unwrap().unwrap();
        assert_eq!(body, b"abc0123456789");
        assert_eq!(&buffer[..], b"GET");
    }

    #[test]
    fn a_broken_chunk_is_refused() {
        for text in ["x\r\n", "1\r\nabc", "FFFFFFFF\r\n"] {
            let taken = take_body(&mut BytesMut::from(text), Framing::Chunked);
            assert!(taken.is_err(), "{text}");
        }
    }
}
