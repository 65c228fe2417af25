//! What an upstream says about the budget it leaves us, in the header fields of a reply.
//!
//! Read are, the first that is there and valid wins:
//!
//! 1. Genesys Cloud: `inin-ratelimit-allowed`, `-count` (used so far), `-reset` (seconds).
//! 2. draft-ietf-httpapi-ratelimit-headers, since revision 08: `RateLimit: "default";r=50;t=30`
//!    with `RateLimit-Policy: "default";q=100;w=60`; in revision 07
//!    `RateLimit: limit=100, remaining=50, reset=30`.
//! 3. Its earlier revisions: `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset`.
//! 4. The same three with `X-` in front, which many APIs send.
//!
//! All of it is a hint: a malformed value is ignored, a reset is capped at 24 hours. In (3) and (4)
//! servers disagree whether the reset counts seconds or is a time of day (epoch seconds). Both are
//! understood; what is neither within a day from now is ignored.

use crate::model::header::header_number::whole_number;
use crate::model::header::retry_after::LONGEST_WAIT;
use std::time::{Duration, SystemTime};

/// What is left of an upstream's quota until it is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamBudget {
    /// Requests that are left.
    pub remaining: u64,
    /// Requests that are allowed for each of the upstream's time windows, if it says so.
    pub limit: Option<u64>,
    /// Time until the quota is renewed, at most 24 hours.
    pub reset: Duration,
    /// The field that says what is left.
    pub header: &'static str,
}

/// Gives the value of a header field by its lower-case name.
pub type Lookup<'a, 'h> = &'a dyn Fn(&str) -> Option<&'h [u8]>;

/// Reads the budget out of a reply's header fields. A reply without any such field costs four
/// calls of `lookup` and nothing else. `sent`, when the reply was sent by the upstream's clock, is
/// needed where the reset is a time of day.
pub fn read(lookup: Lookup<'_, '_>, sent: SystemTime) -> Option<UpstreamBudget> {
    genesys(lookup)
        .or_else(|| structured(lookup))
        .or_else(|| triple(lookup, &RATE_LIMIT, sent))
        .or_else(|| triple(lookup, &X_RATE_LIMIT, sent))
}

fn genesys(lookup: Lookup<'_, '_>) -> Option<UpstreamBudget> {
    let allowed = whole_number(lookup("inin-ratelimit-allowed")?)?;
    let count = whole_number(lookup("inin-ratelimit-count")?)?;
    let reset = whole_number(lookup("inin-ratelimit-reset")?)?;
    Some(UpstreamBudget {
        remaining: allowed.saturating_sub(count),
        limit: Some(allowed),
        reset: seconds(reset),
        header: "inin-ratelimit-count",
    })
}

/// The names of three header fields that belong together.
struct Triple {
    limit: &'static str,
    remaining: &'static str,
    reset: &'static str,
}

const RATE_LIMIT: Triple =
    Triple { limit: "ratelimit-limit", remaining: "ratelimit-remaining", reset: "ratelimit-reset" };

const X_RATE_LIMIT: Triple = Triple {
    limit: "x-ratelimit-limit",
    remaining: "x-ratelimit-remaining",
    reset: "x-ratelimit-reset",
};

fn triple(lookup: Lookup<'_, '_>, names: &Triple, sent: SystemTime) -> Option<UpstreamBudget> {
    let remaining = whole_number(lookup(names.remaining)?)?;
    let reset = seconds_or_epoch(whole_number(lookup(names.reset)?)?, sent)?;
    let limit = lookup(names.limit).and_then(leading_number);
    Some(UpstreamBudget { remaining, limit, reset, header: names.remaining })
}

/// The number in `100` and in `100, 100;w=60`: some revisions let policies follow the limit.
fn leading_number(value: &[u8]) -> Option<u64> {
    whole_number(value.split(|byte| *byte == b',').next()?)
}

/// A reset in seconds from now if it is at most a day, else epoch seconds within a day of `sent`.
/// Epoch seconds that have just passed mean now.
fn seconds_or_epoch(value: u64, sent: SystemTime) -> Option<Duration> {
    let day = LONGEST_WAIT.as_secs();
    if value <= day {
        return Some(Duration::from_secs(value));
    }
    let sent = sent.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    (sent.abs_diff(value) <= day).then(|| Duration::from_secs(value.saturating_sub(sent)))
}

fn seconds(value: u64) -> Duration {
    Duration::from_secs(value).min(LONGEST_WAIT)
}

const RATELIMIT: &str = "ratelimit";

fn structured(lookup: Lookup<'_, '_>) -> Option<UpstreamBudget> {
    let field = std::str::from_utf8(lookup(RATELIMIT)?).ok()?;
    if !field.contains(['"', ';']) {
        return dictionary(field);
    }
    let policies = lookup("ratelimit-policy").and_then(|value| std::str::from_utf8(value).ok());
    // Several limits hold at once; the one that stops us first counts, and of two with equally
    // little left the one that stops us longer.
    split_outside_quotes(field, ',')
        .filter_map(|item| service_limit(&Item::parse(item)?, policies))
        .min_by_key(|budget| (budget.remaining, std::cmp::Reverse(budget.reset)))
}

/// Revision 07: `limit=100, remaining=50, reset=30`.
fn dictionary(field: &str) -> Option<UpstreamBudget> {
    let value = |wanted: &str| {
        field
            .split(',')
            .filter_map(|entry| entry.split_once('='))
            .find(|(key, _)| key.trim() == wanted)
            .and_then(|(_, value)| whole_number(value.as_bytes()))
    };
    Some(UpstreamBudget {
        remaining: value("remaining")?,
        limit: value("limit"),
        reset: seconds(value("reset")?),
        header: RATELIMIT,
    })
}

/// One item of `RateLimit`. Its effective window `t` may be absent; then the window of its policy
/// is the longest that the quota can take to be renewed. A quota of bytes or of concurrent
/// requests is none of ours.
fn service_limit(limit: &Item<'_>, policies: Option<&str>) -> Option<UpstreamBudget> {
    let policy = policies.and_then(|policies| {
        split_outside_quotes(policies, ',')
            .filter_map(Item::parse)
            .find(|policy| policy.name == limit.name)
    });
    let policy_says = |key: &str| policy.as_ref().and_then(|policy| policy.parameter(key));
    if policy_says("qu").is_some_and(|unit| unit != "\"requests\"") {
        return None;
    }
    let reset = limit.number("t").or_else(|| policy.as_ref()?.number("w"))?;
    Some(UpstreamBudget {
        remaining: limit.number("r")?,
        limit: policy.as_ref().and_then(|policy| policy.number("q")),
        reset: seconds(reset),
        header: RATELIMIT,
    })
}

/// A named item with its parameters (RFC 9651): `"default";r=50;t=30`.
struct Item<'a> {
    name: &'a str,
    parameters: &'a str,
}

impl<'a> Item<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let name = split_outside_quotes(text, ';').next()?;
        let parameters = text.get(name.len()..)?;
        let name = name.trim();
        (!name.is_empty()).then_some(Self { name, parameters })
    }

    /// The text of a parameter; the last one wins if there are several (RFC 9651, 4.2.3.2).
    fn parameter(&self, wanted: &str) -> Option<&'a str> {
        split_outside_quotes(self.parameters, ';')
            .filter_map(|parameter| parameter.split_once('='))
            .filter(|(key, _)| key.trim() == wanted)
            .last()
            .map(|(_, value)| value.trim())
    }

    fn number(&self, wanted: &str) -> Option<u64> {
        whole_number(self.parameter(wanted)?.as_bytes())
    }
}

/// Splits at `separator` where it does not stand inside a quoted string.
fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |character| {
        let separates = character == separator && !quoted;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        separates
    })
}

#[cfg(test)]
mod tests;
