//! Text that must never be seen: client secrets, API keys, tokens.
//!
//! [`secrecy`] wipes the memory and prints nothing; this alias is the one place that chooses it.

pub use secrecy::{ExposeSecret, SecretString};
