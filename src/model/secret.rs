//! Text that must never be seen: client secrets, API keys, tokens.

use subtle::ConstantTimeEq as _;

pub use secrecy::ExposeSecret;

/// A secret text: [`secrecy`] wipes its memory and prints nothing. Two can be compared, in constant
/// time, so that a new configuration can be held against the old one.
#[derive(Clone, Debug)]
pub struct SecretString(secrecy::SecretString);

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for SecretString {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl ExposeSecret<str> for SecretString {
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for SecretString {
    fn eq(&self, other: &Self) -> bool {
        self.expose_secret().as_bytes().ct_eq(other.expose_secret().as_bytes()).into()
    }
}
