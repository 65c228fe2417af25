//! The OAuth 2.0 token endpoint of the client credentials grant (RFC 6749, section 4.4) in the
//! way of Genesys Cloud, and the book of the tokens that are good.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::canned_reply::Reply;
use super::latency::SplitMix64;
use super::received::{Received, field, form_decoded, form_fields};
use super::upstream::Answer;

/// How long a token is good unless it is set otherwise, in seconds.
const EXPIRES_IN: u64 = 86_400;
/// What the client may do at first.
const SCOPES: [&str; 2] = ["users:readonly", "analytics:readonly"];
/// How many tokens are kept before those that have ended are thrown out.
const TIDY_ABOVE: usize = 1_000;

/// The client that the token endpoint accepts, and the tokens it has issued. Clones are handles of
/// the same settings.
#[derive(Clone)]
pub struct OauthSettings {
    book: Arc<Mutex<Book>>,
}

struct Book {
    client_id: String,
    client_secret: String,
    expires_in: u64,
    is_checked: bool,
    scopes: Vec<String>,
    issued: usize,
    /// Until when each token is good.
    good: HashMap<String, Instant>,
    random: SplitMix64,
}

impl OauthSettings {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            book: Arc::new(Mutex::new(Book {
                client_id: "demo-client".to_owned(),
                client_secret: "demo-secret".to_owned(),
                expires_in: EXPIRES_IN,
                is_checked: true,
                scopes: SCOPES.map(str::to_owned).to_vec(),
                issued: 0,
                good: HashMap::new(),
                random: SplitMix64::new(!seed),
            })),
        }
    }

    /// The one client that gets tokens; `demo-client` with `demo-secret` at first. Tokens that
    /// were issued before stay good.
    pub fn set_client(&self, id: &str, secret: &str) {
        let mut book = self.book();
        id.clone_into(&mut book.client_id);
        secret.clone_into(&mut book.client_secret);
    }

    /// How long the tokens from now on are said to be good, and are, in seconds; 86,400 at first.
    pub fn set_expires_in(&self, seconds: u64) {
        self.book().expires_in = seconds;
    }

    /// From now on every client gets a token and the users API takes every request, even one
    /// without a token.
    pub fn accept_anyone(&self) {
        self.book().is_checked = false;
    }

    /// From now on clients and tokens are checked, as they are at first.
    pub fn check_clients(&self) {
        self.book().is_checked = true;
    }

    /// What the client may do from now on, with tokens that it has already as well;
    /// `users:readonly` and `analytics:readonly` at first.
    pub fn set_scopes(&self, scopes: &[&str]) {
        self.book().scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    }

    /// From now on none of the tokens issued so far is good.
    pub fn revoke_all(&self) {
        self.book().good.clear();
    }

    /// How many tokens were issued.
    pub fn issued(&self) -> usize {
        self.book().issued
    }

    /// Whether the users API lets a request with this bearer token in.
    pub(super) fn accepts(&self, token: Option<&str>) -> bool {
        let book = self.book();
        let end = token.and_then(|token| book.good.get(token));
        !book.is_checked || end.is_some_and(|end| Instant::now() < *end)
    }

    /// Whether the client may do this; it may do everything if it is not checked.
    pub(super) fn has_scope(&self, scope: &str) -> bool {
        let book = self.book();
        !book.is_checked || book.scopes.iter().any(|granted| granted == scope)
    }

    // Nothing panics while it holds the lock: a poisoned one is still sound.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for OauthSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OauthSettings")
            .field("issued", &self.issued())
            .finish_non_exhaustive()
    }
}

impl Book {
    fn issue(&mut self, now: Instant) -> Reply {
        if self.good.len() > TIDY_ABOVE {
            self.good.retain(|_, end| now < *end);
        }
        self.issued += 1;
        let token = format!("sim-token-{}-{:016x}", self.issued, self.random.next_u64());
        // A lifetime that the clock cannot hold counts as the default one.
        let end = now
            .checked_add(Duration::from_secs(self.expires_in))
            .unwrap_or(now + Duration::from_secs(EXPIRES_IN));
        self.good.insert(token.clone(), end);
        let body = json!({
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self.expires_in,
        });
        Reply::json(200, &body).with_header("cache-control", "no-store")
    }
}

/// What the token endpoint says.
pub(super) fn answer(settings: &OauthSettings) -> Answer {
    let settings = settings.clone();
    Box::new(move |request| {
        if request.path() != "/oauth/token" {
            return refused(404, "not_found", "no such resource");
        }
        if request.method != "POST" {
            return refused(405, "method_not_allowed", "use POST").with_header("allow", "POST");
        }
        let media_type = request.header("content-type").unwrap_or_default();
        if !media_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            let problem = "the body must be application/x-www-form-urlencoded";
            return refused(400, "invalid_request", problem);
        }
        let fields = form_fields(&request.body);
        let mut book = settings.book();
        if book.is_checked {
            let known = (book.client_id.clone(), book.client_secret.clone());
            if client(request, &fields) != Some(known) {
                return refused(401, "invalid_client", "client not found or wrong secret")
                    .with_header("www-authenticate", "Basic realm=\"simulator\"");
            }
        }
        match field(&fields, "grant_type").as_deref() {
            Some("client_credentials") => book.issue(Instant::now()),
            Some(_) => {
                let problem = "only client_credentials is supported";
                refused(400, "unsupported_grant_type", problem)
            }
            None => refused(400, "invalid_request", "grant_type is missing"),
        }
    })
}

/// Id and secret of the client by HTTP Basic, both form-encoded before base64 (RFC 6749, section
/// 2.3.1), else out of the form.
fn client(request: &Received, fields: &[(String, String)]) -> Option<(String, String)> {
    let Some(encoded) = request.authorization("basic") else {
        return field(fields, "client_id").zip(field(fields, "client_secret"));
    };
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((form_decoded(id.as_bytes()), form_decoded(secret.as_bytes())))
}

fn refused(status: u16, error: &str, problem: &str) -> Reply {
    let body = json!({
        "error": error,
        "description": problem,
        "error_description": problem,
    });
    Reply::json(status, &body)
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Simulator};
    use super::*;
    use crate::simulator::test_client::{Answered, call, post};

    const GRANT: &str = "grant_type=client_credentials";

    fn simulator() -> Simulator {
        Simulator::start(Options::default()).unwrap()
    }

    async fn ask(simulator: &Simulator, basic: Option<&str>, form: &str) -> Answered {
        let basic = basic.map(|pair| format!("Basic {}", STANDARD.encode(pair)));
        let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
        if let Some(basic) = &basic {
            headers.push(("Authorization", basic));
        }
        call(simulator.oauth(), &post("/oauth/token", &headers, form)).await
    }

    #[tokio::test]
    async fn every_request_gets_another_token_that_is_good() {
        let simulator = simulator();
        let settings = simulator.oauth_settings();
        settings.set_expires_in(300);
        let mut tokens = Vec::new();
        for _ in 0..2 {
            let reply = ask(&simulator, Some("demo-client:demo-secret"), GRANT).await;
            assert_eq!(reply.status, 200);
            let body = reply.json();
            assert_eq!(body["token_type"], "bearer");
            assert_eq!(body["expires_in"], 300);
            tokens.push(body["access_token"].as_str().unwrap().to_owned());
        }
        assert_ne!(tokens[0], tokens[1]);
        assert!(tokens[1].starts_with("sim-token-2-"));
        assert_eq!(settings.issued(), 2);
        assert!(tokens.iter().all(|token| settings.accepts(Some(token))));
        settings.revoke_all();
        assert!(tokens.iter().all(|token| !settings.accepts(Some(token))));
        assert_eq!(settings.issued(), 2);
    }

    #[tokio::test]
    async fn a_client_may_stand_in_the_form() {
        let form = format!("{GRANT}&client_id=demo-client&client_secret=demo-secret");
        assert_eq!(ask(&simulator(), None, &form).await.status, 200);
    }

    #[tokio::test]
    async fn id_and_secret_are_form_encoded_before_base64() {
        let simulator = simulator();
        simulator.oauth_settings().set_client("a:b", "p%q&r= +ü");
        let encoded = "a%3Ab:p%25q%26r%3D+%2B%C3%BC";
        assert_eq!(ask(&simulator, Some(encoded), GRANT).await.status, 200);
        let unencoded = ask(&simulator, Some("a:b:p%q&r= +ü"), GRANT).await;
        assert_eq!(unencoded.status, 401);
    }

    #[tokio::test]
    async fn a_wrong_client_is_401_and_a_wrong_grant_400() {
        let simulator = simulator();
        for basic in [None, Some("demo-client:wrong"), Some("no colon")] {
            let reply = ask(&simulator, basic, GRANT).await;
            assert_eq!(reply.status, 401);
            let body = reply.json();
            assert_eq!(body["error"], "invalid_client");
            assert_eq!(body["description"], body["error_description"]);
        }
        for (form, error) in
            [("grant_type=password", "unsupported_grant_type"), ("", "invalid_request")]
        {
            let reply = ask(&simulator, Some("demo-client:demo-secret"), form).await;
            assert_eq!((reply.status, &reply.json()["error"]), (400, &json!(error)));
        }
        assert_eq!(simulator.oauth_settings().issued(), 0);
    }

    #[tokio::test]
    async fn the_request_must_be_a_form_by_post_at_the_right_path() {
        let simulator = simulator();
        let json = post("/oauth/token", &[("content-type", "application/json")], "{}");
        assert_eq!(call(simulator.oauth(), &json).await.status, 400);
        let elsewhere = post("/token", &[], "");
        assert_eq!(call(simulator.oauth(), &elsewhere).await.status, 404);
        let put = elsewhere.replace("POST /token", "PUT /oauth/token");
        assert_eq!(call(simulator.oauth(), &put).await.status, 405);
    }

    #[tokio::test]
    async fn a_token_ends_when_its_time_is_over() {
        let simulator = simulator();
        let settings = simulator.oauth_settings();
        settings.set_expires_in(0);
        let reply = ask(&simulator, Some("demo-client:demo-secret"), GRANT).await;
        let token = reply.json()["access_token"].as_str().unwrap().to_owned();
        assert!(!settings.accepts(Some(&token)));
        settings.accept_anyone();
        assert!(settings.accepts(Some(&token)) && settings.accepts(None));
    }

    #[tokio::test]
    async fn a_lifetime_beyond_every_clock_is_taken() {
        let simulator = simulator();
        simulator.oauth_settings().set_expires_in(u64::MAX);
        let reply = ask(&simulator, Some("demo-client:demo-secret"), GRANT).await;
        assert_eq!(reply.json()["expires_in"], u64::MAX);
    }
}
