//! Forms of the values of `model`: addresses, ids, JSON Pointers.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;

use config::Value;
use serde_json::{Value as Json, json};

use crate::config::form::{Form, Refusal, Text, quoted};
use crate::model::id::Id;
use crate::model::json::Pointer;

/// What an id may look like, for messages.
pub const ID_FORM: &str = "a lower-case letter, then lower-case letters, digits and `_` \
                                  (at most 64 characters)";

/// An IP address and a port.
#[derive(Debug, Clone, Copy)]
pub struct Address;

impl Form for Address {
    type Value = SocketAddr;
    type Const = SocketAddr;

    fn allowed(&self) -> Cow<'static, str> {
        "an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"".into()
    }

    fn read(&self, value: &Value) -> Result<SocketAddr, Refusal> {
        Text.read(value)?.parse().map_err(|_| Refusal::of_value(self.allowed()))
    }

    fn own(&self, constant: SocketAddr) -> SocketAddr {
        constant
    }

    fn show(&self, value: &SocketAddr) -> String {
        quoted(&value.to_string())
    }

    fn schema(&self) -> Json {
        json!({"type": "string"})
    }
}

/// The id of an action, a source or a credential.
#[derive(Debug, Clone, Copy)]
pub struct Identifier;

impl Form for Identifier {
    type Value = Id;
    /// There is no default.
    type Const = Infallible;

    fn allowed(&self) -> Cow<'static, str> {
        ID_FORM.into()
    }

    fn read(&self, value: &Value) -> Result<Id, Refusal> {
        Id::try_new(&Text.read(value)?).map_err(|_| Refusal::of_value(ID_FORM))
    }

    fn own(&self, constant: Infallible) -> Id {
        match constant {}
    }

    fn show(&self, value: &Id) -> String {
        quoted(value.as_str())
    }

    fn schema(&self) -> Json {
        json!({"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "maxLength": 64})
    }
}

/// A JSON Pointer (RFC 6901).
#[derive(Debug, Clone, Copy)]
pub struct JsonPointer;

impl Form for JsonPointer {
    type Value = Pointer;
    /// There is no default.
    type Const = Infallible;

    fn allowed(&self) -> Cow<'static, str> {
        "a JSON Pointer, such as \"/results\" (\"\" is the whole)".into()
    }

    fn read(&self, value: &Value) -> Result<Pointer, Refusal> {
        let refused = |error| Refusal::of_value(format!("a JSON Pointer ({error})"));
        Pointer::try_new(&Text.read(value)?).map_err(refused)
    }

    fn own(&self, constant: Infallible) -> Pointer {
        match constant {}
    }

    fn show(&self, value: &Pointer) -> String {
        quoted(value.as_str())
    }

    fn schema(&self) -> Json {
        json!({"type": "string", "pattern": "^(/.*)?$"})
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::config::toml_value::parse_toml;

    fn round_trip<F: Form>(form: F, value: &F::Value) -> Result<F::Value, String> {
        let shown = form.show(value);
        let parsed = parse_toml(&shown).ok_or_else(|| format!("no TOML: {shown}"))?;
        form.read(&parsed).map_err(|refusal| format!("{shown}: {refusal:?}"))
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back_as_the_same(
            ip in any::<IpAddr>(),
            port in any::<u16>(),
            id in "[a-z][a-z0-9_]{0,63}",
            steps in prop::collection::vec("[a-z0-9\"\\\\ü ]{0,5}", 0..4),
        ) {
            let address = SocketAddr::new(ip, port);
            prop_assert_eq!(round_trip(Address, &address), Ok(address));
            let id = Id::try_new(&id).expect("an id");
            prop_assert_eq!(round_trip(Identifier, &id), Ok(id));
            let text = std::iter::once(String::new()).chain(steps).collect::<Vec<_>>().join("/");
            let pointer = Pointer::try_new(&text).expect("a pointer");
            prop_assert_eq!(round_trip(JsonPointer, &pointer), Ok(pointer));
        }
    }
}
