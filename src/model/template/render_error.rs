//! What can be wrong with a template, and with a value that is put into one.

use thiserror::Error;

use crate::model::template::Reference;
use crate::model::template::escape::Escape;

/// Why a text of the configuration is not a template. Characters are counted from 1. What is
/// repeated of the text is a word that could be a name, or a host: never what may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// `{` without `}`.
    #[error(
        "character {at}: this `{{` opens a placeholder that no `}}` closes; \
         a brace itself is written `{{{{`"
    )]
    Unclosed {
        /// Where the brace is.
        at: usize,
    },
    /// `}` without `{`.
    #[error("character {at}: this `}}` closes nothing; a brace itself is written `}}}}`")]
    StrayClose {
        /// Where the brace is.
        at: usize,
    },
    /// `{}`.
    #[error(
        "character {at}: `{{}}` names nothing; allowed are {{input}}, \
         {{source.path}} and {{source:/json/pointer}}"
    )]
    EmptyName {
        /// Where the placeholder begins.
        at: usize,
    },
    /// What stands between the braces is not a reference.
    #[error("character {at}: {problem}")]
    BadName {
        /// Where the placeholder begins.
        at: usize,
        /// What is wrong with the name and what is allowed.
        problem: String,
    },
    /// Not an absolute URL.
    #[error(
        "the URL must begin with http:// or https:// as fixed text: \
         placeholders may stand in path and query only"
    )]
    NotAbsolute,
    /// A placeholder before the path.
    #[error(
        "host and port of the URL must be fixed text: placeholders may stand in path and query only"
    )]
    PlaceholderInAuthority,
    /// Host or port is not one.
    #[error("the URL's {problem}")]
    Authority {
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// `#…`, which is never sent.
    #[error("the URL has a fragment (`#`), which is never sent to a server; a `#` itself is `%23`")]
    Fragment,
    /// A line break or the like in a URL, or spaces around it.
    #[error("the URL has a control character in it, or a space before or after it")]
    UrlText,
    /// An entry of the query table without a name.
    #[error("a query parameter needs a name")]
    EmptyParameterName,
    /// Not a field name.
    #[error(
        "character {at} of the header's name: allowed are letters, digits and any of \
         !#$%&'*+-.^_`|~; its value does not belong there"
    )]
    HeaderName {
        /// Where the first character is that no name has, or the name's end if it is empty.
        at: usize,
    },
    /// A header that belongs to the connection.
    #[error("the header `{name}` is set by the service itself and cannot be configured")]
    HeaderReserved {
        /// The name.
        name: String,
    },
    /// Fixed text that a header cannot carry.
    #[error(
        "the value of the header `{name}` must be visible ASCII characters and spaces, \
         with no space at its ends"
    )]
    HeaderText {
        /// The name.
        name: String,
    },
    /// A placeholder in the name of a JSON member.
    #[error("the key {key:?} has a placeholder: they may stand in values only")]
    PlaceholderInKey {
        /// The key, shortened.
        key: String,
    },
    /// One of the above, inside of something larger.
    #[error("{place}: {problem}")]
    At {
        /// Where, e.g. ``query parameter `id` `` or a JSON Pointer.
        place: String,
        /// What is wrong there.
        problem: Box<TemplateError>,
    },
}

impl TemplateError {
    /// The same without a word of the text, for one that is a secret as a whole.
    pub fn without_text(&self) -> String {
        match self {
            Self::BadName { at, .. } => format!(
                "character {at}: what stands in the braces is not a name; a brace itself is \
                 written `{{{{`"
            ),
            Self::Authority { .. } => "the URL's host or port is not one".to_owned(),
            Self::PlaceholderInKey { .. } => "a key has a placeholder".to_owned(),
            Self::At { problem, .. } => problem.without_text(),
            Self::Unclosed { .. }
            | Self::StrayClose { .. }
            | Self::EmptyName { .. }
            | Self::NotAbsolute
            | Self::PlaceholderInAuthority
            | Self::Fragment
            | Self::UrlText
            | Self::EmptyParameterName
            | Self::HeaderName { .. }
            | Self::HeaderReserved { .. }
            | Self::HeaderText { .. } => self.to_string(),
        }
    }

    /// What is wrong, without the place.
    pub fn inner(&self) -> &Self {
        match self {
            Self::At { problem, .. } => problem.inner(),
            other => other,
        }
    }

    pub(super) fn at(self, place: impl Into<String>) -> Self {
        Self::At { place: place.into(), problem: Box::new(self) }
    }
}

/// Why a request could not be written. The sentences name the placeholder, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RenderError {
    /// There is no value, or (outside of a JSON body) it is null, an array or an object.
    #[error("{{{0}}} has no value that could stand here")]
    Missing(Reference),
    /// A server would take the path segment for a step to another directory.
    #[error("{{{0}}} makes a path segment `.` or `..`, which would change the path")]
    DotSegment(Reference),
    /// Nothing between two slashes.
    #[error("{{{0}}} leaves a path segment empty, which would change the path")]
    EmptySegment(Reference),
    /// The language that the value is escaped for has no way to write it.
    #[error("{{{reference}}} {}", escape.refusal())]
    Refused {
        /// The escape that refuses it.
        escape: Escape,
        /// Whose value it is.
        reference: Reference,
    },
    /// Line breaks, tabs, NUL and the like in a header.
    #[error("{{{reference}}} has a control character, which the header `{header}` cannot carry")]
    ControlCharacter {
        /// The header's name.
        header: String,
        /// Whose value it is.
        reference: Reference,
    },
    /// A header's value has no encoding that both sides would agree on.
    #[error(
        "{{{reference}}} has a character outside of ASCII, which the header `{header}` cannot carry"
    )]
    NotAscii {
        /// The header's name.
        header: String,
        /// Whose value it is.
        reference: Reference,
    },
    /// The receiver of a header strips spaces at its ends: the value would arrive as another one.
    #[error("{{{reference}}} begins or ends with a space, which the header `{header}` would lose")]
    SurroundingSpace {
        /// The header's name.
        header: String,
        /// Whose value it is.
        reference: Reference,
    },
}
