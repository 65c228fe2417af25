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
//! | `{customerId\|soql}` | the same, written as a string of SOQL needs it: see [`Escape`](crate::model::template::escape::Escape) |
//! | `{{` and `}}` | the braces themselves |

mod endpoint;
pub mod escape;
mod header_template;
mod json_template;
mod placeholder;
mod render_error;
mod source_reference;
mod text_template;
mod unescaped;
mod url_template;
mod values;

pub use endpoint::{Endpoint, Scheme};
pub use header_template::HeaderTemplate;
pub use json_template::JsonTemplate;
pub use placeholder::Placeholder;
pub use render_error::{RenderError, TemplateError};
pub use source_reference::Reference;
pub use text_template::TextTemplate;
pub use unescaped::{InjectionRisk, RiskReason, TextPlace};
pub use url_template::UrlTemplate;
pub use values::Values;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod support;
