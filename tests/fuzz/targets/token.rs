//! The reply of a token endpoint (RFC 6749 sections 5.1 and 5.2).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tributary::http::client::Response;
use tributary::http::hints::ResponseHints;
use tributary::model::json::without_byte_order_mark;
use tributary::policy::auth::TokenError;
use tributary::policy::auth::client_credentials::read_reply;

const STATUSES: [u16; 7] = [200, 201, 302, 400, 401, 429, 503];
/// The longest life that is believed.
const LONGEST: Duration = Duration::from_hours(48);

/// The input is the body.
pub fn token_reply(input: &[u8]) {
    let scopes = ["users:readonly".to_owned()];
    // Fields that nobody asked for may hold anything, even what is not UTF-8.
    let text = String::from_utf8_lossy(without_byte_order_mark(input));
    let fields: Option<BTreeMap<String, &RawValue>> = serde_json::from_str(&text).ok();
    let field = |name: &str| -> Option<Value> {
        serde_json::from_str(fields.as_ref()?.get(name)?.get()).ok()
    };
    for status in STATUSES {
        let body = input.to_vec().into();
        let reply =
            Response { status, hints: ResponseHints::default(), body, self_delimited: true };
        match read_reply(&reply, &scopes) {
            Ok(token) => {
                assert!(status < 300, "a token out of a {status}");
                let Some(Value::String(text)) = field("access_token") else {
                    panic!("a token that the reply does not have")
                };
                assert_eq!(token.authorization.as_bytes(), format!("Bearer {text}").as_bytes());
                assert!(token.authorization.is_sensitive());
                assert!(!format!("{token:?}").contains(&text) || text.len() < 10);
                assert!(token.lifetime > Duration::ZERO && token.lifetime <= LONGEST);
                let kind = field("token_type").unwrap_or_default();
                assert!(kind.is_null() || kind.as_str().is_some_and(is_bearer), "{kind}");
            }
            Err(error) => check_error(&error, status, field("access_token")),
        }
    }
}

fn is_bearer(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("bearer")
}

fn check_error(error: &TokenError, status: u16, token: Option<Value>) {
    let fits = match error {
        TokenError::Unusable { .. } => status < 300,
        TokenError::Failed { .. } => status == 429 || status >= 500,
        TokenError::Refused { .. } => (300..500).contains(&status) && status != 429,
        TokenError::Unreachable { .. }
        | TokenError::NotAsked(_)
        | TokenError::BackingOff { .. }
        | TokenError::TooLate => false,
    };
    assert!(fits, "{status}: {error}");
    // Errors are shown to people: they never repeat what came.
    if let Some(Value::String(token)) = token
        && token.len() >= 16
    {
        assert!(!format!("{error} {error:?}").contains(&token), "{error}");
    }
}
