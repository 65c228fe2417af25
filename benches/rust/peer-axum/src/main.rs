//! Peer: what a Rust engineer would write without actors. axum + one shared reqwest client, tokio with 2 workers,
//! token cached behind an RwLock, three futures joined, replies parsed to serde_json::Value
//! (JSON_MODE=raw keeps them as validated RawValue instead).
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
    Json, Router,
};
use reqwest::{Client, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue, Value};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::RwLock;

struct App {
    http: Client,
    genesys: String,
    crm: String,
    orders: String,
    raw: bool,
    token: RwLock<Option<(Arc<str>, Instant)>>,
}

#[derive(Deserialize)]
struct Event {
    input: Input,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    customer_id: String,
    external_api_key: String,
}
#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: u64,
}
#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Tree(Value),
    Raw(Box<RawValue>),
}
#[derive(Serialize)]
struct Source {
    source: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    data: Option<Data>,
}
#[derive(Serialize)]
struct Sources {
    genesys: Source,
    crm: Source,
    orders: Source,
}
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    customer_id: String,
    sources: Sources,
    #[serde(rename = "latency_ms")]
    latency_ms: u64,
}

impl App {
    async fn token(&self) -> Result<Arc<str>, reqwest::Error> {
        if let Some((t, until)) = &*self.token.read().await {
            if Instant::now() < *until {
                return Ok(t.clone());
            }
        }
        let mut w = self.token.write().await;
        if let Some((t, until)) = &*w {
            if Instant::now() < *until {
                return Ok(t.clone());
            }
        }
        let t: Token = self.http.post(format!("{}/oauth/token", self.genesys))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&scope=view%3Ausers&client_id=id&client_secret=secret")
            .send().await?.error_for_status()?.json().await?;
        let tok: Arc<str> = t.access_token.into();
        *w = Some((
            tok.clone(),
            Instant::now() + Duration::from_secs(t.expires_in.saturating_sub(60)),
        ));
        Ok(tok)
    }
    async fn call(&self, source: &'static str, rb: RequestBuilder) -> Source {
        let r = async {
            let resp = rb.header("accept", "application/json").send().await?.error_for_status()?;
            let status = resp.status().as_u16();
            let data = if self.raw {
                Data::Raw(resp.json().await?)
            } else {
                Data::Tree(resp.json().await?)
            };
            Ok::<_, reqwest::Error>((status, data))
        }
        .await;
        match r {
            Ok((status, data)) => Source { source, status, error: None, data: Some(data) },
            Err(e) => Source {
                source,
                status: e.status().map_or(500, |s| s.as_u16()),
                error: Some(e.to_string()),
                data: None,
            },
        }
    }
}

async fn aggregate(State(app): State<Arc<App>>, Json(ev): Json<Event>) -> Response {
    let t0 = Instant::now();
    let Input { customer_id, external_api_key } = ev.input;
    let tok = match app.token().await {
        Ok(t) => t,
        Err(e) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"error": e.to_string()})))
                .into_response()
        }
    };
    let g = app.http.get(format!("{}/api/v2/users/{}", app.genesys, customer_id)).bearer_auth(&tok);
    let c = app
        .http
        .get(format!(
            "{}/v2/accounts?id={}&include=preferences,subscriptions",
            app.crm, customer_id
        ))
        .header("x-api-key", &external_api_key);
    let o = app
        .http
        .post(format!("{}/v1/orders", app.orders))
        .bearer_auth(&external_api_key)
        .json(&json!({"customerId": customer_id, "status": ["ACTIVE", "PENDING"], "limit": 5}));
    let (genesys, crm, orders) =
        tokio::join!(app.call("genesys", g), app.call("crm", c), app.call("orders", o));
    Json(Reply {
        customer_id,
        sources: Sources { genesys, crm, orders },
        latency_ms: t0.elapsed().as_millis() as u64,
    })
    .into_response()
}

fn main() {
    let env = |k: &str, d: &str| std::env::var(k).unwrap_or_else(|_| d.into());
    let port = env("PORT", "9200");
    let threads = env("THREADS", "2").parse().unwrap();
    let http = Client::builder()
        .timeout(Duration::from_secs(10))
        .connect_timeout(Duration::from_secs(3))
        .no_proxy()
        .build()
        .unwrap();
    let app = Arc::new(App {
        http,
        raw: env("JSON_MODE", "tree") == "raw",
        token: RwLock::new(None),
        genesys: env("GENESYS_BASE", "http://127.0.0.1:9101"),
        crm: env("CRM_BASE", "http://127.0.0.1:9102"),
        orders: env("ORDERS_BASE", "http://127.0.0.1:9103"),
    });
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap()
        .block_on(async move {
            let l = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
            use axum::serve::ListenerExt;
            let l = l.tap_io(|s| {
                let _ = s.set_nodelay(true);
            });
            axum::serve(l, Router::new().route("/aggregate", post(aggregate)).with_state(app))
                .await
                .unwrap();
        });
}
