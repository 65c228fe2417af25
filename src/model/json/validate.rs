//! Is this text JSON that every reader of the aggregate will accept? One pass, no recursion.
//!
//! The functions take the offset where something begins and give back the offset behind it.

use std::ops::Range;

use super::scan::skip_plain;
use super::{JsonError, without_byte_order_mark};

/// Checks a whole text and says where its one value stands between the white space.
pub(super) fn find_value(bytes: &[u8], max_depth: usize) -> Result<Range<usize>, JsonError> {
    let mark = bytes.len() - without_byte_order_mark(bytes).len();
    let start = skip_space(bytes, mark);
    match bytes.get(start) {
        None => return Err(JsonError::Empty),
        // Before the check for UTF-8: a proxy's error page may well be Latin-1.
        Some(b'<') => {
            let expected = "a value (this looks like HTML or XML, not JSON)";
            return Err(JsonError::Syntax { at: start, expected });
        }
        Some(_) => {}
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(JsonError::NotUtf8 { at: error.valid_up_to() });
    }
    let end = check_value(bytes, start, max_depth)?;
    let rest = skip_space(bytes, end);
    if rest < bytes.len() {
        return Err(JsonError::Trailing { at: rest });
    }
    Ok(start..end)
}

/// Checks one value with all that it contains.
fn check_value(bytes: &[u8], mut at: usize, max_depth: usize) -> Result<usize, JsonError> {
    let mut nesting = Nesting::new(max_depth);
    loop {
        // Here a value begins.
        at = match peek(bytes, at) {
            b'"' => check_string(bytes, at + 1)?,
            b'{' => {
                nesting.open(Container::Object)?;
                at = skip_space(bytes, at + 1);
                if peek(bytes, at) != b'}' {
                    at = check_key(bytes, at, "a key in double quotes or '}'")?;
                    continue;
                }
                nesting.close();
                at + 1
            }
            b'[' => {
                nesting.open(Container::Array)?;
                at = skip_space(bytes, at + 1);
                if peek(bytes, at) != b']' {
                    continue;
                }
                nesting.close();
                at + 1
            }
            b'-' | b'0'..=b'9' => check_number(bytes, at)?,
            b't' => check_literal(bytes, at, "true")?,
            b'f' => check_literal(bytes, at, "false")?,
            b'n' => check_literal(bytes, at, "null")?,
            _ => return syntax(at, "a value"),
        };
        // Here a value has ended, and its containers may end with it.
        loop {
            let Some(container) = nesting.innermost() else {
                return Ok(at);
            };
            at = skip_space(bytes, at);
            match (container, peek(bytes, at)) {
                (Container::Object, b',') => {
                    at = skip_space(bytes, at + 1);
                    at = check_key(bytes, at, "a key in double quotes")?;
                    break;
                }
                (Container::Array, b',') => {
                    at = skip_space(bytes, at + 1);
                    break;
                }
                (Container::Object, b'}') | (Container::Array, b']') => nesting.close(),
                (Container::Object, _) => return syntax(at, "',' or '}'"),
                (Container::Array, _) => return syntax(at, "',' or ']'"),
            }
            at += 1;
        }
    }
}

/// Checks a key and its colon, and goes on to where the value begins.
#[inline]
fn check_key(bytes: &[u8], at: usize, expected: &'static str) -> Result<usize, JsonError> {
    if peek(bytes, at) != b'"' {
        return syntax(at, expected);
    }
    let at = skip_space(bytes, check_string(bytes, at + 1)?);
    if peek(bytes, at) != b':' {
        return syntax(at, "':'");
    }
    Ok(skip_space(bytes, at + 1))
}

/// Checks a string from behind its opening quote.
#[inline]
fn check_string(bytes: &[u8], mut at: usize) -> Result<usize, JsonError> {
    loop {
        at = skip_plain(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = check_escape(bytes, at)?,
            Some(_) => return syntax(at, "no control character in a string, unless escaped"),
            None => return syntax(at, "the closing quote of a string"),
        }
    }
}

/// Checks the escape whose backslash is at `at`; a surrogate pair counts as one.
fn check_escape(bytes: &[u8], at: usize) -> Result<usize, JsonError> {
    match peek(bytes, at + 1) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => return Ok(at + 2),
        b'u' => {}
        _ => return syntax(at + 1, "one of \" \\ / b f n r t u after a backslash"),
    }
    match check_hex(bytes, at + 2)? {
        0xD800..=0xDBFF => {
            if peek(bytes, at + 6) != b'\\' || peek(bytes, at + 7) != b'u' {
                return Err(JsonError::LoneSurrogate { at });
            }
            match check_hex(bytes, at + 8)? {
                0xDC00..=0xDFFF => Ok(at + 12),
                _ => Err(JsonError::LoneSurrogate { at }),
            }
        }
        0xDC00..=0xDFFF => Err(JsonError::LoneSurrogate { at }),
        _ => Ok(at + 6),
    }
}

/// The value of the four hexadecimal digits at `at`.
fn check_hex(bytes: &[u8], at: usize) -> Result<u32, JsonError> {
    let mut value = 0;
    for place in at..at + 4 {
        match char::from(peek(bytes, place)).to_digit(16) {
            Some(digit) => value = value * 16 + digit,
            None => return syntax(place, "four hexadecimal digits after \\u"),
        }
    }
    Ok(value)
}

/// Checks a number, RFC 8259 section 6. How large or precise it is does not matter here.
#[inline]
fn check_number(bytes: &[u8], start: usize) -> Result<usize, JsonError> {
    let digits = start + usize::from(peek(bytes, start) == b'-');
    let mut at = check_digits(bytes, digits)?;
    if peek(bytes, digits) == b'0' && at > digits + 1 {
        return syntax(digits + 1, "no digit after a leading zero");
    }
    if peek(bytes, at) == b'.' {
        at = check_digits(bytes, at + 1)?;
    }
    if matches!(peek(bytes, at), b'e' | b'E') {
        let sign = usize::from(matches!(peek(bytes, at + 1), b'+' | b'-'));
        at = check_digits(bytes, at + 1 + sign)?;
    }
    Ok(at)
}

/// Checks that there is at least one digit, and goes on behind the last.
#[inline]
fn check_digits(bytes: &[u8], start: usize) -> Result<usize, JsonError> {
    let mut at = start;
    while peek(bytes, at).is_ascii_digit() {
        at += 1;
    }
    if at == start { syntax(at, "a digit") } else { Ok(at) }
}

#[inline]
fn check_literal(bytes: &[u8], at: usize, literal: &str) -> Result<usize, JsonError> {
    let end = at + literal.len();
    if bytes.get(at..end) == Some(literal.as_bytes()) { Ok(end) } else { syntax(at, "a value") }
}

#[inline]
fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(peek(bytes, at), b' ' | b'\n' | b'\r' | b'\t') {
        at += 1;
    }
    at
}

/// The byte at `at`; at the end NUL, which no rule of the grammar accepts either.
#[inline]
fn peek(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

#[cold]
fn syntax<T>(at: usize, expected: &'static str) -> Result<T, JsonError> {
    Err(JsonError::Syntax { at, expected })
}

/// What a value can stand in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

/// The containers that are open, one bit each: 1 for an object. The innermost 64 are in `bits`,
/// the lowest bit being the innermost; those further out wait in `outer`, 64 to a word, so that
/// nothing is allocated at the depths that real replies have.
struct Nesting {
    bits: u64,
    outer: Vec<u64>,
    depth: usize,
    limit: usize,
}

impl Nesting {
    const fn new(limit: usize) -> Self {
        Self { bits: 0, outer: Vec::new(), depth: 0, limit }
    }

    #[inline]
    fn open(&mut self, container: Container) -> Result<(), JsonError> {
        if self.depth >= self.limit {
            return Err(JsonError::TooDeep { limit: self.limit });
        }
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(container == Container::Object);
        self.depth += 1;
        Ok(())
    }

    /// Closes the innermost container; there must be one.
    #[inline]
    fn close(&mut self) {
        self.depth -= 1;
        self.bits >>= 1;
        if self.depth.is_multiple_of(64) {
            self.bits = self.outer.pop().unwrap_or(0);
        }
    }

    #[inline]
    fn innermost(&self) -> Option<Container> {
        match (self.depth, self.bits & 1) {
            (0, _) => None,
            (_, 0) => Some(Container::Array),
            (_, _) => Some(Container::Object),
        }
    }
}
