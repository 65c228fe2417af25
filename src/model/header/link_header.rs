//! The `Link` header field (RFC 8288, section 3): where the next page is.
//!
//! `Link: <https://api.example/items?page=3>; rel="next", <…>; rel="last"`. The reading follows
//! the parsing algorithm of appendix B, with one difference: garbage spoils one link, not those
//! after it.

/// The target, as written, of the first link whose relation types contain `next`. It is a URI
/// reference: absolute, or relative to the URL of the request.
///
/// Ignored are links about something else than the reply (`anchor`), and targets that are empty
/// or hold blanks, control characters or bytes that are not UTF-8.
pub fn next_target<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    values.into_iter().find_map(next_in_value)
}

fn next_in_value(value: &[u8]) -> Option<String> {
    let mut cursor = Cursor { rest: value };
    while !cursor.rest.is_empty() {
        if let Some(target) = cursor.link()
            && let Some(target) = usable(target)
        {
            return Some(target);
        }
        cursor.skip_link();
    }
    None
}

fn usable(target: &[u8]) -> Option<String> {
    let target = target.trim_ascii();
    if target.is_empty() || target.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return None;
    }
    std::str::from_utf8(target).ok().map(str::to_owned)
}

/// What of a field value has not been read yet.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Reads one link, up to the comma that ends it: its target, if it leads to the next page.
    fn link(&mut self) -> Option<&'a [u8]> {
        self.blanks();
        if !self.take(b'<') {
            return None;
        }
        let target = self.until(b">");
        if !self.take(b'>') {
            return None;
        }
        let mut relation: Option<Vec<u8>> = None;
        let mut about_something_else = false;
        // Some upstreams (Sentry) always name a next page, and say beside it that it is empty.
        let mut has_none = false;
        self.blanks();
        while self.take(b';') {
            let (name, value) = self.parameter();
            // Only the first `rel` counts (RFC 8288, section 3.3).
            if name.eq_ignore_ascii_case(b"rel") {
                relation.get_or_insert(value);
            } else if name.eq_ignore_ascii_case(b"anchor") {
                about_something_else |= !value.is_empty();
            } else if name.eq_ignore_ascii_case(b"results") {
                has_none = value.eq_ignore_ascii_case(b"false");
            }
        }
        let leads_on = relation.is_some_and(|types| {
            types.split(u8::is_ascii_whitespace).any(|name| name.eq_ignore_ascii_case(b"next"))
        });
        (leads_on && !about_something_else && !has_none).then_some(target)
    }

    /// `name`, `name=token` or `name="quoted"`, with the blanks around it.
    fn parameter(&mut self) -> (&'a [u8], Vec<u8>) {
        self.blanks();
        let name = self.until(b"=;, \t");
        self.blanks();
        let mut value = Vec::new();
        if self.take(b'=') {
            self.blanks();
            value = if self.take(b'"') {
                self.quoted()
            } else {
                self.until(b";,").trim_ascii().to_vec()
            };
        }
        self.blanks();
        (name, value)
    }

    /// The inside of a quoted string, its escapes resolved; one that is never closed ends with
    /// the field value.
    fn quoted(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        while let Some((byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            match byte {
                b'"' => break,
                b'\\' => {
                    if let Some((escaped, rest)) = rest.split_first() {
                        text.push(*escaped);
                        self.rest = rest;
                    }
                }
                other => text.push(*other),
            }
        }
        text
    }

    /// Goes on to the next link: behind the next comma that is not quoted.
    fn skip_link(&mut self) {
        loop {
            self.until(b",\"");
            if self.take(b'"') {
                self.quoted();
            } else {
                self.take(b',');
                return;
            }
        }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// Goes behind `wanted` if it is next.
    fn take(&mut self, wanted: u8) -> bool {
        let rest = self.rest.strip_prefix(&[wanted]);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes everything before the first of `stops`.
    fn until(&mut self, stops: &[u8]) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| stops.contains(byte));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn next(value: &str) -> Option<String> {
        next_target([value.as_bytes()])
    }

    #[test]
    fn the_next_link_is_found_among_others() {
        let value =
            r#"</?page=1>; rel="prev", <https://a.example/?page=3>; rel="next", </z>; rel=last"#;
        assert_eq!(next(value).as_deref(), Some("https://a.example/?page=3"));
    }

    #[test]
    fn the_relation_may_be_written_in_many_ways() {
        let values = [
            "</n>;rel=next",
            "</n>; rel=\"next\"",
            "</n> ; REL = \"NEXT\"",
            "</n>; rel=\"last next\"",
            "</n>; title=\"x\"; rel=next; type=a",
            "</n>; rel=next ;foo",
            "</n>;; rel=next",
            ",, </n>; rel=next",
            "</n>; rel=\"ne\\xt\"",
            "</n>; rel=\"next",
            "< /n >; rel=next",
            "</n>; anchor=\"\"; rel=next",
        ];
        for value in values {
            assert_eq!(next(value).as_deref(), Some("/n"), "{value}");
        }
    }

    #[test]
    fn quoted_and_bracketed_commas_and_semicolons_separate_nothing() {
        let value = [
            r#"</a?x=1,2;3>; title="<b>; rel=next, \"; rel=next"; rel=prev"#,
            r#"</n?x=1,2;3>; title=", ;"; rel="next""#,
        ];
        let value = value.join(", ");
        assert_eq!(next(&value).as_deref(), Some("/n?x=1,2;3"));
    }

    #[test]
    fn what_does_not_say_next_is_not_next() {
        let values = [
            "",
            "</n>",
            "</n>; rel=prev",
            "</n>; rel=nextish",
            "</n>; rel=\"x-next\"",
            "</n>; rev=next",
            "</n>; title=next",
            "</n>; rel",
            "</n>; rel=prev; rel=next",
            "/n; rel=next",
            "</n; rel=next",
            "<>; rel=next",
            "</a b>; rel=next",
            "</a\u{1}>; rel=next",
            "</n>; rel=next; anchor=\"/other\"",
        ];
        for value in values {
            assert_eq!(next(value), None, "{value}");
        }
    }

    #[test]
    fn several_header_fields_are_one_list() {
        let values: [&[u8]; 3] = [b"</p>; rel=prev", b"\xff", b"</n>; rel=next"];
        assert_eq!(next_target(values).as_deref(), Some("/n"));
    }

    #[test]
    fn a_next_page_that_is_said_to_have_no_results_is_none() {
        let none = r#"</p>; rel="previous"; results="true", </n>; rel="next"; results="false""#;
        assert_eq!(next_target([none.as_bytes()]), None);
        let some = none.replace("false", "true");
        assert_eq!(next_target([some.as_bytes()]).as_deref(), Some("/n"));
    }

    #[test]
    fn garbage_spoils_one_link_and_not_the_next() {
        let values = [
            "garbage, </n>; rel=next",
            "</a>garbage; rel=next, </n>; rel=next",
            "\"a, b\", </n>; rel=next",
            "\"a, </x>; rel=next\", </n>; rel=next",
            "<>; rel=next, </n>; rel=next",
        ];
        for value in values {
            assert_eq!(next(value).as_deref(), Some("/n"), "{value}");
        }
        assert_eq!(
            next_target([b"<\xff>; rel=next, </n>; rel=next".as_slice()]).as_deref(),
            Some("/n")
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            values in proptest::collection::vec(any::<Vec<u8>>(), 0..4),
        ) {
            let target = next_target(values.iter().map(Vec::as_slice));
            prop_assert!(target.is_none_or(|target| !target.is_empty()));
        }

        #[test]
        fn text_made_of_the_fields_own_pieces_never_panics(
            value in "([<>;,=\\\\\" ]|rel|next|anchor|/a){0,32}",
        ) {
            let target = next(&value);
            prop_assert!(target.is_none_or(|target| value.contains(&target)));
        }

        #[test]
        fn a_target_comes_back_whatever_stands_around_it(
            target in "[!-=?-~]{1,40}", title in "[ !#-\\[\\]-~]{0,20}", other in "[!-=?-~]{0,20}",
        ) {
            let title = format!("title=\"{title}\"");
            let value = format!("<{other}>; rel=prev; {title}, <{target}>; {title}; rel=next");
            prop_assert_eq!(next(&value), Some(target));
        }
    }
}
