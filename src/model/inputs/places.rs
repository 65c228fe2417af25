//! Where an action's sources put an input, and which values may not stand there.
//!
//! The templates refuse such values as well; known here, the caller is told before any source is
//! asked, together with everything else that is wrong.

use std::borrow::Cow;

use crate::model::template::escape::{Escape, apply_all};

/// Where a template puts a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a segment of a URL's path.
    Path,
    /// In a header's value.
    Header,
    /// In a query, a JSON body or the key of a rate limit: these carry any value.
    Other,
}

/// Where an action's sources put an input, each place with the escapes of its placeholder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputPlaces {
    placements: Vec<(Place, Vec<Escape>)>,
}

impl InputPlaces {
    /// Notes a place, once.
    pub fn add(&mut self, place: Place, escapes: &[Escape]) {
        let is_known = |(known, its): &(Place, Vec<Escape>)| *known == place && its == escapes;
        if !self.placements.iter().any(is_known) {
            self.placements.push((place, escapes.to_vec()));
        }
    }

    /// Why this value may not stand there, as the end of a sentence that begins with the input's
    /// name, without the value.
    pub fn problem(&self, value: &str) -> Option<String> {
        self.placements.iter().find_map(|(place, escapes)| {
            match apply_all(escapes, Cow::Borrowed(value)) {
                Ok(text) => place.problem(&text).map(str::to_owned),
                Err(escape) => Some(escape.refusal()),
            }
        })
    }
}

impl Place {
    /// Why this text may not stand there.
    fn problem(self, text: &str) -> Option<&'static str> {
        match self {
            Self::Path if matches!(text, "." | "..") => {
                Some("must not be `.` or `..`: it is sent as a part of a URL's path")
            }
            Self::Header => header_problem(text),
            Self::Path | Self::Other => None,
        }
    }
}

fn header_problem(text: &str) -> Option<&'static str> {
    if text.chars().any(char::is_control) {
        Some("must not have control characters such as line breaks: it is sent in a header")
    } else if !text.is_ascii() {
        Some("must be ASCII: it is sent in a header")
    } else if text.starts_with(' ') || text.ends_with(' ') {
        Some("must not begin or end with a space: it is sent in a header")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: Place, escapes: &[Escape]) -> InputPlaces {
        let mut places = InputPlaces::default();
        places.add(place, escapes);
        places
    }

    #[test]
    fn a_header_takes_visible_ascii_with_spaces_inside_only() {
        let header = at(Place::Header, &[]);
        for good in ["key", "a b", "..", "\"\\%2f{x}"] {
            assert_eq!(header.problem(good), None, "{good:?}");
        }
        for bad in ["a\r\nb", "\0", "\u{7f}", "\t", "ü", "🙂", "\u{85}", " a", "a "] {
            assert!(header.problem(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_segment_takes_everything_but_a_step_to_another_directory() {
        let path = at(Place::Path, &[]);
        for good in ["...", "../..", "a/b?x=1#y", "\r\n", "ü", "%2e"] {
            assert_eq!(path.problem(good), None, "{good:?}");
        }
        for bad in [".", ".."] {
            assert!(path.problem(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn any_other_place_takes_anything() {
        for value in ["..", "a\r\nb", "ü", " "] {
            assert_eq!(InputPlaces::default().problem(value), None, "{value:?}");
            assert_eq!(at(Place::Other, &[]).problem(value), None, "{value:?}");
        }
    }

    #[test]
    fn an_escape_refuses_what_its_language_cannot_carry_wherever_it_stands() {
        for place in [Place::Path, Place::Header, Place::Other] {
            let mut places = at(Place::Other, &[]);
            places.add(place, &[Escape::Sysparm]);
            assert_eq!(places.problem("INC0010001"), None);
            let problem = places.problem("a^ORb").unwrap_or_default();
            assert!(problem.starts_with("must not have `^`"), "{problem}");
            assert!(problem.ends_with("it is sent in an encoded query of ServiceNow"), "{problem}");
        }
    }

    #[test]
    fn what_a_place_takes_is_the_text_that_an_escape_makes() {
        assert_eq!(at(Place::Header, &[Escape::Url]).problem("a\r\nü "), None);
        assert!(at(Place::Header, &[Escape::Odata]).problem("ü").is_some());
    }
}
