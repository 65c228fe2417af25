//! How the body of a reply ends, by the header fields that say it (RFC 9112 section 6).

use crate::http::stream_fault::StreamFault;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpVersion {
    Http10,
    /// 1.1, or a later minor version, which means the same.
    Http11,
}

/// The header fields that say how a message ends.
#[derive(Default)]
pub(super) struct FramingFields {
    content_length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl FramingFields {
    pub(super) fn read(
        headers: &[httparse::Header<'_>],
        version: HttpVersion,
    ) -> Result<Self, StreamFault> {
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
        if fields.chunked && version == HttpVersion::Http10 {
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

    pub(super) fn framing(&self) -> BodyFraming {
        match self.content_length {
            _ if self.chunked => BodyFraming::Chunked,
            Some(0) => BodyFraming::None,
            Some(length) => BodyFraming::Length(length),
            None => BodyFraming::UntilClose,
        }
    }

    /// Whether the connection may carry another exchange (RFC 9112 section 9.3).
    pub(super) fn keep_alive(&self, version: HttpVersion) -> bool {
        match version {
            HttpVersion::Http10 => !self.close && self.keep_alive,
            HttpVersion::Http11 => !self.close,
        }
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
