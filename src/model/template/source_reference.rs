//! What a placeholder names: an input, or a place in another source's data.

use std::fmt;

use crate::model::id::{Id, IdError, InputName};
use crate::model::json::Pointer;

/// What a placeholder names.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// An input of the action.
    Input(InputName),
    /// A place in the data of another source.
    Source {
        /// Which source.
        source: Id,
        /// Where in its data; empty for the whole.
        pointer: Pointer,
    },
}

impl Reference {
    /// Reads a name, with single bars. An id has neither `.` nor `:`, so whichever comes
    /// first says what it is.
    ///
    /// # Errors
    /// What is wrong and what is allowed, as a sentence. It repeats nothing but a word: JSON that
    /// was pasted as a text has braces too, and a secret in them.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let Some(at) = name.find(['.', ':']) else {
            let input = InputName::try_new(name).map_err(|error| no_name(name, &error))?;
            return Ok(Self::Input(input));
        };
        let (source, path) = name.split_at(at);
        let source = Id::try_new(source).map_err(|error| no_name(source, &error))?;
        let pointer = match path.strip_prefix(':') {
            Some(pointer) => checked_pointer(pointer)?,
            None => checked_pointer(&pointer_of_dots(path)?)?,
        };
        Ok(Self::Source { source, pointer })
    }
}

/// As it stands between the braces, with dots where that is possible and bars doubled.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(name) => write!(f, "{name}"),
            Self::Source { source, pointer } => {
                let dotted = pointer.as_str().replace('/', ".");
                if is_dotted(&dotted) && !pointer.as_str().contains('.') {
                    write!(f, "{source}{dotted}")
                } else {
                    // A bar would begin an escape.
                    write!(f, "{source}:{}", pointer.as_str().replace('|', "||"))
                }
            }
        }
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// Why a text is no name, with the text only if it is a word.
fn no_name(text: &str, error: &IdError) -> String {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return error.to_string();
    }
    "what stands in the braces is not a name: allowed are {input}, {source.path} and \
     {source:/json/pointer}; a brace itself is written `{{`"
        .to_owned()
}

fn checked_pointer(pointer: &str) -> Result<Pointer, String> {
    Pointer::try_new(pointer).map_err(|_| {
        "what stands behind the `:` is not a JSON Pointer: allowed are `/a/b/0` (with `~0` for `~` \
         and `~1` for `/`), or nothing for the whole"
            .to_owned()
    })
}

/// `.address.city` to `/address/city`.
fn pointer_of_dots(path: &str) -> Result<String, String> {
    if is_dotted(path) {
        return Ok(path.replace('.', "/"));
    }
    Err("what stands behind the name is not a dotted path: allowed are letters, digits, `_` and \
         `-` between the dots; write other names as {source:/json/pointer}"
        .to_owned())
}

/// Whether a path has the form `.address.city`.
fn is_dotted(path: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let good = |step: &str| !step.is_empty() && step.chars().all(plain);
    path.starts_with('.') && path.split('.').skip(1).all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str) -> String {
        match Reference::parse(name) {
            Ok(reference) => reference.to_string(),
            Err(problem) => format!("error: {problem}"),
        }
    }

    #[test]
    fn a_name_without_dot_and_colon_is_an_input() {
        let name = InputName::try_new("X-Key_2").unwrap();
        assert_eq!(Reference::parse("X-Key_2"), Ok(Reference::Input(name)));
    }

    #[test]
    fn a_dotted_path_is_the_same_as_its_pointer() {
        for (dotted, pointer) in [
            ("genesys.email", "genesys:/email"),
            ("genesys.address.city", "genesys:/address/city"),
            ("crm.items.0.user-id", "crm:/items/0/user-id"),
        ] {
            assert_eq!(Reference::parse(dotted), Reference::parse(pointer));
            assert_eq!(shown(pointer), dotted);
        }
    }

    #[test]
    fn a_pointer_may_hold_what_a_dotted_path_cannot() {
        for name in ["crm:/a.b", "crm:/a~1b~0", "crm:/", "crm:", "crm:/a b", "crm:/a:b"] {
            assert_eq!(shown(name), name);
        }
    }

    #[test]
    fn a_bad_name_is_refused_with_what_is_allowed() {
        for (name, problem) in [
            ("a b", "is not a name"),
            ("1a", "\"1a\" is not an input name"),
            ("rawRequest", "is reserved"),
            ("Crm.x", "\"Crm\" is not an id"),
            (".x", "is not an id"),
            ("\"key\": \"hunter2\"", "is not a name"),
            ("\"hunter2\"", "is not a name"),
            ("key:\"hunter2\"", "is not a JSON Pointer"),
            ("key.\"hunter2\"", "is not a dotted path"),
            ("crm.", "is not a dotted path"),
            ("crm..x", "is not a dotted path"),
            ("crm.a:b", "is not a dotted path"),
            ("crm:x", "is not a JSON Pointer"),
            ("crm:/~", "is not a JSON Pointer"),
            ("crm:/~2", "is not a JSON Pointer"),
        ] {
            let shown = shown(name);
            assert!(shown.starts_with("error") && shown.contains(problem), "{name}: {shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
