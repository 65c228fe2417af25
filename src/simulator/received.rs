//! A request as an upstream received it, byte for byte, with the few views on it that the
//! upstreams and the tests need.

use std::time::Instant;

use percent_encoding::percent_decode;

/// One request that was read completely, its body included.
#[derive(Debug, Clone)]
pub struct Received {
    /// When the last byte of it was read.
    pub at: Instant,
    /// Which connection it came on: numbered from 1 in each upstream, never used twice.
    pub connection: u64,
    /// The method, as sent.
    pub method: String,
    /// The request target, as sent: still percent-encoded, with its query.
    pub target: String,
    /// The headers in the order and the spelling they were sent in.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, with a chunked coding already taken off.
    pub body: Vec<u8>,
}

impl Received {
    /// The value of the first header of this name (any case); `None` if there is none or if it is
    /// not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(sent, _)| sent.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// How many headers have this name (any case).
    pub fn header_count(&self, name: &str) -> usize {
        let same = |(sent, _): &&(String, Vec<u8>)| sent.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).count()
    }

    /// The target without its query, still percent-encoded.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The decoded value of the first query parameter of this name.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        field(&form_fields(query.as_bytes()), name)
    }

    /// The body as JSON; `None` if it is not JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What follows the scheme in `Authorization`; the scheme in any case, the rest trimmed.
    pub(super) fn authorization(&self, scheme: &str) -> Option<&str> {
        let (sent, rest) = self.header("authorization")?.split_once(' ')?;
        sent.eq_ignore_ascii_case(scheme).then(|| rest.trim())
    }

    /// Whether `needle` is a part of the raw target or of the body.
    pub(super) fn contains(&self, needle: &str) -> bool {
        self.target.contains(needle) || String::from_utf8_lossy(&self.body).contains(needle)
    }
}

/// The fields of an `application/x-www-form-urlencoded` text (WHATWG URL, section 5.1), decoded.
pub(super) fn form_fields(text: &[u8]) -> Vec<(String, String)> {
    text.split(|byte| *byte == b'&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut sides = part.splitn(2, |byte| *byte == b'=');
            let name = sides.next().unwrap_or_default();
            let value = sides.next().unwrap_or_default();
            (form_decoded(name), form_decoded(value))
        })
        .collect()
}

/// The first field of that name.
pub(super) fn field(fields: &[(String, String)], name: &str) -> Option<String> {
    let (_, value) = fields.iter().find(|(found, _)| found == name)?;
    Some(value.clone())
}

/// A form-encoded text decoded: `+` is a space, `%XX` a byte, bytes that are not UTF-8 are
/// replaced.
pub(super) fn form_decoded(text: &[u8]) -> String {
    let spaced: Vec<u8> =
        text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decoded(&spaced)
}

/// A percent-encoded text decoded, a `+` staying a plus, bytes that are not UTF-8 replaced.
pub(super) fn percent_decoded(text: &[u8]) -> String {
    percent_decode(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str) -> Received {
        Received {
            at: Instant::now(),
            connection: 1,
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: vec![
                ("X-Key".to_owned(), b"one".to_vec()),
                ("x-key".to_owned(), b"two".to_vec()),
                ("AUTHORIZATION".to_owned(), b"bearer abc ".to_vec()),
            ],
            body: b"in the body".to_vec(),
        }
    }

    #[test]
    fn headers_are_found_in_any_case_and_counted() {
        let request = request("/");
        assert_eq!(request.header("x-KEY"), Some("one"));
        assert_eq!(request.header_count("X-key"), 2);
        assert_eq!(request.header("absent"), None);
        assert_eq!(request.authorization("Bearer"), Some("abc"));
        assert_eq!(request.authorization("Basic"), None);
    }

    #[test]
    fn a_query_is_decoded_and_the_path_is_left_as_it_was_sent() {
        let request = request("/a%2Fb?id=M%C3%BCller+%2B1&empty=&flag");
        assert_eq!(request.path(), "/a%2Fb");
        assert_eq!(request.query("id").as_deref(), Some("Müller +1"));
        assert_eq!(request.query("empty").as_deref(), Some(""));
        assert_eq!(request.query("flag").as_deref(), Some(""));
        assert_eq!(request.query("absent"), None);
    }

    #[test]
    fn a_needle_is_looked_for_in_the_target_and_in_the_body() {
        let request = request("/users/c-1");
        assert!(request.contains("c-1"));
        assert!(request.contains("the body"));
        assert!(!request.contains("c-2"));
    }
}
