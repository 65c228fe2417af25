//! Who may ask: API keys, compared as digests of one length in constant time.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use crate::api::problem::Problem;
use crate::model::digest::Digest;
use crate::model::secret::{ExposeSecret as _, SecretString};

/// The keys that may be used; none: nobody is asked for one.
#[derive(Debug, Default)]
pub struct ApiKeys {
    keys: Vec<ApiKey>,
}

/// One key and its name.
#[derive(Debug)]
pub struct ApiKey {
    name: String,
    digest: Digest,
}

impl ApiKey {
    /// A key, and its name for the log; several keys can be rotated by their names.
    pub fn new(name: &str, key: &SecretString) -> Self {
        Self { name: name.to_owned(), digest: Digest::of(key.expose_secret().as_bytes()) }
    }
}

impl ApiKeys {
    /// These keys and no others.
    pub fn new(keys: Vec<ApiKey>) -> Self {
        Self { keys }
    }

    /// Whether nobody is asked for a key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Finds the key that was sent, in `Authorization: Bearer` (RFC 6750 section 2.1) or
    /// `X-API-Key`, and gives its name; `None` if no keys are configured.
    ///
    /// # Errors
    /// 401 if there is none or it is not known, 400 if there are two different ones.
    pub fn check(&self, headers: &HeaderMap) -> Result<Option<&str>, Problem> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let given = Digest::of(given_key(headers)?.ok_or_else(Problem::unauthorized)?);
        let mut found = None;
        // All keys are compared, so that the time tells nothing about which one it was.
        for known in &self.keys {
            if known.digest == given {
                found = Some(known.name.as_str());
            }
        }
        found.map(Some).ok_or_else(Problem::unauthorized)
    }
}

/// The one key that was sent. It may come several times, as long as it is the same.
fn given_key(headers: &HeaderMap) -> Result<Option<&[u8]>, Problem> {
    let named = headers.get_all("x-api-key").map(|value| value.as_bytes().trim_ascii());
    let bearer = headers.get_all(AUTHORIZATION).filter_map(|value| bearer_token(value.as_bytes()));
    let mut keys = named.chain(bearer).filter(|key| !key.is_empty());
    let first = keys.next();
    if keys.any(|key| Some(key) != first) {
        return Err(Problem::two_credentials());
    }
    Ok(first)
}

/// What stands behind `Bearer`; other schemes are for whoever stands in front of the service.
fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| key.trim_ascii())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let each = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        each.for_each(|(name, value)| map.append(name, value));
        map
    }

    /// The name of the key, or the status of the refusal.
    fn check(fields: &[(&'static str, &'static str)]) -> Result<Option<String>, u16> {
        let key = |name: &str, key: &str| ApiKey::new(name, &SecretString::from(key));
        let keys = ApiKeys::new(vec![key("flow", "first"), key("test", "the second one")]);
        let found = keys.check(&headers(fields)).map(|name| name.map(str::to_owned));
        found.map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn a_known_key_is_found_by_its_name_in_either_header() {
        for fields in [
            &[("x-api-key", "first")][..],
            &[("authorization", "Bearer first")],
            &[("authorization", "bearer   first ")],
            &[("authorization", "Basic eDp5"), ("x-api-key", "first")],
            &[("x-api-key", ""), ("authorization", "Bearer first")],
            &[("x-api-key", "first"), ("authorization", "Bearer first")],
            &[("x-api-key", "first"), ("x-api-key", "first")],
        ] {
            assert_eq!(check(fields), Ok(Some("flow".to_owned())), "{fields:?}");
        }
        assert_eq!(check(&[("x-api-key", "the second one")]), Ok(Some("test".to_owned())));
    }

    #[test]
    fn none_or_an_unknown_one_is_401_and_two_different_ones_are_400() {
        for fields in [
            &[][..],
            &[("x-api-key", "")],
            &[("x-api-key", "firs")],
            &[("x-api-key", "first1")],
            &[("authorization", "first")],
            &[("authorization", "Basic first")],
        ] {
            assert_eq!(check(fields), Err(401), "{fields:?}");
        }
        for fields in [
            &[("x-api-key", "first"), ("authorization", "Bearer other")][..],
            &[("x-api-key", "first"), ("authorization", "Bearer the second one")],
            &[("x-api-key", "first"), ("x-api-key", "other")],
            &[("authorization", "Bearer other"), ("authorization", "Bearer first")],
        ] {
            assert_eq!(check(fields), Err(400), "{fields:?}");
        }
        assert_eq!(ApiKeys::default().check(&headers(&[])).map_err(|_| ()), Ok(None));
    }
}
