//! JSON Pointer (RFC 6901), parsed once when the configuration is read.

use std::fmt;

use thiserror::Error;

/// The way to one value inside a JSON text, such as `/results/0/id`. The empty pointer is the
/// whole text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pointer {
    text: String,
    steps: Vec<Step>,
}

/// One step down: a key if it meets an object, an index if it meets an array.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Step {
    /// The key, unescaped.
    pub(super) key: String,
    /// The index, if the key can be read as one.
    pub(super) index: Option<usize>,
}

/// Why a text is not a JSON Pointer. Offsets are in bytes, the first one is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PointerError {
    /// RFC 6901 section 3: every step begins with a slash.
    #[error("a JSON Pointer is empty or begins with '/', as in /results/0/id")]
    NoSlash,
    /// RFC 6901 section 3: `~` only stands in `~0` and `~1`.
    #[error("the '~' at byte {at} must be followed by 0 (for '~') or 1 (for '/')")]
    BadEscape {
        /// Where the `~` stands.
        at: usize,
    },
}

impl Pointer {
    /// Parses a pointer.
    ///
    /// # Errors
    /// The first thing that is wrong, see [`PointerError`].
    pub fn try_new(text: &str) -> Result<Self, PointerError> {
        check_escapes(text)?;
        let mut parts = text.split('/');
        if parts.next().is_some_and(|before| !before.is_empty()) {
            return Err(PointerError::NoSlash);
        }
        Ok(Self { text: text.to_owned(), steps: parts.map(Step::new).collect() })
    }

    /// The pointer as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The pointer to the member of this name.
    pub fn of_name(name: &str) -> Self {
        let text = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        Self { steps: vec![Step { key: name.to_owned(), index: parse_index(name) }], text }
    }

    /// The names on the way, without escapes.
    pub fn names(&self) -> Vec<&str> {
        self.steps.iter().map(|step| step.key.as_str()).collect()
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Step {
    fn new(escaped: &str) -> Self {
        // In this order (RFC 6901 section 4), or `~01` would become a slash.
        let key = escaped.replace("~1", "/").replace("~0", "~");
        let index = parse_index(&key);
        Self { key, index }
    }
}

/// RFC 6901 section 4: digits without leading zeros. `-`, the place behind the last element, is
/// never there to be read.
fn parse_index(key: &str) -> Option<usize> {
    let canonical = key == "0" || (!key.starts_with('0') && !key.starts_with('+'));
    if canonical { key.parse().ok() } else { None }
}

fn check_escapes(text: &str) -> Result<(), PointerError> {
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices('~') {
        if !matches!(bytes.get(at + 1), Some(b'0' | b'1')) {
            return Err(PointerError::BadEscape { at });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        let pointer = Pointer::try_new(text).unwrap();
        assert_eq!(pointer.to_string(), text);
        pointer.steps().iter().map(|step| step.key.clone()).collect()
    }

    #[test]
    fn the_examples_of_the_rfc_are_split_and_unescaped() {
        assert_eq!(keys(""), Vec::<String>::new());
        assert_eq!(keys("/"), [""]);
        assert_eq!(keys("/foo/0"), ["foo", "0"]);
        assert_eq!(keys("/a~1b/m~0n"), ["a/b", "m~n"]);
        assert_eq!(keys("/~01"), ["~1"]);
        assert_eq!(keys("/k\"l/ "), ["k\"l", " "]);
    }

    #[test]
    fn an_index_has_no_sign_and_no_leading_zero() {
        let index = |key| parse_index(key);
        assert_eq!(index("0"), Some(0));
        assert_eq!(index("10"), Some(10));
        for key in ["", "-", "-1", "+1", "00", "01", "1e0", " 1", "99999999999999999999999"] {
            assert_eq!(index(key), None, "{key:?}");
        }
    }

    #[test]
    fn what_is_no_pointer_is_refused_with_its_place() {
        assert_eq!(Pointer::try_new("a/b"), Err(PointerError::NoSlash));
        assert_eq!(Pointer::try_new("/é~"), Err(PointerError::BadEscape { at: 3 }));
        assert_eq!(Pointer::try_new("/a~2"), Err(PointerError::BadEscape { at: 2 }));
        assert_eq!(Pointer::try_new("/a~0~/b"), Err(PointerError::BadEscape { at: 4 }));
    }
}
