//! A customer relationship system: `GET /v2/accounts?id=…&include=…`, with an `X-API-Key`.

use serde_json::{Map, Value, json};

use super::canned_reply::Reply;
use super::latency::{SplitMix64, seed_of};
use super::received::Received;

const NAMES: [&str; 5] =
    ["Bäckerei Groß & Söhne", "Niño Ñandú S.A.", "Plain Ltd", "Caffè \"Più\"", "株式会社さくら"];
const TIERS: [&str; 3] = ["gold", "silver", "standard"];

/// What the CRM says.
pub(super) fn answer(request: &Received) -> Reply {
    if request.path() != "/v2/accounts" {
        return error(404, "No such resource");
    }
    if request.method != "GET" {
        return error(405, "Method not allowed").with_header("allow", "GET");
    }
    if request.header("x-api-key").is_none_or(|key| key.trim().is_empty()) {
        return error(401, "API key missing");
    }
    match request.query("id") {
        None => error(400, "Parameter id is required"),
        Some(id) if id.is_empty() => error(400, "Parameter id is required"),
        Some(id) if id.starts_with("missing") => error(404, "Account not found"),
        Some(id) => {
            let include = request.query("include").unwrap_or_default();
            Reply::json(200, &account(&id, &include))
        }
    }
}

fn error(status: u16, problem: &str) -> Reply {
    Reply::json(status, &json!({ "error": problem }))
}

/// The account of this id, always the same one, with the parts that `include` lists.
fn account(id: &str, include: &str) -> Value {
    let mut random = SplitMix64::new(seed_of(id));
    let account = json!({
        "id": id,
        "name": random.pick(&NAMES),
        "tier": random.pick(&TIERS),
        "balance": format!("{}.{:02}", random.next_u64() % 1_000, random.next_u64() % 100),
        "externalNumber": 9_000_000_000_000_000_000_u64 + random.next_u64() % 1_000_000_000,
        "owner": null,
        "tags": [],
        "createdAt": "2019-02-28T23:59:59+01:00",
    });
    let mut body = Map::new();
    body.insert("account".to_owned(), account);
    for part in include.split(',').map(str::trim) {
        let value = match part {
            "preferences" => preferences(id),
            "subscriptions" => subscriptions(id),
            // A part that it does not know is no error, as with most such APIs.
            _ => continue,
        };
        body.insert(part.to_owned(), value);
    }
    Value::Object(body)
}

// A part has a seed of its own: what else is included must not change it.
fn preferences(id: &str) -> Value {
    let mut random = SplitMix64::new(seed_of(id).wrapping_add(1));
    json!({
        "accountId": id,
        "language": random.pick(&["de-DE", "es-ES", "ja-JP", "en-GB"]),
        "contactBy": random.pick(&["email", "phone"]),
        "doNotCall": random.next_u64().is_multiple_of(2),
        "note": null,
        "channels": [],
    })
}

fn subscriptions(id: &str) -> Value {
    let mut random = SplitMix64::new(seed_of(id).wrapping_add(2));
    let one = |number: u64| {
        json!({
            "id": format!("sub-{:06}", random.next_u64() % 1_000_000),
            "accountId": id,
            "plan": random.pick(&["Básico", "Plus", "Größer"]),
            "seats": number * 5,
            "endsAt": null,
        })
    };
    (1..=2).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Simulator};
    use super::*;
    use crate::simulator::test_client::{Answered, call, get};

    async fn ask(target: &str, key: &str) -> Answered {
        let simulator = Simulator::start(Options::default()).unwrap();
        call(simulator.crm(), &get(target, &[("x-api-key", key)])).await
    }

    #[tokio::test]
    async fn an_account_has_its_id_and_only_the_parts_that_were_asked_for() {
        let all = ask("/v2/accounts?id=c%201&include=preferences%2Csubscriptions", "k").await;
        assert_eq!(all.status, 200);
        let all = all.json();
        assert_eq!(all["account"]["id"], "c 1");
        assert_eq!(all["preferences"]["accountId"], "c 1");
        assert_eq!(all["subscriptions"][1]["accountId"], "c 1");
        let some = ask("/v2/accounts?id=c%201&include=preferences,unknown", "k").await.json();
        assert_eq!(some["account"], all["account"]);
        assert_eq!(some["preferences"], all["preferences"]);
        assert_eq!(some.as_object().unwrap().len(), 2);
        let other = ask("/v2/accounts?id=c%201&include=subscriptions", "k").await.json();
        assert_eq!(other["subscriptions"], all["subscriptions"]);
        let bare = ask("/v2/accounts?id=c%201", "k").await.json();
        assert_eq!(bare.as_object().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn refusals_say_why() {
        for (target, key, status, problem) in [
            ("/v2/accounts?id=c-1", " ", 401, "API key missing"),
            ("/v2/accounts?id=missing-1", "k", 404, "Account not found"),
            ("/v2/accounts", "k", 400, "Parameter id is required"),
            ("/v2/accounts?id=", "k", 400, "Parameter id is required"),
            ("/v3", "k", 404, "No such resource"),
        ] {
            let reply = ask(target, key).await;
            assert_eq!(reply.status, status, "{target}");
            assert_eq!(reply.json(), json!({ "error": problem }), "{target}");
        }
    }
}
