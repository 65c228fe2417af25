//! What many tests ask of a reply.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::client::Reply;
use crate::harness::{PROFILE, TestApp};

/// What is expected of one source in an aggregate.
#[derive(Debug)]
pub struct Expected<'a> {
    pub outcome: &'a str,
    pub status: u16,
    /// Text that the error's sentence has; empty: `error` is `null`.
    pub error: &'a str,
    pub attempts: u64,
    pub data: Value,
}

/// Asserts what became of one source, and that the others are whole.
#[track_caller]
pub fn assert_one(reply: &Reply, source: &str, expected: &Expected<'_>) {
    let part = reply.source(source);
    assert_eq!(part["outcome"], expected.outcome, "{part}");
    assert_eq!(part["status"], expected.status, "{part}");
    assert_eq!(part["attempts"], expected.attempts, "{part}");
    assert_eq!(part["data"], expected.data, "{part}");
    if expected.error.is_empty() {
        assert_eq!(part["error"], json!(null), "{part}");
    } else {
        let error = part["error"].as_str().expect("a sentence");
        assert!(error.contains(expected.error), "{:?} is not in {error:?}", expected.error);
    }
    let definite = ["ok", "not_found"].contains(&expected.outcome);
    assert_eq!(reply.json()["complete"], definite, "{part}");
    assert_others_whole(reply, source);
}

/// Asserts that all sources but this one gave their data.
#[track_caller]
pub fn assert_others_whole(reply: &Reply, but: &str) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let others = ["genesys", "crm", "orders"].into_iter().filter(|source| *source != but);
    others.for_each(|source| assert_whole(reply, source));
}

/// Asserts that a source gave the data of the customer that the reply is about.
#[track_caller]
pub fn assert_whole(reply: &Reply, source: &str) {
    let part = reply.source(source);
    assert_eq!((&part["outcome"], &part["status"]), (&json!("ok"), &json!(200)), "{part}");
    assert_eq!(part["error"], json!(null));
    let data = &part["data"];
    let customer = match source {
        "genesys" => &data["id"],
        "crm" => &data["account"]["id"],
        _ => &data["results"][0]["customerId"],
    };
    assert_eq!(*customer, reply.json()["customerId"], "{part}");
}

/// Calls `ask` in so many threads at the same time.
pub fn at_once<T: Send>(count: usize, ask: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    std::thread::scope(|scope| {
        let one = |index| {
            let (barrier, ask) = (&barrier, &ask);
            scope.spawn(move || {
                barrier.wait();
                ask(index)
            })
        };
        let threads: Vec<_> = (0..count).map(one).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// Asks with another API key for the CRM and the orders system.
pub fn profile_with_key(app: &TestApp, customer: &str, key: &str) -> Reply {
    app.post(PROFILE, &json!({"customerId": customer, "externalApiKey": key}))
}

/// How many tokens the service has received so far.
pub fn tokens_received(app: &TestApp) -> u64 {
    let seen = app.admin_get("/v1/credentials").json();
    seen["credentials"][0]["generation"].as_u64().expect("a number")
}
