//! Is this reply right? By the contract's words: the aggregate (4) and the outcomes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::SOURCES;
use crate::client::Reply;
use crate::faults::{Fault, NOBODY};

/// The policy's most attempts, without the one with a new token.
const MAX_ATTEMPTS: u64 = 3;
/// What may come of any request while others have trouble.
const ALWAYS_POSSIBLE: [&str; 5] =
    ["timeout", "circuit_open", "overloaded", "connect_failed", "rate_limited"];
/// What stands in for data: of a failure, and of a definite "there is none".
const FALLBACK: [&str; 3] = [r#"{"fallback":"genesys"}"#, "null", "[]"];
const EMPTY: [&str; 3] = [r#"{"fallback":"genesys"}"#, r#"{"error":"Account not found"}"#, "[]"];

/// What was asked.
pub struct Asked {
    pub customer: String,
    /// The caller's secret.
    pub key: String,
    /// What was to happen at each source.
    pub faults: [Option<&'static Fault>; 3],
    /// The deadline that the request itself set.
    pub hurry: Option<Duration>,
}

/// Tells the right answers.
pub trait RightAnswers {
    /// What the upstream of this source says about a customer, byte for byte.
    fn of(&mut self, source: usize, customer: &str) -> Vec<u8>;
}

/// What a right reply says.
pub struct Seen {
    /// One for each of the sources.
    pub outcomes: [String; 3],
    /// The service's own clock.
    pub latency: Duration,
}

type Members<'a> = BTreeMap<String, &'a RawValue>;

/// What is wrong with a reply, if anything is.
pub fn judge(
    asked: &Asked,
    reply: &Reply,
    truth: &mut impl RightAnswers,
    crashed: &dyn Fn(&str) -> bool,
) -> Result<Seen, String> {
    let text = std::str::from_utf8(&reply.body).map_err(|_| "it is not UTF-8")?;
    expect(reply.status == 200, || format!("status {}", reply.status))?;
    expect(reply.header("content-type") == Some("application/json"), || "content-type".into())?;
    expect(reply.header("x-request-id").is_some(), || "no x-request-id".into())?;
    for secret in [&asked.key, "sim-token", "demo-secret", NOBODY] {
        expect(!text.contains(secret), || format!("it holds {secret:?}"))?;
    }
    let whole: Members = parse(text)?;
    keys(&whole, &["complete", "customerId", "latency_ms", "sources"])?;
    let customer: String = parse(member(&whole, "customerId")?)?;
    expect(customer == asked.customer, || format!("of the customer {customer}"))?;
    let sources: Members = parse(member(&whole, "sources")?)?;
    let mut sorted = SOURCES;
    sorted.sort_unstable();
    keys(&sources, &sorted)?;
    let places = SOURCES.map(|id| text.find(&format!("\"{id}\":{{\"source\":\"{id}\"")));
    expect(places.is_sorted() && places[0].is_some(), || format!("their order: {places:?}"))?;

    let mut outcomes = [String::new(), String::new(), String::new()];
    for (index, outcome) in outcomes.iter_mut().enumerate() {
        let source = member(&sources, SOURCES[index])?;
        *outcome = judge_source(index, source, asked, truth, crashed)
            .map_err(|problem| format!("{}: {problem}", SOURCES[index]))?;
    }
    let complete: bool = parse(member(&whole, "complete")?)?;
    let all = outcomes.iter().all(|outcome| outcome == "ok" || outcome == "not_found");
    expect(complete == all, || format!("complete is {complete}"))?;
    let latency: u64 = parse(member(&whole, "latency_ms")?)?;
    Ok(Seen { outcomes, latency: Duration::from_millis(latency) })
}

fn judge_source(
    index: usize,
    text: &str,
    asked: &Asked,
    truth: &mut impl RightAnswers,
    crashed: &dyn Fn(&str) -> bool,
) -> Result<String, String> {
    let source: Members = parse(text)?;
    keys(&source, &["attempts", "data", "error", "latency_ms", "outcome", "source", "status"])?;
    let name: String = parse(member(&source, "source")?)?;
    expect(name == SOURCES[index], || format!("it says to be {name}"))?;
    let outcome: String = parse(member(&source, "outcome")?)?;
    let status: u16 = parse(member(&source, "status")?)?;
    let attempts: u64 = parse(member(&source, "attempts")?)?;
    let error: Option<String> = parse(member(&source, "error")?)?;
    let _: u64 = parse(member(&source, "latency_ms")?)?;
    let data = member(&source, "data")?;

    let uses_tokens = index == 0;
    let most_attempts = MAX_ATTEMPTS + u64::from(uses_tokens);
    expect(attempts <= most_attempts, || format!("{attempts} attempts"))?;
    expect(error.is_none() == (outcome == "ok"), || format!("{outcome} with error {error:?}"))?;
    let is_missing = asked.customer.starts_with("missing") && index < 2;
    let fault = asked.faults[index];
    let expected = match outcome.as_str() {
        "ok" => {
            expect(!is_missing, || "it found a customer that does not exist".into())?;
            truth.of(index, &asked.customer)
        }
        "not_found" => {
            expect(is_missing, || "it did not find a customer that exists".into())?;
            EMPTY[index].into()
        }
        _ => FALLBACK[index].into(),
    };
    expect(data.as_bytes() == expected, || {
        format!("{outcome} with the data {data}, not {}", String::from_utf8_lossy(&expected))
    })?;
    let is_possible = is_possible(&outcome, index, fault) ||
        // A fault of ours must have a cause.
        (outcome == "internal" && crashed(SOURCES[index]));
    let fault = fault.map_or("none", |fault| fault.name);
    expect(is_possible, || format!("{outcome} cannot come of the fault {fault:?}"))?;
    let is_answer = outcome == "ok" || outcome == "not_found";
    expect(!is_answer || attempts > 0, || format!("{outcome} without an attempt"))?;
    expect(fits(&outcome, status), || format!("{outcome} with status {status}"))?;
    Ok(outcome)
}

/// Whether this outcome can come of this fault.
fn is_possible(outcome: &str, index: usize, fault: Option<&Fault>) -> bool {
    let of_fault = match fault {
        // The upstream may have had trouble with everybody.
        None => ["ok", "not_found", "upstream_error"].contains(&outcome),
        Some(fault) if fault.outcomes.is_empty() => ["ok", "not_found"].contains(&outcome),
        Some(fault) if fault.spoils_only_the_body() && outcome == "not_found" => true,
        Some(fault) => fault.outcomes.contains(&outcome),
    };
    // Only one of the sources needs tokens.
    let of_token = index == 0 && outcome == "auth_failed";
    of_fault || of_token || ALWAYS_POSSIBLE.contains(&outcome)
}

/// Whether the status is one that this outcome can have.
fn fits(outcome: &str, status: u16) -> bool {
    match outcome {
        "ok" => status == 200,
        "not_found" => status == 404,
        "timeout" => status == 504,
        "rate_limited" => status == 429,
        "circuit_open" | "overloaded" => status == 503,
        "auth_failed" => status == 401,
        "rejected" => status == 400,
        "upstream_error" => [500, 503].contains(&status),
        "connect_failed" | "bad_payload" => status == 502,
        "internal" => status == 500,
        _ => false,
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("{error} in {text}"))
}

fn member<'a>(members: &Members<'a>, name: &str) -> Result<&'a str, String> {
    members.get(name).map(|value| value.get()).ok_or_else(|| format!("no {name}"))
}

/// Exactly these, which are sorted.
fn keys(members: &Members<'_>, expected: &[&str]) -> Result<(), String> {
    let is_so = members.keys().map(String::as_str).eq(expected.iter().copied());
    expect(is_so, || format!("the keys are {:?}", members.keys()))
}

#[expect(
    clippy::fn_params_excessive_bools,
    reason = "as with `assert!`, what stands there says what it is"
)]
fn expect(condition: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(problem()) }
}
