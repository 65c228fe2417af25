//! The one reply of an action: what each source contributed, written as JSON.
//!
//! The sources' data is passed through as text; nothing is parsed into a tree on the way.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use crate::model::id::Id;
use crate::model::json::{Json, write_string};
use crate::model::reply::members::{self, MemberValue};
use crate::model::reply::outcome::{Outcome, SourceReply};

/// What an action answers.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// Inputs that come back at the top level: name and value.
    pub echoed: Vec<(String, Json)>,
    /// One reply per configured source, in the order of the configuration.
    pub replies: Vec<SourceReply>,
    /// From the request's arrival to the end of the last source.
    pub latency: Duration,
    /// Milliseconds since the caller's own `timestamp_ms`, where it sent one; negative if its
    /// clock is ahead of ours.
    pub flow_latency_ms: Option<i64>,
}

impl Aggregate {
    /// Whether every source gave a definite answer.
    pub fn is_complete(&self) -> bool {
        self.replies.iter().all(|reply| reply.outcome.is_definite())
    }

    /// The aggregate as JSON text of at most `max_reply` bytes: while it is larger, the largest
    /// `data` gives way to its source's fallback, and that source's outcome says so.
    pub fn to_json_within<'a>(
        &mut self,
        max_reply: usize,
        fallback: impl Fn(&Id) -> &'a Json,
    ) -> Vec<u8> {
        let mut given_way = vec![];
        loop {
            let text = self.to_json();
            if text.len() <= max_reply {
                return text;
            }
            let candidates = self.replies.iter_mut().enumerate();
            let largest = candidates
                .filter(|(index, _)| !given_way.contains(index))
                .max_by_key(|(_, reply)| reply.data.len());
            let Some((index, reply)) = largest else { return text };
            given_way.push(index);
            let fallback = fallback(&reply.source);
            give_way(reply, fallback, max_reply);
        }
    }

    /// The aggregate as JSON text.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.capacity_hint());
        out.push(b'{');
        for (name, value) in &self.echoed {
            write_member(&mut out, name, value);
        }
        members::COMPLETE.write(&mut out, MemberValue::Flag(self.is_complete()));
        members::SOURCES.write_name(&mut out);
        out.push(b'{');
        for (index, reply) in self.replies.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_reply(&mut out, reply);
        }
        out.push(b'}');
        members::LATENCY.write(&mut out, MemberValue::millis(self.latency));
        if let Some(latency) = self.flow_latency_ms {
            members::FLOW_LATENCY.write(&mut out, MemberValue::Number(latency.into()));
        }
        out.push(b'}');
        out
    }

    /// The value of a `Server-Timing` header: each source's duration, and its outcome where it
    /// gave no definite answer.
    pub fn server_timing(&self) -> String {
        let mut out = String::with_capacity(self.replies.len() * 32);
        for (index, reply) in self.replies.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            let millis = reply.latency.as_millis();
            let written = write!(out, "{separator}{};dur={millis}", reply.source);
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
            if !reply.outcome.is_definite() {
                out.push_str(";desc=\"");
                out.push_str(reply.outcome.as_str());
                out.push('"');
            }
        }
        out
    }

    fn capacity_hint(&self) -> usize {
        let data: usize = self.replies.iter().map(|reply| reply.data.len()).sum();
        let echoed: usize = self.echoed.iter().map(|(name, value)| name.len() + value.len()).sum();
        data + echoed + 256 + 256 * self.replies.len()
    }
}

fn give_way(reply: &mut SourceReply, fallback: &Json, max_reply: usize) {
    reply.error = Some(Cow::Owned(format!(
        "left out: with these {} bytes the whole reply would be larger than {max_reply} bytes",
        reply.data.len()
    )));
    reply.outcome = Outcome::BadPayload;
    reply.status = Outcome::BadPayload.default_status();
    reply.data = fallback.clone();
}

/// Writes a member with a name of the configuration's.
pub(in crate::model) fn write_member(out: &mut Vec<u8>, name: &str, value: &Json) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_string(out, name);
    out.push(b':');
    out.extend_from_slice(value.as_bytes());
}

fn write_reply(out: &mut Vec<u8>, reply: &SourceReply) {
    // Ids are `[a-z][a-z0-9_]*`: they need no escapes.
    let id = reply.source.as_str();
    out.push(b'"');
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(b"\":{");
    members::SOURCE.write(out, MemberValue::Word(id));
    members::OUTCOME.write(out, MemberValue::Word(reply.outcome.as_str()));
    members::STATUS.write(out, MemberValue::Number(reply.status.into()));
    members::ERROR.write_name(out);
    match &reply.error {
        Some(error) => write_string(out, error),
        None => out.extend_from_slice(b"null"),
    }
    members::ATTEMPTS.write(out, MemberValue::Number(reply.attempts.into()));
    members::SOURCE_LATENCY.write(out, MemberValue::millis(reply.latency));
    members::DATA.write_name(out);
    out.extend_from_slice(reply.data.as_bytes());
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::target::Target;

    fn reply(source: &str, outcome: Outcome, data: &str) -> SourceReply {
        SourceReply {
            source: Id::try_new(source).expect("an id"),
            target: Target::sample().into(),
            outcome,
            status: outcome.default_status(),
            error: None,
            attempts: 1,
            latency: Duration::from_millis(41),
            data: Json::from_parts(data.as_bytes().to_vec()),
        }
    }

    fn aggregate(replies: Vec<SourceReply>) -> Aggregate {
        let echoed = vec![("customerId".to_owned(), Json::from_parts(b"\"c-1\"".to_vec()))];
        let latency = Duration::from_micros(41_900);
        Aggregate { echoed, replies, latency, flow_latency_ms: Some(-3) }
    }

    #[test]
    fn an_aggregate_is_written_as_the_contract_has_it() {
        let mut late = reply("crm", Outcome::Timeout, "null");
        late.error = Some(Cow::Borrowed("no \"reply\""));
        let text = aggregate(vec![reply("genesys", Outcome::Ok, "{\"n\":1.00}"), late]).to_json();
        let expected = concat!(
            r#"{"customerId":"c-1","complete":false,"sources":{"#,
            r#""genesys":{"source":"genesys","outcome":"ok","status":200,"error":null,"#,
            r#""attempts":1,"latency_ms":41,"data":{"n":1.00}},"#,
            r#""crm":{"source":"crm","outcome":"timeout","status":504,"error":"no \"reply\"","#,
            r#""attempts":1,"latency_ms":41,"data":null}},"latency_ms":41,"flow_latency_ms":-3}"#,
        );
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }

    #[test]
    fn not_found_is_an_answer_and_truncated_is_none() {
        let complete = |outcome| aggregate(vec![reply("crm", outcome, "null")]).is_complete();
        assert!(complete(Outcome::Ok) && complete(Outcome::NotFound));
        assert!(!complete(Outcome::Truncated) && !complete(Outcome::Timeout));
    }

    #[test]
    fn the_largest_data_gives_way_until_the_reply_fits() {
        let large = format!("\"{}\"", "x".repeat(5_000));
        let larger = format!("\"{}\"", "y".repeat(6_000));
        let mut aggregate = aggregate(vec![
            reply("small", Outcome::Ok, "1"),
            reply("large", Outcome::Ok, &large),
            reply("larger", Outcome::Ok, &larger),
        ]);
        let fallback = Json::from_parts(b"{\"none\":true}".to_vec());
        let text = aggregate.to_json_within(6_000, |_| &fallback);
        assert!(text.len() <= 6_000);
        let outcomes: Vec<_> = aggregate.replies.iter().map(|reply| reply.outcome).collect();
        assert_eq!(outcomes, [Outcome::Ok, Outcome::Ok, Outcome::BadPayload]);
        assert_eq!(aggregate.replies[2].data, fallback);
        assert!(aggregate.replies[2].error.as_deref().is_some_and(|e| e.contains("6002 bytes")));

        let text = aggregate.to_json_within(10, |_| &fallback);
        assert!(!text.is_empty(), "what cannot fit is sent all the same, with all data left out");
    }

    #[test]
    fn server_timing_tells_the_outcome_of_those_that_gave_no_answer() {
        let replies = vec![
            reply("genesys", Outcome::NotFound, "null"),
            reply("orders", Outcome::RateLimited, "null"),
        ];
        let timing = aggregate(replies).server_timing();
        assert_eq!(timing, "genesys;dur=41, orders;dur=41;desc=\"rate_limited\"");
    }
}
