//! String literals to text and back.

use std::borrow::Cow;

use crate::model::json::scan::skip_plain;

/// Appends `text` to `out` as a JSON string literal, quotes included.
///
/// Escapes what RFC 8259 section 7 demands and nothing else: quote, backslash and the characters
/// below U+0020.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut rest = bytes;
    loop {
        let (plain, special) = rest.split_at(skip_plain(rest, 0));
        out.extend_from_slice(plain);
        let Some((&byte, behind)) = special.split_first() else {
            break;
        };
        write_escape(out, byte);
        rest = behind;
    }
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0C => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The text that checked string content, without its quotes, stands for.
pub(super) fn unescape(content: &str) -> Cow<'_, str> {
    let Some((plain, mut rest)) = content.split_once('\\') else {
        return Cow::Borrowed(content);
    };
    let mut text = String::with_capacity(content.len());
    text.push_str(plain);
    loop {
        // `rest` begins behind a backslash.
        let (character, behind) = read_escape(rest);
        text.push(character);
        let Some((plain, next)) = behind.split_once('\\') else {
            text.push_str(behind);
            return Cow::Owned(text);
        };
        text.push_str(plain);
        rest = next;
    }
}

/// The character of the escape at the beginning of `rest`, backslash left out, and what follows.
fn read_escape(rest: &str) -> (char, &str) {
    let mut characters = rest.chars();
    let character = match characters.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{C}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return read_unicode(characters.as_str()),
        Some(itself) => itself,
        None => char::REPLACEMENT_CHARACTER,
    };
    (character, characters.as_str())
}

/// As [`read_escape`], behind the `u`; takes the second half of a surrogate pair along.
fn read_unicode(rest: &str) -> (char, &str) {
    let (first, behind) = read_hex(rest);
    if !(0xD800..=0xDBFF).contains(&first) {
        return (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), behind);
    }
    let (second, behind) = read_hex(behind.strip_prefix("\\u").unwrap_or_default());
    // RFC 2781 section 2.2.
    let code = 0x1_0000 + ((first & 0x3FF) << 10) + (second & 0x3FF);
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), behind)
}

fn read_hex(rest: &str) -> (u32, &str) {
    let (digits, behind) = rest.split_at_checked(4).unwrap_or_default();
    (u32::from_str_radix(digits, 16).unwrap_or(0), behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_what_must_be_escaped_is() {
        assert_eq!(written(""), r#""""#);
        assert_eq!(written("Zürich 😀 / \u{7f}\u{2028}"), "\"Zürich 😀 / \u{7f}\u{2028}\"");
        assert_eq!(written("a\"b\\c\n\r\t\u{8}\u{c}"), r#""a\"b\\c\n\r\t\b\f""#);
        assert_eq!(written("\0\u{1f}"), r#""\u0000\u001f""#);
    }

    #[test]
    fn what_was_in_the_buffer_stays() {
        let mut out = b"{\"k\":".to_vec();
        write_string(&mut out, "v");
        assert_eq!(out, b"{\"k\":\"v\"");
    }

    #[test]
    fn every_kind_of_escape_is_read() {
        assert_eq!(unescape("plain"), "plain");
        assert!(matches!(unescape("plain"), Cow::Borrowed(_)));
        assert_eq!(unescape(r#"\"\\\/\b\f\n\r\t"#), "\"\\/\u{8}\u{c}\n\r\t");
        assert_eq!(unescape(r"a\u00e9\u20AC-\ud83d\ude00\udbff\udfff!"), "aé€-😀\u{10FFFF}!");
        assert_eq!(unescape(r"\\u0041"), "\\u0041");
    }

    #[test]
    fn text_that_was_never_checked_does_not_panic() {
        for broken in
            ["\\", "\\u", "\\u12", "\\ud800", "\\ud800\\u", "\\uZZZZ", "\\ud83dé", "\\uéé"]
        {
            let _ = unescape(broken);
        }
    }

    proptest::proptest! {
        #[test]
        fn writes_what_serde_json_writes(text: String, plain in "[a-z\"\\\\\u{1}é]{0,40}") {
            for text in [text, plain] {
                proptest::prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            }
        }

        #[test]
        fn what_is_written_is_read_back(text: String) {
            let literal = written(&text);
            let content = &literal[1..literal.len() - 1];
            proptest::prop_assert_eq!(unescape(content), text);
        }
    }
}
