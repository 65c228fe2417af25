//! Percent-encoding (RFC 3986 section 2.1): which characters of which text.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::model::template::escape::ALL_BUT_UNRESERVED;
use crate::model::template::text_template::Piece;

/// Fixed text of the URL: it is syntax, so only what no URL may hold is encoded. `%` is looked at
/// apart.
const URL_TEXT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// Fixed text of the query table: it is data, so what is syntax in a query (`%` and `+` too) is
/// encoded. What is none stays readable.
const TABLE_TEXT: &AsciiSet = &ALL_BUT_UNRESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b'?')
    .remove(b'@');

/// Appends a value.
pub(super) fn push_value(out: &mut String, value: &str) {
    out.extend(utf8_percent_encode(value, ALL_BUT_UNRESERVED));
}

/// Encodes the fixed pieces; values are encoded when they come.
pub(super) fn encode_fixed(pieces: &mut [Piece], encoded: fn(&str) -> String) {
    for piece in pieces {
        if let Piece::Fixed(text) = piece {
            *text = encoded(text);
        }
    }
}

/// Fixed text of the query table as it is sent.
pub(super) fn table_text(text: &str) -> String {
    utf8_percent_encode(text, TABLE_TEXT).to_string()
}

/// Fixed text of the URL as it is sent. A `%` that begins no escape is encoded: a value behind it
/// must not make one.
pub(super) fn url_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, part) in text.split('%').enumerate() {
        if index > 0 {
            out.push_str(if begins_with_two_hex(part) { "%" } else { "%25" });
        }
        out.extend(utf8_percent_encode(part, URL_TEXT));
    }
    out
}

fn begins_with_two_hex(text: &str) -> bool {
    let mut bytes = text.bytes();
    let mut hex = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
    hex() && hex()
}
