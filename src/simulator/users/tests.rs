//! Tests of the users API over real sockets.

use super::*;
use crate::simulator::test_client::{Answered, call, get, post};
use crate::simulator::{Options, Simulator};

fn simulator() -> Simulator {
    Simulator::start(Options::default()).unwrap()
}

/// A token from the token endpoint.
async fn token(simulator: &Simulator) -> String {
    let form = "grant_type=client_credentials&client_id=demo-client&client_secret=demo-secret";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let reply = call(simulator.oauth(), &post("/oauth/token", &headers, form)).await;
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

async fn ask(simulator: &Simulator, target: &str, token: &str) -> Answered {
    let bearer = format!("Bearer {token}");
    call(simulator.users(), &get(target, &[("authorization", &bearer)])).await
}

#[tokio::test]
async fn a_user_has_the_decoded_id_that_was_asked_for_and_is_always_the_same() {
    let simulator = simulator();
    let token = token(&simulator).await;
    let one = ask(&simulator, "/api/v2/users/M%C3%BCller%2F1?expand=skills", &token).await;
    assert_eq!(one.status, 200);
    assert_eq!(one.json()["id"], "Müller/1");
    let again = ask(&simulator, "/api/v2/users/M%C3%BCller%2F1", &token).await;
    assert_eq!(one.body, again.body);
    let other = ask(&simulator, "/api/v2/users/c-2", &token).await.json();
    for part in ["id", "email", "division", "chat"] {
        assert_ne!(one.json()[part], other[part], "{part}");
    }
}

#[test]
fn a_user_is_as_large_as_a_real_one_and_has_its_fields() {
    let example = ["id", "name", "division", "chat", "email", "primaryContactInfo", "state"];
    for id in ["c-1", "06ffcd2e-1ada-412e-a5f5-30d7853246dd"] {
        let user = user(id);
        let size = user.to_string().len();
        assert!((1_300..2_100).contains(&size), "{size} bytes");
        for field in example {
            assert!(!user[field].is_null(), "{field}");
        }
        assert!(user["biography"].is_null());
        assert!(!user["email"].as_str().unwrap().is_ascii());
    }
}

#[tokio::test]
async fn only_a_token_that_is_good_lets_in() {
    let simulator = simulator();
    let token = token(&simulator).await;
    let reply = ask(&simulator, "/api/v2/users/c-1", "sim-token-1-guessed").await;
    assert_eq!((reply.status, &reply.json()["code"]), (401, &json!("bad.credentials")));
    let without = call(simulator.users(), &get("/api/v2/users/c-1", &[])).await;
    assert_eq!(without.status, 401);
    assert_eq!(ask(&simulator, "/api/v2/users/c-1", &token).await.status, 200);
    simulator.oauth_settings().revoke_all();
    assert_eq!(ask(&simulator, "/api/v2/users/c-1", &token).await.status, 401);
}

#[tokio::test]
async fn missing_users_and_unknown_paths_are_404_with_the_body_of_genesys() {
    let simulator = simulator();
    let token = token(&simulator).await;
    for (target, code) in [
        ("/api/v2/users/missing-7", "general.resource.not.found"),
        ("/api/v2/users/", "not.found"),
        ("/api/v2/users/a/b", "not.found"),
        ("/", "not.found"),
    ] {
        let reply = ask(&simulator, target, &token).await;
        assert_eq!(reply.status, 404, "{target}");
        let body = reply.json();
        assert_eq!(body["code"], code, "{target}");
        assert_eq!(body["status"], 404);
        assert_eq!(body["contextId"], reply.header("inin-correlation-id").unwrap());
    }
}

#[tokio::test]
async fn each_resource_has_its_method_and_its_scope() {
    let simulator = simulator();
    let bearer = format!("Bearer {}", token(&simulator).await);
    let headers = [("authorization", bearer.as_str())];
    let status = get("/api/v2/users/c-1/routingstatus", &headers);
    let query = r#"{"interval": "2026-03-01T00:00:00Z/2026-03-02T00:00:00Z"}"#;
    let details = post(CONVERSATION_DETAILS, &headers, query);
    let reply = call(simulator.users(), &status).await.json();
    assert!(ROUTING_STATUSES.contains(&reply["status"].as_str().unwrap()), "{reply}");
    let reply = call(simulator.users(), &details).await.json();
    assert!(reply["totalHits"].as_u64().unwrap() > 0, "{reply}");
    let bad = post(CONVERSATION_DETAILS, &headers, "{}");
    assert_eq!(call(simulator.users(), &bad).await.status, 400);
    let read = get(CONVERSATION_DETAILS, &headers);
    assert_eq!(call(simulator.users(), &read).await.status, 405);

    simulator.oauth_settings().set_scopes(&["users:readonly"]);
    assert_eq!(call(simulator.users(), &status).await.status, 200);
    let refused = call(simulator.users(), &details).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["code"], "app.not.authorized.for.scope");
    assert_eq!(
        refused.json()["message"],
        "App not authorized to use scope [analytics:readonly, analytics]"
    );
}

#[tokio::test]
async fn the_correlation_id_comes_back_and_the_limit_is_told() {
    let simulator = simulator();
    let bearer = format!("Bearer {}", token(&simulator).await);
    let headers = [("authorization", bearer.as_str()), ("ININ-Correlation-Id", "my-id")];
    for count in ["1", "2"] {
        let request = get("/api/v2/users/c-1", &headers);
        let reply = call(simulator.users(), &request).await;
        assert_eq!(reply.header("inin-correlation-id"), Some("my-id"));
        assert_eq!(reply.header("inin-ratelimit-count"), Some(count));
        assert_eq!(reply.header("inin-ratelimit-allowed"), Some("300"));
        let reset: u64 = reply.header("inin-ratelimit-reset").unwrap().parse().unwrap();
        assert!((1..=60).contains(&reset));
    }
}

#[tokio::test]
async fn an_enforced_limit_refuses_what_is_above_it() {
    let simulator = simulator();
    let token = token(&simulator).await;
    simulator.users_settings().enforce_rate_limit(1);
    assert_eq!(ask(&simulator, "/api/v2/users/c-1", &token).await.status, 200);
    let reply = ask(&simulator, "/api/v2/users/c-1", &token).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.json()["code"], "too.many.requests.retry.after");
    assert_eq!(reply.header("retry-after"), reply.header("inin-ratelimit-reset"));
    simulator.users_settings().announce_rate_limit(1);
    for _ in 0..2 {
        assert_eq!(ask(&simulator, "/api/v2/users/c-1", &token).await.status, 200);
    }
}

#[test]
fn a_new_minute_begins_to_count_again() {
    let settings = UsersSettings::new(0);
    let now = Instant::now();
    assert_eq!(settings.spend(now).count, 1);
    assert_eq!(settings.spend(now + Duration::from_secs(59)).count, 2);
    assert_eq!(settings.spend(now + Duration::from_secs(61)).count, 1);
}
