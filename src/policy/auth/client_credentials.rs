//! One token request by the OAuth 2.0 client-credentials grant (RFC 6749 section 4.4).

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use awc::http::Method;
use awc::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use awc::http::uri::PathAndQuery;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::Value;

use super::TokenError;
use crate::clock;
use crate::http::client::{Connecting, HttpClient, HttpClientError, Request, Response};
use crate::http::connect_failure::ConnectFailure;
use crate::http::http_error::{HttpError, UnusableReply};
use crate::model::json::without_byte_order_mark;
use crate::model::secret::ExposeSecret as _;
use crate::policy::auth::credential_spec::client_credentials_spec::{
    ClientAuth, ClientCredentialsSpec,
};
use tokio_rustls::rustls::ClientConfig;

/// A token reply is small; anything larger is not one.
const MAX_REPLY: usize = 64 * 1024;
/// Assumed where the reply does not say how long the token lives (RFC 6749 section 5.1 leaves
/// that to other means): the shortest life that Genesys Cloud gives a token.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(5);
/// The longest life that Genesys Cloud gives a token; more is not believed.
const LONGEST_LIFETIME: Duration = Duration::from_hours(48);
/// Error codes of RFC 6749 section 5.2 that may be shown.
const ERROR_CODES: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// A token as it was received.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The value of the `Authorization` header, marked as sensitive.
    pub authorization: HeaderValue,
    /// How long it lives.
    pub lifetime: Duration,
}

/// Asks one token endpoint; bound to the thread it was made in.
pub struct TokenClient {
    spec: Arc<ClientCredentialsSpec>,
    origin: Rc<HttpClient>,
}

/// Of all else a reply may have members of any type: no other one decides whether a token is usable.
#[derive(Deserialize)]
struct TokenReply {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Value>,
    scope: Option<Value>,
}

#[derive(Deserialize)]
struct ErrorReply {
    error: Option<Value>,
}

impl TokenClient {
    /// A client for the endpoint of `spec`.
    ///
    /// # Errors
    /// [`HttpClientError`] if the endpoint cannot be connected to, whatever the network does.
    pub fn try_new(
        spec: Arc<ClientCredentialsSpec>,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Self, HttpClientError> {
        let connecting = Connecting {
            connect_timeout: spec.timeout,
            max_connections: 1,
            max_idle_connections: 1,
            tls,
        };
        let origin = Rc::new(HttpClient::try_new(&spec.endpoint, connecting)?);
        Ok(Self { spec, origin })
    }

    /// One token request.
    pub fn fetch(&self) -> impl Future<Output = Result<NewToken, TokenError>> + 'static {
        let (spec, origin) = (Arc::clone(&self.spec), Rc::clone(&self.origin));
        async move {
            let request = token_request(&spec)?;
            let deadline = clock::now() + spec.timeout;
            let (reply, _) = origin.send(&request, &[], MAX_REPLY, deadline, None).await;
            let reply = reply.map_err(unreachable)?;
            read_reply(&reply, &spec.scopes)
        }
    }
}

fn token_request(spec: &ClientCredentialsSpec) -> Result<Request, TokenError> {
    let unusable = |_| TokenError::Unusable { reason: "the credential cannot be sent in a header" };
    let target = PathAndQuery::try_from(spec.path_and_query.as_str())
        .map_err(|_| TokenError::Unusable { reason: "the token URL is not valid" })?;
    let mut headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        (ACCEPT, HeaderValue::from_static("application/json")),
    ];
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if !spec.scopes.is_empty() {
        form.append_pair("scope", &spec.scopes.join(" "));
    }
    let secret = spec.client_secret.expose_secret();
    match spec.client_auth {
        ClientAuth::Basic => {
            let mut value =
                HeaderValue::try_from(basic(&spec.client_id, secret)).map_err(unusable)?;
            value.set_sensitive(true);
            headers.push((AUTHORIZATION, value));
        }
        ClientAuth::Form => {
            form.append_pair("client_id", &spec.client_id);
            form.append_pair("client_secret", secret);
        }
    }
    let body = Some(form.finish().into());
    Ok(Request { method: Method::POST, target, headers, body })
}

/// The `Basic` credentials; id and secret are form-encoded first (RFC 6749 section 2.3.1).
fn basic(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", BASE64.encode(format!("{}:{}", encode(client_id), encode(secret))))
}

/// What a token endpoint's reply says. `asked_scopes` are those that the request named; a narrower
/// grant is taken, with a warning.
///
/// # Errors
/// [`TokenError::Failed`] for 429 and 5xx, [`TokenError::Refused`] for any other status that is no
/// success, [`TokenError::Unusable`] for a success that holds no usable token.
pub fn read_reply(reply: &Response, asked_scopes: &[String]) -> Result<NewToken, TokenError> {
    let body = without_byte_order_mark(&reply.body);
    match reply.status {
        200..=299 => read_token(body, asked_scopes),
        status @ (429 | 500..) => {
            Err(TokenError::Failed { status, retry_after: reply.hints.retry_after })
        }
        status => Err(TokenError::Refused { status, code: error_code(body) }),
    }
}

/// The token in the body of a success (RFC 6749 section 5.1).
fn read_token(body: &[u8], asked_scopes: &[String]) -> Result<NewToken, TokenError> {
    let unusable = |reason| TokenError::Unusable { reason };
    let not_a_reply = || unusable("it is not a JSON token reply");
    // serde would take an array for the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(not_a_reply());
    }
    let reply: TokenReply = serde_json::from_slice(body).map_err(|_| not_a_reply())?;
    if let Some(kind) = &reply.token_type
        && !kind.eq_ignore_ascii_case("bearer")
    {
        return Err(unusable("its token_type is not bearer"));
    }
    let token = reply.access_token.filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| unusable("it has no access_token"))?;
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable("its access_token has characters that no token may have"));
    }
    let lifetime = lifetime(reply.expires_in.as_ref()).map_err(unusable)?;
    warn_of_narrower_scope(reply.scope.as_ref(), asked_scopes);
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    let mut authorization = value.map_err(|_| unusable("its access_token is not valid"))?;
    authorization.set_sensitive(true);
    Ok(NewToken { authorization, lifetime })
}

/// How long a token lives by its `expires_in`, a number or a number as text, in seconds.
fn lifetime(expires_in: Option<&Value>) -> Result<Duration, &'static str> {
    let seconds = match expires_in {
        None | Some(Value::Null) => return Ok(DEFAULT_LIFETIME),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse::<f64>().ok(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    let seconds = seconds.filter(|s| s.is_finite()).ok_or("its expires_in is not a number")?;
    let longest = LONGEST_LIFETIME.as_secs_f64();
    let lifetime = Duration::from_secs_f64(seconds.clamp(0.0, longest));
    // After the conversion: 1e-12 seconds are no time either.
    if lifetime.is_zero() {
        return Err("its expires_in is not positive");
    }
    Ok(lifetime)
}

/// `granted` is one text (RFC 6749 section 3.3), at some servers a list; anything else says nothing.
fn warn_of_narrower_scope(granted: Option<&Value>, asked: &[String]) {
    let granted: Vec<&str> = match granted {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let missing = |scope: &&String| !granted.contains(&scope.as_str());
    for scope in asked.iter().filter(missing) {
        tracing::warn!(%scope, "the token endpoint did not grant this scope");
    }
}

fn error_code(body: &[u8]) -> Option<&'static str> {
    let reply: ErrorReply = serde_json::from_slice(body).ok()?;
    let code = reply.error?;
    ERROR_CODES.into_iter().find(|known| code == *known)
}

/// An exchange that brought no reply, seen as a failure of the token endpoint.
fn unreachable(error: HttpError) -> TokenError {
    match error {
        HttpError::Unusable(UnusableReply::TooLarge { .. }) => {
            TokenError::Unusable { reason: "it is larger than 64 KiB" }
        }
        HttpError::Unusable(_) => TokenError::Unusable { reason: "it is not a JSON token reply" },
        HttpError::Connect(shortage @ ConnectFailure::Shortage(_)) => {
            TokenError::NotAsked(shortage)
        }
        other @ (HttpError::Connect(_)
        | HttpError::Broken { .. }
        | HttpError::NotHttp { .. }
        | HttpError::TimedOut { .. }) => TokenError::Unreachable { reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lifetime_of(expires_in: &Value) -> Result<Duration, &'static str> {
        lifetime(Some(expires_in))
    }

    #[test]
    fn only_an_object_is_a_token_reply() {
        assert!(read_token(br#" {"access_token": "t"}"#, &[]).is_ok());
        for body in [r#"["t", null, null, null]"#, r#""t""#, "null", ""] {
            assert!(read_token(body.as_bytes(), &[]).is_err(), "{body}");
        }
    }

    /// Everything that is logged while `work` runs.
    fn logged(work: impl FnOnce()) -> String {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let writer = std::sync::Mutex::new(file.reopen().expect("it is there"));
        let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, work);
        std::fs::read_to_string(file.path()).expect("UTF-8")
    }

    #[test]
    fn a_narrower_scope_is_taken_with_a_warning_for_each_that_is_missing() {
        let asked = ["users:readonly", "routing", "analytics"].map(str::to_owned);
        let log = |scope: Value| {
            let reply = json!({"access_token": "secret-7", "scope": scope}).to_string();
            logged(|| {
                read_token(reply.as_bytes(), &asked).expect("it is taken");
            })
        };
        let narrower = log(json!("routing"));
        for missing in ["users:readonly", "analytics"] {
            let line = narrower.lines().find(|line| line.contains(&format!("scope={missing}")));
            let line = line.expect("a warning");
            assert!(line.contains("WARN") && line.contains("did not grant this scope"), "{line}");
        }
        assert!(!narrower.contains("scope=routing") && !narrower.contains("secret-7"));
        assert_eq!(log(json!("analytics routing users:readonly more")), "");
        assert_eq!(log(json!(["analytics", "routing", "users:readonly"])), "");
        let of_list = log(json!(["routing"]));
        assert!(of_list.contains("scope=users:readonly") && of_list.contains("scope=analytics"));
        assert!(!of_list.contains("scope=routing"), "{of_list}");
        for says_nothing in [json!({}), json!(7), json!(true), Value::Null] {
            assert_eq!(log(says_nothing), "");
        }
    }

    #[test]
    fn a_lifetime_is_positive_and_at_most_two_days() {
        assert_eq!(lifetime_of(&json!(300)), Ok(Duration::from_mins(5)));
        assert_eq!(lifetime_of(&json!(" 0.5 ")), Ok(Duration::from_millis(500)));
        assert_eq!(lifetime_of(&json!(1e300)), Ok(LONGEST_LIFETIME));
        assert_eq!(lifetime(None), Ok(DEFAULT_LIFETIME));
        for none in [json!(0), json!(-1), json!("-0.0"), json!(1e-12), json!("1e-320")] {
            assert_eq!(lifetime_of(&none), Err("its expires_in is not positive"), "{none}");
        }
        for no_number in [json!("soon"), json!("NaN"), json!("inf"), json!([1]), json!(true)] {
            assert_eq!(lifetime_of(&no_number), Err("its expires_in is not a number"));
        }
    }
}
