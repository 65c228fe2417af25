//! The members of a reply that are the service's own, once each: how they are called, of which type
//! they are, and what they mean.
//!
//! What writes replies, the schemas, the exports and the check of names all read them here.

use std::io::Write as _;
use std::time::Duration;

/// One member.
#[derive(Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: MemberType,
    /// What it means, a sentence.
    pub means: &'static str,
}

/// The type of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberType {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A text.
    String,
    /// A text or `null`.
    StringOrNull,
    /// An object with a member for each source.
    Object,
    /// Whatever came.
    Any,
}

/// Whether it is all there.
pub static COMPLETE: Member = Member {
    name: "complete",
    kind: MemberType::Boolean,
    means: "Whether every source gave a definite answer.",
};
/// The same for a flat reply.
pub static COMPLETE_FLAT: Member = Member {
    name: "complete",
    kind: MemberType::Boolean,
    means: "Whether every source gave a definite answer, and no field has its default in place of a \
            value that came.",
};
/// What each source contributed.
pub static SOURCES: Member =
    Member { name: "sources", kind: MemberType::Object, means: "What became of each source." };
/// How long it took.
pub static LATENCY: Member = Member {
    name: "latency_ms",
    kind: MemberType::Integer,
    means: "The time within the service, milliseconds.",
};
/// The input by which a flow says when it asked, epoch milliseconds.
pub const FLOW_TIMESTAMP: &str = "timestamp_ms";
/// How long it took from where the flow is.
pub static FLOW_LATENCY: Member = Member {
    name: "flow_latency_ms",
    kind: MemberType::Integer,
    means: "Milliseconds since the flow's `timestamp_ms`, where it sent one.",
};

/// Those of an aggregate, besides the inputs that come back.
pub static OF_AGGREGATE: [&Member; 4] = [&COMPLETE, &SOURCES, &LATENCY, &FLOW_LATENCY];
/// Those of a flat reply, besides its fields, those of each source, and the inputs that come back.
pub static OF_FLAT_REPLY: [&Member; 3] = [&COMPLETE_FLAT, &LATENCY, &FLOW_LATENCY];

/// Which source it is.
pub static SOURCE: Member =
    Member { name: "source", kind: MemberType::String, means: "The source's name." };
/// What became of it.
pub static OUTCOME: Member = Member {
    name: "outcome",
    kind: MemberType::String,
    means: "What became of the source, in one word.",
};
/// Its status.
pub static STATUS: Member = Member {
    name: "status",
    kind: MemberType::Integer,
    means: "The source's HTTP status, or that of the outcome.",
};
/// Why there is no data.
pub static ERROR: Member =
    Member { name: "error", kind: MemberType::StringOrNull, means: "Why there is no data." };
/// How often it was asked.
pub static ATTEMPTS: Member =
    Member { name: "attempts", kind: MemberType::Integer, means: "HTTP requests that were sent." };
/// How long it took.
pub static SOURCE_LATENCY: Member = Member {
    name: "latency_ms",
    kind: MemberType::Integer,
    means: "From the request's arrival, milliseconds.",
};
/// What it answered.
pub static DATA: Member = Member {
    name: "data",
    kind: MemberType::Any,
    means: "The source's JSON as it came, or what stands for it.",
};

/// Those of a source in an aggregate.
pub static OF_SOURCE: [&Member; 7] =
    [&SOURCE, &OUTCOME, &STATUS, &ERROR, &ATTEMPTS, &SOURCE_LATENCY, &DATA];
/// Those of a source that stand in a flat reply as well: `crm_outcome`, `crm_status`.
pub static OF_SOURCE_IN_FLAT_REPLY: [&Member; 2] = [&OUTCOME, &STATUS];

/// A value that needs no escapes.
#[derive(Debug, Clone, Copy)]
pub(in crate::model) enum MemberValue<'a> {
    /// A text without anything to escape.
    Word(&'a str),
    /// A number of milliseconds, attempts, or a status.
    Number(i128),
    /// Whether it is so.
    Flag(bool),
}

impl MemberValue<'_> {
    /// Whole milliseconds.
    pub(in crate::model) fn millis(time: Duration) -> Self {
        // More than an `i128` would be longer than the universe has been there.
        Self::Number(i128::try_from(time.as_millis()).unwrap_or(i128::MAX))
    }
}

impl Member {
    /// Its name in a flat reply, where each source has one.
    pub fn name_of(&self, source: &str) -> String {
        format!("{source}_{}", self.name)
    }

    /// The source of which this is the member in a flat reply.
    pub fn source_in<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_suffix(self.name)?.strip_suffix('_')
    }

    /// Writes its name and a value that needs no escapes.
    pub(in crate::model) fn write(&self, out: &mut Vec<u8>, value: MemberValue<'_>) {
        self.write_name(out);
        write_value(out, value);
    }

    /// The same as this source's in a flat reply.
    pub(in crate::model) fn write_of(
        &self,
        out: &mut Vec<u8>,
        source: &str,
        value: MemberValue<'_>,
    ) {
        begin_name(out);
        out.extend_from_slice(source.as_bytes());
        out.push(b'_');
        self.end_name(out);
        write_value(out, value);
    }

    /// Writes its name: what follows is its value.
    pub(in crate::model) fn write_name(&self, out: &mut Vec<u8>) {
        begin_name(out);
        self.end_name(out);
    }

    fn end_name(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(b"\":");
    }
}

fn begin_name(out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
}

/// Replies are written for each request, words and flags without the detour of formatting.
fn write_value(out: &mut Vec<u8>, value: MemberValue<'_>) {
    match value {
        MemberValue::Word(word) => {
            out.push(b'"');
            out.extend_from_slice(word.as_bytes());
            out.push(b'"');
        }
        MemberValue::Number(number) => write_number(out, number),
        MemberValue::Flag(flag) => {
            out.extend_from_slice(if flag { b"true" } else { b"false" });
        }
    }
}

fn write_number(out: &mut Vec<u8>, number: i128) {
    let written = match u32::try_from(number) {
        Ok(small) => write!(out, "{small}"),
        Err(_) => write!(out, "{number}"),
    };
    debug_assert!(written.is_ok(), "writing to a Vec cannot fail");
}
