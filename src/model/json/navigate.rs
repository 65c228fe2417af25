//! Finds a value inside checked text and cuts it out without copying.
//!
//! The text was checked when its [`Json`] was made, so these walks only tell strings and brackets
//! apart. On anything else they would find nonsense, but they would neither panic nor hang.

use std::borrow::Cow;
use std::iter::FusedIterator;
use std::ops::Range;

use super::Json;
use super::pointer::{Pointer, Step};
use super::scan::skip_plain;
use crate::model::json::json_text::unescape;

/// The six kinds of JSON value, RFC 8259 section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, however precise.
    Number,
    /// A string literal.
    String,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

impl Json {
    /// What kind of value the text is.
    pub fn kind(&self) -> Kind {
        match self.0.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(_) | None => Kind::Null,
        }
    }

    /// How many containers are open at once in the deepest place: 0 for `1`, 1 for `[]`.
    pub fn depth(&self) -> usize {
        let (mut deepest, mut open) = (0, 0_usize);
        let mut at = 0;
        while let Some(&byte) = self.0.get(at) {
            at = match byte {
                b'"' => skip_string(&self.0, at),
                b'{' | b'[' => {
                    open += 1;
                    deepest = deepest.max(open);
                    at + 1
                }
                b'}' | b']' => {
                    open = open.saturating_sub(1);
                    at + 1
                }
                _ => at + 1,
            };
        }
        deepest
    }

    /// The value that `pointer` leads to, or `None` if there is none.
    ///
    /// Keys are compared as text, whatever their escapes; of equal keys the last one counts. Reads
    /// each container on the way once, and copies nothing.
    pub fn pointer(&self, pointer: &Pointer) -> Option<Json> {
        let mut found = 0..self.0.len();
        for step in pointer.steps() {
            let inside = self.0.get(found.clone())?;
            let child = find_child(inside, step)?;
            found = found.start + child.start..found.start + child.end;
        }
        Some(Json(self.0.slice(found)))
    }

    /// The elements of an array in their order; `None` if this is no array.
    pub fn items(&self) -> Option<Items> {
        match self.kind() {
            Kind::Array => Some(Items { array: self.clone(), at: first_child(&self.0) }),
            Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object => None,
        }
    }

    /// The text that a string stands for, escapes resolved; `None` if this is no string.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        let content = self.as_str().strip_prefix('"')?.strip_suffix('"')?;
        Some(unescape(content))
    }

    /// A string's text, a number or boolean as it is written; `None` for the other kinds.
    pub fn scalar_text(&self) -> Option<Cow<'_, str>> {
        match self.kind() {
            Kind::String => self.text(),
            Kind::Number | Kind::Bool => Some(Cow::Borrowed(self.as_str())),
            Kind::Null | Kind::Array | Kind::Object => None,
        }
    }
}

/// The elements of an array, one after the other; see [`Json::items`].
#[derive(Debug, Clone)]
pub struct Items {
    array: Json,
    /// Where the next element begins; `None` behind the last.
    at: Option<usize>,
}

impl Iterator for Items {
    type Item = Json;

    fn next(&mut self) -> Option<Json> {
        let bytes = &self.array.0;
        let start = self.at?;
        let end = skip_value(bytes, start);
        self.at = next_child(bytes, end);
        Some(Json(bytes.slice(start..end)))
    }
}

impl FusedIterator for Items {}

/// Where the child that `step` names stands in `bytes`, which is one value.
fn find_child(bytes: &[u8], step: &Step) -> Option<Range<usize>> {
    match bytes.first()? {
        b'{' => find_member(bytes, &step.key),
        b'[' => find_element(bytes, step.index?),
        _ => None,
    }
}

fn find_element(bytes: &[u8], index: usize) -> Option<Range<usize>> {
    let mut start = first_child(bytes)?;
    for _ in 0..index {
        start = next_child(bytes, skip_value(bytes, start))?;
    }
    Some(start..skip_value(bytes, start))
}

fn find_member(bytes: &[u8], key: &str) -> Option<Range<usize>> {
    let mut found = None;
    let mut next = first_child(bytes);
    while let Some(key_start) = next {
        let key_end = skip_string(bytes, key_start);
        let colon = skip_space(bytes, key_end);
        let start = skip_space(bytes, colon + 1).min(bytes.len());
        let end = skip_value(bytes, start);
        // No early end: a later member with the same key wins.
        if is_key(bytes.get(key_start + 1..key_end.saturating_sub(1))?, key) {
            found = Some(start..end);
        }
        next = next_child(bytes, end);
    }
    found
}

/// Whether string content, still escaped, stands for `key`.
fn is_key(content: &[u8], key: &str) -> bool {
    if content.contains(&b'\\') {
        std::str::from_utf8(content).is_ok_and(|content| unescape(content) == key)
    } else {
        content == key.as_bytes()
    }
}

/// Where the first child of a container begins: an element, or the key of a member.
fn first_child(bytes: &[u8]) -> Option<usize> {
    let at = skip_space(bytes, 1);
    match bytes.get(at)? {
        b'}' | b']' => None,
        _ => Some(at),
    }
}

/// Where the next child of a container begins, given where the one before it ends.
fn next_child(bytes: &[u8], end: usize) -> Option<usize> {
    let at = skip_space(bytes, end);
    match bytes.get(at)? {
        b',' => Some(skip_space(bytes, at + 1)),
        _ => None,
    }
}

/// The offset behind the value that begins at `at`.
fn skip_value(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => skip_string(bytes, at),
        Some(b'{' | b'[') => skip_container(bytes, at),
        Some(_) => skip_scalar(bytes, at),
        None => at,
    }
}

/// The offset behind the container that begins at `at`.
fn skip_container(bytes: &[u8], mut at: usize) -> usize {
    let mut open = 0_usize;
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b'"' => skip_string(bytes, at),
            b'{' | b'[' => {
                open += 1;
                at + 1
            }
            b'}' | b']' => {
                if open <= 1 {
                    return at + 1;
                }
                open -= 1;
                at + 1
            }
            _ => at + 1,
        };
    }
    at
}

/// The offset behind the number, boolean or null that begins at `at`.
pub(super) fn skip_scalar(bytes: &[u8], at: usize) -> usize {
    let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(ends).unwrap_or(rest.len())
}

/// The offset behind the string whose opening quote is at `at`.
pub(super) fn skip_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        at = skip_plain(bytes, at);
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}
