//! W3C Trace Context, level 2: which trace a request belongs to, and who decides what is recorded.

/// The flag of `traceparent` by which a caller says that it records the trace.
const SAMPLED: u8 = 1;
/// The flag that says that the trace id is random (level 2); passed on as it came.
const RANDOM: u8 = 2;

/// One request's place in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: u128,
    /// The request's own span, which the caller's is the parent of.
    pub span_id: u64,
    /// The caller's span; absent: the trace begins here.
    pub parent_span_id: Option<u64>,
    /// Whether the trace is recorded.
    pub sampled: bool,
    random: bool,
    /// What tracing systems say to each other (`tracestate`), as it is passed on.
    pub state: Option<String>,
}

/// Whether a trace that begins here is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// It is.
    Sampled,
    /// It is not; its ids are passed on all the same.
    Unsampled,
}

impl TraceContext {
    /// The context of a request that came with this `traceparent`; `None` if that is not valid.
    pub fn continued(traceparent: &str, span_id: u64) -> Option<Self> {
        let mut parts = traceparent.trim().split('-');
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
        if !is_valid {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self {
            trace_id: u128::from_str_radix(trace, 16).ok()?,
            span_id,
            parent_span_id: Some(u64::from_str_radix(span, 16).ok()?),
            sampled: flags & SAMPLED != 0,
            random: flags & RANDOM != 0,
            state: None,
        })
    }

    /// The context of a request with which a trace begins. Its id is random.
    pub fn root(trace_id: u128, span_id: u64, sampling: Sampling) -> Self {
        let sampled = sampling == Sampling::Sampled;
        let (parent_span_id, state) = (None, None);
        Self { trace_id, span_id, parent_span_id, sampled, random: true, state }
    }

    /// The `traceparent` for a call that is the span `span_id` of this trace. Flags that we do not
    /// know are not passed on.
    pub fn traceparent(&self, span_id: u64) -> String {
        let flags = if self.sampled { SAMPLED } else { 0 } | if self.random { RANDOM } else { 0 };
        format!("00-{:032x}-{span_id:016x}-{flags:02x}", self.trace_id)
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::{Sampling, TraceContext};

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// The `traceparent` of a call, as the span 255, for a request that came with `parent`.
    fn child(parent: &str) -> Option<String> {
        TraceContext::continued(parent, 1).map(|context| context.traceparent(255))
    }

    #[test]
    fn the_trace_and_its_flags_are_continued_under_a_new_parent() {
        for flags in ["00", "01", "02", "03"] {
            let parent = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
            let expected = format!("00-{TRACE}-00000000000000ff-{flags}");
            assert_eq!(child(&parent), Some(expected));
        }
        let context = TraceContext::continued(&format!("00-{TRACE}-00f067aa0ba902b7-01"), 7);
        let context = context.expect("it is valid");
        assert_eq!((context.span_id, context.parent_span_id), (7, Some(0x00f0_67aa_0ba9_02b7)));
        assert!(context.sampled);
    }

    #[test]
    fn flags_that_nobody_knows_are_not_passed_on() {
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-fd");
        assert_eq!(child(&parent), Some(format!("00-{TRACE}-00000000000000ff-01")));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let parent = format!("cc-{TRACE}-00f067aa0ba902b7-00-what-comes-later");
        assert_eq!(child(&parent), Some(format!("00-{TRACE}-00000000000000ff-00")));
    }

    #[test]
    fn a_trace_that_begins_here_has_no_parent() {
        let root = TraceContext::root(0xabc, 1, Sampling::Sampled);
        assert_eq!(root.parent_span_id, None);
        assert_eq!(root.traceparent(2), format!("00-{:0>32}-{:0>16}-03", "abc", "2"));
        let unsampled = TraceContext::root(0xabc, 1, Sampling::Unsampled);
        assert_eq!(unsampled.traceparent(2), format!("00-{:0>32}-{:0>16}-02", "abc", "2"));
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
            assert_eq!(child(&bad), None, "{bad:?}");
        }
    }
}
