//! Where an action's sources put an input, and which values may not stand there.
//!
//! The templates refuse such values as well; known here, the caller is told before any source is
//! asked, together with everything else that is wrong.

/// Where an action's sources put an input, apart from places that can carry any value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InputPlaces {
    /// In a header's value.
    pub header: bool,
    /// In a segment of a URL's path.
    pub path: bool,
}

impl InputPlaces {
    /// Why this value may not stand there, as the end of a sentence that begins with the input's
    /// name, without the value.
    pub fn problem(self, value: &str) -> Option<&'static str> {
        if self.path && matches!(value, "." | "..") {
            return Some("must not be `.` or `..`: it is sent as a part of a URL's path");
        }
        if !self.header {
            return None;
        }
        if value.chars().any(char::is_control) {
            Some("must not have control characters such as line breaks: it is sent in a header")
        } else if !value.is_ascii() {
            Some("must be ASCII: it is sent in a header")
        } else if value.starts_with(' ') || value.ends_with(' ') {
            Some("must not begin or end with a space: it is sent in a header")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::InputPlaces;

    const HEADER: InputPlaces = InputPlaces { header: true, path: false };
    const PATH: InputPlaces = InputPlaces { header: false, path: true };

    #[test]
    fn a_header_takes_visible_ascii_with_spaces_inside_only() {
        for good in ["key", "a b", "..", "\"\\%2f{x}"] {
            assert_eq!(HEADER.problem(good), None, "{good:?}");
        }
        for bad in ["a\r\nb", "\0", "\u{7f}", "\t", "ü", "🙂", "\u{85}", " a", "a "] {
            assert!(HEADER.problem(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_segment_takes_everything_but_a_step_to_another_directory() {
        for good in ["...", "../..", "a/b?x=1#y", "\r\n", "ü", "%2e"] {
            assert_eq!(PATH.problem(good), None, "{good:?}");
        }
        for bad in [".", ".."] {
            assert!(PATH.problem(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn any_other_place_takes_anything() {
        for value in ["..", "a\r\nb", "ü", " "] {
            assert_eq!(InputPlaces::default().problem(value), None, "{value:?}");
        }
    }
}
