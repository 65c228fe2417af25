//! Names that are known to be well formed: once made, they can stand in a log line, a metric label
//! or a template without another check.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// Longest [`Id`], in characters.
pub const MAX_ID_LENGTH: usize = 64;
/// Longest [`InputName`], in characters.
pub const MAX_INPUT_NAME_LENGTH: usize = 128;
/// Input names that Genesys Cloud keeps for itself in an input contract.
pub const RESERVED_INPUT_NAMES: [&str; 3] = ["orgId", "integrationId", "rawRequest"];

/// How much of a refused name an error shows, in characters.
const SHOWN: usize = 40;

/// Why a text is not an [`Id`] or an [`InputName`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// Not an id of an action, source or credential.
    #[error(
        "{found:?} is not an id: allowed are a lower-case letter and then lower-case letters, \
         digits and `_`, at most {MAX_ID_LENGTH} characters"
    )]
    NotAnId {
        /// The text that came, shortened.
        found: String,
    },
    /// Not a name of an input.
    #[error(
        "{found:?} is not an input name: allowed are a letter and then letters, digits, `_` and \
         `-`, at most {MAX_INPUT_NAME_LENGTH} characters"
    )]
    NotAnInputName {
        /// The text that came, shortened.
        found: String,
    },
    /// One of [`RESERVED_INPUT_NAMES`].
    #[error("the input name `{found}` is reserved by Genesys Cloud: choose another")]
    Reserved {
        /// The reserved name.
        found: &'static str,
    },
}

/// Id of an action, a source or a credential: `[a-z][a-z0-9_]*`, at most [`MAX_ID_LENGTH`]
/// characters. A clone shares its text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

impl Id {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`IdError::NotAnId`] if it is not of the form above.
    pub fn try_new(text: &str) -> Result<Self, IdError> {
        let of_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let ok = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(of_id)
            && text.len() <= MAX_ID_LENGTH;
        if ok {
            Ok(Self(text.into()))
        } else {
            Err(IdError::NotAnId { found: shorten(text, SHOWN) })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Name of an input: `[a-zA-Z][a-zA-Z0-9_-]*`, at most [`MAX_INPUT_NAME_LENGTH`] characters and
/// none of [`RESERVED_INPUT_NAMES`]. A clone shares its text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputName(Arc<str>);

impl InputName {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`IdError::NotAnInputName`] if it is not of the form above, [`IdError::Reserved`] if Genesys
    /// Cloud uses the name.
    pub fn try_new(text: &str) -> Result<Self, IdError> {
        if let Some(found) = RESERVED_INPUT_NAMES.into_iter().find(|name| *name == text) {
            return Err(IdError::Reserved { found });
        }
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let ok = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(of_name)
            && text.len() <= MAX_INPUT_NAME_LENGTH;
        if ok {
            Ok(Self(text.into()))
        } else {
            Err(IdError::NotAnInputName { found: shorten(text, SHOWN) })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `text`, or its first `limit` characters and `…`: for names in logs and errors that a stranger
/// chose.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InputName({})", self.0)
    }
}

impl Borrow<str> for InputName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn an_id_is_a_lower_case_letter_and_then_letters_digits_and_underscores() {
        for good in ["a", "crm", "crm_2", "a__", &"a".repeat(64)] {
            assert_eq!(Id::try_new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(65);
        for bad in ["", "A", "aB", "1a", "_a", "a-b", "a.b", "a b", "é", "aé", "a\n", &long] {
            assert!(Id::try_new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_input_name_may_have_capitals_and_hyphens() {
        for good in ["a", "customerId", "X-API-Key", "a_1", &"a".repeat(128)] {
            assert_eq!(InputName::try_new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(129);
        for bad in ["", "1a", "_a", "-a", "a.b", "a:b", "a b", "ä", &long] {
            assert!(InputName::try_new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_names_of_genesys_cloud_are_refused() {
        for found in RESERVED_INPUT_NAMES {
            assert_eq!(InputName::try_new(found), Err(IdError::Reserved { found }), "{found}");
        }
        assert!(InputName::try_new("orgid").is_ok());
    }

    #[test]
    fn an_error_says_what_came_and_what_is_allowed() {
        let error = Id::try_new("Order Service").unwrap_err().to_string();
        assert!(error.contains("\"Order Service\""), "{error}");
        assert!(error.contains("at most 64 characters"), "{error}");
        let error = Id::try_new(&"Ü".repeat(1000)).unwrap_err().to_string();
        assert!(error.chars().count() < 250, "{error}");
    }

    #[test]
    fn a_map_by_id_is_searched_with_text() {
        let map = HashMap::from([(Id::try_new("crm").unwrap(), 1)]);
        assert_eq!(map.get("crm"), Some(&1));
    }

    proptest! {
        #[test]
        fn what_is_accepted_prints_as_it_was_given(text in "\\PC{0,70}|[a-z_0-9]{0,70}") {
            if let Ok(id) = Id::try_new(&text) {
                prop_assert_eq!(id.to_string(), text.clone());
            }
            if let Ok(name) = InputName::try_new(&text) {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
