//! Who may ask: API keys, compared in constant time.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use subtle::ConstantTimeEq as _;

use super::problem::Problem;
use crate::domain::secret::{ExposeSecret as _, SecretString};

/// The keys that callers may use; none: everybody may ask.
#[derive(Debug, Default)]
pub struct ApiKeys {
    keys: Vec<ApiKey>,
}

/// One key and its name.
#[derive(Debug)]
pub struct ApiKey {
    /// For the log; several keys can be rotated by their names.
    pub name: String,
    /// The key.
    pub key: SecretString,
}

impl ApiKeys {
    /// These keys and no others.
    pub fn new(keys: Vec<ApiKey>) -> Self {
        Self { keys }
    }

    /// Finds the caller's key, in `Authorization: Bearer` or `X-API-Key`, and gives its name;
    /// `None` if no keys are configured.
    ///
    /// # Errors
    /// 401 if there is none or it is not known.
    pub fn check(&self, headers: &HeaderMap) -> Result<Option<&str>, Problem> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let given = given_key(headers).ok_or_else(Problem::unauthorized)?;
        let mut found = None;
        // All keys are compared, so that the time tells nothing about which one it was.
        for known in &self.keys {
            if bool::from(known.key.expose_secret().as_bytes().ct_eq(given)) {
                found = Some(known.name.as_str());
            }
        }
        found.map(Some).ok_or_else(Problem::unauthorized)
    }
}

fn given_key(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.as_bytes());
    }
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| key.trim_ascii())
}
