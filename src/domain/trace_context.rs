//! The `traceparent` header of W3C Trace Context, level 1.

/// The `traceparent` for a call made on behalf of the request that came with `parent`: the same
/// trace and flags, the new parent id. `None` if `parent` is not valid.
pub fn child(parent: &str, new_parent_id: u64) -> Option<String> {
    let mut parts = parent.trim().split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_known = version == "00" && parts.next().is_none();
    // A higher version may have more parts; its first four mean the same.
    let is_later = version != "00" && version != "ff" && is_hex(version, 2);
    let is_valid = (is_known || is_later)
        && is_hex(trace, 32)
        && is_hex(span, 16)
        && is_hex(flags, 2)
        && [trace, span].iter().all(|id| id.bytes().any(|byte| byte != b'0'));
    is_valid.then(|| format!("00-{trace}-{new_parent_id:016x}-{flags}"))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::child;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn the_trace_and_its_flags_are_continued_under_a_new_parent() {
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let expected = format!("00-{TRACE}-00000000000000ff-01");
        assert_eq!(child(&parent, 255), Some(expected));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let parent = format!("cc-{TRACE}-00f067aa0ba902b7-00-what-comes-later");
        let expected = format!("00-{TRACE}-0000000000000001-00");
        assert_eq!(child(&parent, 1), Some(expected));
    }

    #[test]
    fn what_is_not_valid_is_not_continued() {
        for bad in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-\r\n"),
        ] {
            assert_eq!(child(&bad, 1), None, "{bad:?}");
        }
    }
}
