//! Headers of every reply, whatever it is and on whichever port.
//!
//! No browser is to take a text of an upstream for something else than it is said to be, and no cache
//! is to keep what was told to one caller.

use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};

/// The same as lines of a reply's head, for those that are written by hand.
pub const LINES: &str = "x-content-type-options: nosniff\r\ncache-control: no-store\r\n";

/// Puts them into a reply's head.
pub fn put(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_say_the_same() {
        let mut headers = HeaderMap::new();
        put(&mut headers);
        let lines: Vec<_> = LINES.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), headers.len());
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header");
            assert!(headers.get(name).is_some_and(|known| known == value), "{line}");
        }
    }
}
