//! An orders system that is queried by `POST /v1/orders`, with a bearer key and cursor paging.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::canned_reply::Reply;
use super::latency::{SplitMix64, seed_of};
use super::received::Received;
use super::upstream::Answer;

/// How many orders a customer has at first.
const TOTAL: usize = 3;
/// How many orders a page has if the request does not say.
const DEFAULT_LIMIT: usize = 20;
/// How many orders a page has at most.
const MAX_LIMIT: usize = 1_000;
/// The states that orders take in turn if the request does not choose.
const STATES: [&str; 4] = ["ACTIVE", "PENDING", "SHIPPED", "CANCELLED"];
const ARTICLES: [&str; 5] = ["Crème brûlée", "Schlüssel 7½\"", "Piñata", "Plain box", "抹茶"];

/// How many orders there are. Clones are handles of the same setting.
#[derive(Debug, Clone)]
pub struct OrdersSettings {
    total: Arc<AtomicUsize>,
}

impl OrdersSettings {
    pub(super) fn new() -> Self {
        Self { total: Arc::new(AtomicUsize::new(TOTAL)) }
    }

    /// How many orders every customer has; 3 at first.
    pub fn set_total(&self, total: usize) {
        self.total.store(total, Ordering::Relaxed);
    }
}

/// What the orders system says.
pub(super) fn answer(settings: &OrdersSettings) -> Answer {
    let settings = settings.clone();
    Box::new(move |request| {
        let total = settings.total.load(Ordering::Relaxed);
        orders(request, total)
            .unwrap_or_else(|(status, problem)| Reply::json(status, &json!({ "error": problem })))
    })
}

type Refusal = (u16, &'static str);

fn orders(request: &Received, total: usize) -> Result<Reply, Refusal> {
    if request.path() != "/v1/orders" {
        return Err((404, "No such resource"));
    }
    if request.method != "POST" {
        return Err((405, "Method not allowed"));
    }
    if request.authorization("bearer").is_none_or(str::is_empty) {
        return Err((401, "API key missing"));
    }
    let query = Query::parse(request)?;
    let end = query.offset.saturating_add(query.limit).min(total);
    let results: Vec<Value> = (query.offset..end).map(|number| order(&query, number)).collect();
    let next = (end < total).then(|| cursor(&query.customer, end));
    let body = json!({
        "results": results,
        "total": total,
        "limit": query.limit,
        "nextCursor": next,
    });
    Ok(Reply::json(200, &body))
}

/// What a request asks for.
struct Query {
    customer: String,
    /// Never empty.
    states: Vec<String>,
    limit: usize,
    /// The number of the first order, from 0.
    offset: usize,
}

impl Query {
    fn parse(request: &Received) -> Result<Self, Refusal> {
        let body = request.json().ok_or((400, "The body is not JSON"))?;
        let customer = body
            .get("customerId")
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty())
            .ok_or((400, "customerId must be a string"))?
            .to_owned();
        let offset = match body.get("cursor") {
            None | Some(Value::Null) => 0,
            Some(cursor) => offset(cursor, &customer).ok_or((400, "The cursor is not valid"))?,
        };
        Ok(Self {
            states: states(body.get("status"))?,
            limit: limit(body.get("limit"))?,
            customer,
            offset,
        })
    }
}

fn states(asked: Option<&Value>) -> Result<Vec<String>, Refusal> {
    const PROBLEM: Refusal = (400, "status must be an array of strings");
    let all = || STATES.map(str::to_owned).to_vec();
    let Some(asked) = asked else {
        return Ok(all());
    };
    let asked = asked.as_array().ok_or(PROBLEM)?;
    let states = asked.iter().map(|state| state.as_str().map(str::to_owned).ok_or(PROBLEM));
    let states: Vec<String> = states.collect::<Result<_, _>>()?;
    Ok(if states.is_empty() { all() } else { states })
}

fn limit(asked: Option<&Value>) -> Result<usize, Refusal> {
    let Some(asked) = asked else {
        return Ok(DEFAULT_LIMIT);
    };
    asked
        .as_u64()
        .and_then(|limit| usize::try_from(limit).ok())
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or((400, "limit must be an integer from 1 to 1000"))
}

/// A cursor is good for its customer only, so that a mix-up is found out.
fn cursor(customer: &str, offset: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("{offset}:{customer}"))
}

fn offset(cursor: &Value, customer: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor.as_str()?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (offset, owner) = text.split_once(':')?;
    (owner == customer).then_some(())?;
    offset.parse().ok()
}

fn order(query: &Query, number: usize) -> Value {
    let mut random = SplitMix64::new(seed_of(&format!("{number}:{}", query.customer)));
    let state = query.states.get(number % query.states.len().max(1));
    json!({
        "id": format!("ord-{:08x}-{number}", random.next_u64() >> 32),
        "customerId": query.customer,
        "status": state,
        "article": random.pick(&ARTICLES),
        "quantity": 1 + random.next_u64() % 9,
        "total": { "amount": format!("{}.00", random.next_u64() % 500), "currency": "EUR" },
        "shippedAt": null,
        "notes": [],
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Simulator};
    use super::*;
    use crate::simulator::test_client::{Answered, call, post};

    fn simulator() -> Simulator {
        Simulator::start(Options::default()).unwrap()
    }

    async fn ask(simulator: &Simulator, body: &str) -> Answered {
        let request = post("/v1/orders", &[("Authorization", "Bearer k")], body);
        call(simulator.orders(), &request).await
    }

    #[tokio::test]
    async fn orders_belong_to_the_customer_and_have_a_status_that_was_asked_for() {
        let body = r#"{"customerId":"Zoë","status":["ACTIVE","PENDING"],"limit":5}"#;
        let reply = ask(&simulator(), body).await;
        assert_eq!(reply.status, 200);
        let reply = reply.json();
        assert_eq!((&reply["total"], &reply["limit"]), (&json!(3), &json!(5)));
        assert!(reply["nextCursor"].is_null());
        let orders = reply["results"].as_array().unwrap();
        assert_eq!(orders.len(), 3);
        for order in orders {
            assert_eq!(order["customerId"], "Zoë");
            assert!(["ACTIVE", "PENDING"].contains(&order["status"].as_str().unwrap()));
        }
    }

    #[tokio::test]
    async fn cursors_lead_through_all_orders_once() {
        let simulator = simulator();
        simulator.orders_settings().set_total(7);
        let mut query = json!({"customerId": "c-1", "limit": 3});
        let mut ids = Vec::new();
        let mut pages = Vec::new();
        loop {
            let reply = ask(&simulator, &query.to_string()).await.json();
            let orders = reply["results"].as_array().unwrap();
            pages.push(orders.len());
            ids.extend(orders.iter().map(|order| order["id"].to_string()));
            if reply["nextCursor"].is_null() {
                break;
            }
            query["cursor"] = reply["nextCursor"].clone();
        }
        assert_eq!(pages, [3, 3, 1]);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 7);
        query["customerId"] = json!("c-2");
        assert_eq!(ask(&simulator, &query.to_string()).await.status, 400);
    }

    #[tokio::test]
    async fn no_orders_are_an_empty_array_and_no_cursor() {
        let simulator = simulator();
        simulator.orders_settings().set_total(0);
        let reply = ask(&simulator, r#"{"customerId":"c-1"}"#).await.json();
        let expected = json!({"results": [], "total": 0, "limit": 20, "nextCursor": null});
        assert_eq!(reply, expected);
    }

    #[tokio::test]
    async fn refusals_say_why() {
        let simulator = simulator();
        for (body, problem) in [
            ("", "The body is not JSON"),
            (r#"{"customerId":"#, "The body is not JSON"),
            (r#"{"customerId":7}"#, "customerId must be a string"),
            (r#"{"customerId":"c","cursor":"x"}"#, "The cursor is not valid"),
            (r#"{"customerId":"c","limit":0}"#, "limit must be an integer from 1 to 1000"),
            (r#"{"customerId":"c","status":"A"}"#, "status must be an array of strings"),
        ] {
            let reply = ask(&simulator, body).await;
            assert_eq!(reply.status, 400, "{body}");
            assert_eq!(reply.json(), json!({ "error": problem }), "{body}");
        }
        let keyless = post("/v1/orders", &[("authorization", "Bearer ")], "{}");
        assert_eq!(call(simulator.orders(), &keyless).await.status, 401);
        let elsewhere = post("/v1/order", &[], "{}");
        assert_eq!(call(simulator.orders(), &elsewhere).await.status, 404);
    }
}
