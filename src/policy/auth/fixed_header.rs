//! A header that is the same on every request.

use awc::http::header::{HeaderName, HeaderValue};

use crate::model::secret::{ExposeSecret as _, SecretString};

/// A header that is a secret.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedHeader {
    /// Its name, in the spelling of the configuration.
    pub name: String,
    /// Its whole value.
    pub value: SecretString,
}

impl FixedHeader {
    /// The header as it is sent, marked as sensitive; none if it has characters that no header may
    /// have.
    pub fn to_http(&self) -> Option<(HeaderName, HeaderValue)> {
        let name = self.name.parse().ok()?;
        let mut value = HeaderValue::from_str(self.value.expose_secret()).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sent_as_a_secret_if_it_can_be_sent_at_all() {
        let header = |name: &str, value: &str| {
            FixedHeader { name: name.to_owned(), value: SecretString::from(value) }.to_http()
        };
        let (name, value) = header("X-API-Key", "k 1").expect("it can be sent");
        assert_eq!((name.as_str(), value.as_bytes()), ("x-api-key", &b"k 1"[..]));
        assert!(value.is_sensitive());
        assert!(header("X Key", "k").is_none() && header("X-Key", "k\n").is_none());
    }
}
