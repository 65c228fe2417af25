//! Text with `{placeholders}`: the one way in which values get into an upstream request.
//!
//! A template is parsed once, when the service starts; rendering puts values in as data, never as
//! syntax, so a value cannot change the host, the path's structure, a header or a JSON structure.
//! Each place has its own template, because each has its own way to escape: [`UrlTemplate`],
//! [`HeaderTemplate`], [`JsonTemplate`] and, where nothing needs escaping, [`TextTemplate`].
//!
//! | written | means |
//! | --- | --- |
//! | `{customerId}` | the input `customerId` |
//! | `{genesys.address.city}` | `/address/city` in the data of the source `genesys` |
//! | `{genesys:/address/city}` | the same, as a JSON Pointer (RFC 6901) |
//! | `{customerId\|soql}` | the same, written as a string of SOQL needs it: see [`Escape`](super::escape::Escape) |
//! | `{{` and `}}` | the braces themselves |

mod endpoint;
mod error;
mod header;
mod injection;
mod json;
mod placeholder;
mod reference;
mod text;
mod url;
mod values;

pub use endpoint::Endpoint;
pub use error::{RenderError, TemplateError};
pub use header::HeaderTemplate;
pub use injection::{InjectionRisk, RiskReason, TextPlace};
pub use json::JsonTemplate;
pub use placeholder::Placeholder;
pub use reference::Reference;
pub use text::TextTemplate;
pub use url::UrlTemplate;
pub use values::Values;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod support;
