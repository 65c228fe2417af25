//! Where a value stands in a source's data: JSON Pointer or `JSONPath`.

use serde_json_path::JsonPath;

use super::jayway;
use crate::model::json::{Json, Pointer, PointerError};

/// Where a value stands in a source's data.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldPath {
    /// JSON Pointer (RFC 6901).
    Pointer(Pointer),
    /// `JSONPath` (RFC 9535).
    JsonPath {
        /// Ready to be followed.
        path: Box<JsonPath>,
        /// As it was written.
        text: String,
    },
}

/// Why a text is no path to a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldPathError {
    /// Not a JSON Pointer.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// It begins with `$` and is no `JSONPath`.
    #[error("not a JSONPath (RFC 9535): {0}")]
    JsonPath(String),
}

/// A `JSONPath` that may find several values, such as `$.results[*].id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpreadPath {
    /// What the path goes through one by one, as a JSON Pointer: `/results`.
    pub list: String,
    /// Whether it looks in everything below the list (`..`), and not in its elements alone.
    pub descends: bool,
    /// What follows the wildcard that takes every element of the list: `.id`. `None`: it takes only
    /// some of them, or none for sure.
    pub below_each: Option<String>,
}

impl FieldPath {
    /// Parses a path: `JSONPath` if it begins with `$`, else JSON Pointer.
    ///
    /// # Errors
    /// [`FieldPathError`].
    pub fn try_new(text: &str) -> Result<Self, FieldPathError> {
        if !text.starts_with('$') {
            return Ok(Self::Pointer(Pointer::try_new(text)?));
        }
        let path = JsonPath::parse(text);
        let path = path.map_err(|error| {
            let hint = jayway::hint(text).map_or_else(String::new, |hint| format!("; {hint}"));
            FieldPathError::JsonPath(format!("{error}{hint}"))
        })?;
        Ok(Self::JsonPath { path: Box::new(path), text: text.to_owned() })
    }

    /// The value that it leads to, of several the first.
    pub fn find(&self, json: &Json) -> Option<Json> {
        match self {
            Self::Pointer(pointer) => json.pointer(pointer),
            Self::JsonPath { path, .. } => {
                let tree = json.to_tree()?;
                let nodes = path.query_located(&tree);
                let place = nodes.locations().next()?.to_json_pointer();
                json.pointer(&Pointer::try_new(&place).ok()?)
            }
        }
    }

    /// How it goes through a list; `None` if by its form it leads to one value.
    pub fn spread(&self) -> Option<SpreadPath> {
        match self {
            Self::Pointer(_) => None,
            Self::JsonPath { text, .. } => SpreadPath::of(text),
        }
    }
}

impl SpreadPath {
    /// `text` is a `JSONPath` without a mistake.
    fn of(text: &str) -> Option<Self> {
        let (list, rest) = singular(text.strip_prefix('$')?);
        if rest.is_empty() {
            return None;
        }
        let below_each = below_wildcard(rest).map(str::to_owned);
        Some(Self { list, descends: rest.starts_with(".."), below_each })
    }

    /// Whether it gives exactly one value for each element of its list, whatever they are.
    pub fn keeps_rows(&self) -> bool {
        self.below_each.as_ref().is_some_and(String::is_empty)
    }

    /// Whether the other one may go through the same list.
    pub fn may_share_list(&self, other: &Self) -> bool {
        self.may_go_through(&other.list) || other.may_go_through(&self.list)
    }

    /// Whether it may go through the list that this JSON Pointer leads to.
    pub fn may_go_through(&self, list: &str) -> bool {
        self.list == list || (self.descends && is_within(list, &self.list))
    }

    /// The `item` that takes the same value out of each row of its list, where one can.
    pub fn as_item(&self) -> Option<String> {
        let below = self.below_each.as_ref()?;
        let (pointer, rest) = singular(below);
        Some(if rest.is_empty() { pointer } else { format!("${below}") })
    }
}

/// Whether a JSON Pointer leads to something inside of what the other leads to.
fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
}

/// The segments at the beginning that lead to one value each, as a JSON Pointer, and what follows.
fn singular(mut text: &str) -> (String, &str) {
    let mut pointer = String::new();
    while let Some((step, rest)) = first_step(text) {
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        text = rest;
    }
    (pointer, text)
}

/// The name or index of the first segment, if it is one, and what follows it.
fn first_step(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    if let Some(inside) = text.strip_prefix('[') {
        let (step, rest) = first_name(inside.trim_start()).or_else(|| first_index(inside))?;
        return Some((step, rest.trim_start().strip_prefix(']')?));
    }
    let rest = text.strip_prefix('.')?;
    let end = rest.find(|c: char| ['.', '['].contains(&c) || c.is_whitespace());
    let (name, rest) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    (!name.is_empty() && name != "*").then_some((name, rest))
}

/// The name in quotes that the text begins with, its escapes as they are, and what follows it.
fn first_name(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|first| ['\'', '"'].contains(first))?;
    let inside = text.strip_prefix(quote)?;
    let mut is_escaped = false;
    let end = inside.find(|c: char| {
        let ends = c == quote && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })?;
    let (name, rest) = inside.split_at_checked(end)?;
    Some((name, rest.strip_prefix(quote)?))
}

fn first_index(text: &str) -> Option<(&str, &str)> {
    let (index, _) = text.split_once(']')?;
    let rest = text.strip_prefix(index)?;
    index.trim().parse::<i64>().is_ok().then_some((index.trim(), rest))
}

/// What follows the wildcard that the text begins with.
fn below_wildcard(text: &str) -> Option<&str> {
    let text = text.trim_start();
    match text.strip_prefix('[') {
        Some(inside) => inside.trim_start().strip_prefix('*')?.trim_start().strip_prefix(']'),
        None => text.strip_prefix(".*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(path: &str) -> Option<SpreadPath> {
        FieldPath::try_new(path).unwrap().spread()
    }

    #[test]
    fn a_path_to_one_value_goes_through_no_list() {
        for path in ["", "/results/0/id", "$", "$.a", "$.a['b c'][0][\"d\"]", "$ .a [ -1 ]"] {
            assert_eq!(spread(path), None, "{path}");
        }
    }

    #[test]
    fn a_path_to_several_values_has_a_list_and_perhaps_an_item() {
        for (path, list, item) in [
            ("$[*]", "", Some("")),
            ("$.*", "", Some("")),
            ("$.results[*].id", "/results", Some("/id")),
            ("$['a/b']['~'][2][*]['x y'].z", "/a~1b/~0/2", Some("/x y/z")),
            ("$.a[*].b[?@.c == 1].d", "/a", Some("$.b[?@.c == 1].d")),
            ("$.a[*]..b", "/a", Some("$..b")),
            ("$ [\"a\"] [ * ] [ 'b' ] .c", "/a", Some("/b/c")),
            ("$[0:3].b", "", None),
            ("$.a[?@.b].c", "/a", None),
            ("$.a[0,1].b", "/a", None),
            ("$.a['b', 'c']", "/a", None),
            ("$.a..b", "/a", None),
        ] {
            let spread = spread(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((spread.list.as_str(), spread.as_item().as_deref()), (list, item), "{path}");
            assert_eq!(spread.descends, path.contains("a..b"), "{path}");
            assert_eq!(spread.keeps_rows(), item == Some(""), "{path}");
        }
    }

    #[test]
    fn a_path_into_all_descendants_may_go_through_any_list_below() {
        let may_share = |a, b| spread(a).unwrap().may_share_list(&spread(b).unwrap());
        assert!(may_share("$.a[*].x", "$['a'][0:2].y"));
        assert!(may_share("$..x", "$.a[*].y"));
        assert!(may_share("$.a.b[*].y", "$.a..x"));
        assert!(!may_share("$.a[*].x", "$.b[*].x"));
        assert!(!may_share("$.a..x", "$.b[*].x"));
        assert!(!may_share("$.a..x", "$.ab[*].x"));
    }

    #[test]
    fn odd_names_are_no_trouble() {
        for (name, list) in [
            (r"'it\'s'", r"/it\'s"),
            (r"'a]b'", "/a]b"),
            (r#""']""#, "/']"),
            (r"'\\'", r"/\\"),
            ("'é'", "/é"),
            ("''", "/"),
        ] {
            assert_eq!(spread(&format!("$[{name}]")), None, "{name}");
            let spread = spread(&format!("$[{name}][*].ü")).unwrap();
            assert_eq!((spread.list.as_str(), spread.as_item().as_deref()), (list, Some("/ü")));
        }
    }
}
