//! Following a chunked body (RFC 9112 section 7.1) without taking it apart: only to know where it
//! ends. awc decodes the body itself, but drops whatever it has read behind the end, so that half
//! of an unasked reply could be left for the next request.

use crate::http::stream_fault::StreamFault;

/// Bytes that chunk extensions and trailers of one body may have together.
const MAX_OVERHEAD: usize = 16 * 1024;

/// Where in the body the next byte stands. It takes no more than awc's own decoder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    FirstSizeDigit,
    SizeDigits,
    SizePadding,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
}

/// The state of one chunked body.
#[derive(Debug)]
pub struct ChunkedBody {
    place: Place,
    /// The size of the chunk; while in its data, the bytes still to come.
    size: u64,
    overhead: usize,
}

impl ChunkedBody {
    /// A body of which nothing has come.
    pub fn new() -> Self {
        Self { place: Place::FirstSizeDigit, size: 0, overhead: 0 }
    }

    /// Follows `bytes`. `Some(n)`: the body ended after the first `n` of them.
    ///
    /// # Errors
    /// [`StreamFault::MalformedChunk`].
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, StreamFault> {
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            if self.place == Place::Data {
                let length = usize::try_from(self.size).unwrap_or(usize::MAX).min(rest.len());
                self.size -= length as u64;
                rest = rest.get(length..).unwrap_or_default();
                if self.size == 0 {
                    self.place = Place::DataCr;
                }
                continue;
            }
            rest = behind;
            if self.place == Place::EndLf {
                expect(byte, b'\n')?;
                return Ok(Some(bytes.len() - rest.len()));
            }
            self.place = self.step(byte)?;
        }
        Ok(None)
    }

    fn step(&mut self, byte: u8) -> Result<Place, StreamFault> {
        match self.place {
            Place::FirstSizeDigit => {
                self.size = hex_digit(byte).ok_or(StreamFault::MalformedChunk("no chunk size"))?;
                Ok(Place::SizeDigits)
            }
            Place::SizeDigits => self.size_digit(byte),
            Place::SizePadding => match byte {
                b' ' | b'\t' => self.overhead(Place::SizePadding),
                b';' => Ok(Place::Extension),
                b'\r' => Ok(Place::SizeLf),
                _ => Err(StreamFault::MalformedChunk("invalid chunk size")),
            },
            Place::Extension => match byte {
                b'\r' => Ok(Place::SizeLf),
                b'\t' | b' '..=b'~' | 0x80.. => self.overhead(Place::Extension),
                _ => Err(StreamFault::MalformedChunk("invalid chunk extension")),
            },
            Place::SizeLf => {
                expect(byte, b'\n')?;
                Ok(if self.size == 0 { Place::TrailerStart } else { Place::Data })
            }
            Place::DataCr => expect(byte, b'\r').map(|()| Place::DataLf),
            Place::DataLf => expect(byte, b'\n').map(|()| Place::FirstSizeDigit),
            Place::TrailerStart if byte == b'\r' => Ok(Place::EndLf),
            Place::Trailer if byte == b'\r' => Ok(Place::TrailerLf),
            Place::TrailerStart | Place::Trailer => self.overhead(Place::Trailer),
            Place::TrailerLf => expect(byte, b'\n').map(|()| Place::TrailerStart),
            // `advance` deals with these two; staying is the harmless answer.
            Place::Data | Place::EndLf => Ok(self.place),
        }
    }

    fn size_digit(&mut self, byte: u8) -> Result<Place, StreamFault> {
        match byte {
            b' ' | b'\t' => Ok(Place::SizePadding),
            b';' => Ok(Place::Extension),
            b'\r' => Ok(Place::SizeLf),
            _ => {
                let digit = hex_digit(byte);
                let digit = digit.ok_or(StreamFault::MalformedChunk("invalid chunk size"))?;
                // Leading zeros cost nothing else, so they count as overhead.
                let size = self.size.checked_mul(16).map(|size| size + digit);
                self.size = size.ok_or(StreamFault::MalformedChunk("chunk size beyond bounds"))?;
                if self.size == 0 {
                    self.overhead(Place::SizeDigits)
                } else {
                    Ok(Place::SizeDigits)
                }
            }
        }
    }

    fn overhead(&mut self, next: Place) -> Result<Place, StreamFault> {
        self.overhead += 1;
        if self.overhead > MAX_OVERHEAD {
            return Err(StreamFault::MalformedChunk("extensions and trailers above 16 KiB"));
        }
        Ok(next)
    }
}

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

fn expect(byte: u8, wanted: u8) -> Result<(), StreamFault> {
    if byte == wanted { Ok(()) } else { Err(StreamFault::MalformedChunk("invalid line end")) }
}

impl Default for ChunkedBody {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn end_of(body: &[u8]) -> Result<Option<usize>, StreamFault> {
        ChunkedBody::new().advance(body)
    }

    #[test]
    fn the_end_is_found() {
        for body in [
            &b"0\r\n\r\n"[..],
            b"5\r\nhello\r\n0\r\n\r\n",
            b"A;x=\"y\"\r\n0123456789\r\n000\r\n\r\n",
            b"1 \t;q\r\n\n\r\n0\r\nExpires: 0\r\nX: y\r\n\r\n",
        ] {
            assert_eq!(end_of(body), Ok(Some(body.len())));
            assert_eq!(end_of(&[body, b"HTTP/1.1 200 OK"].concat()), Ok(Some(body.len())));
            assert_eq!(end_of(&body[..body.len() - 1]), Ok(None));
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for body in [
            &b"\r\n"[..],
            b"g\r\n",
            b"5\n",
            b"5\r\nhello0",
            b"5\r\nhello\n",
            b"-1\r\n",
            b"1 2\r\n",
            b"11111111111111111\r\n",
            b"1;\x00\r\n",
            b"0\r\n\rx",
        ] {
            assert!(end_of(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
        assert!(end_of(&[&b"0\r\nX: "[..], "y".repeat(MAX_OVERHEAD).as_bytes()].concat()).is_err());
        assert!(end_of(&"0".repeat(MAX_OVERHEAD + 9).into_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_split_finds_the_same_end(
            chunks in proptest::collection::vec("[a-z\r\n]{1,20}", 0..5), step in 1_usize..9,
        ) {
            let mut body = String::new();
            for chunk in chunks {
                write!(body, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
            }
            body.push_str("0\r\n\r\n");
            let mut follower = ChunkedBody::new();
            let mut ends = vec![];
            let mut start = 0;
            for piece in body.as_bytes().chunks(step) {
                if let Some(end) = follower.advance(piece)? {
                    ends.push(start + end);
                }
                start += piece.len();
            }
            prop_assert_eq!(ends, vec![body.len()]);
        }
    }
}
