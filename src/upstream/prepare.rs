//! From a source's templates and one request's values to an HTTP request.

use awc::http::Method;
use awc::http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use awc::http::uri::PathAndQuery;
use bytes::Bytes;

use super::fetch::Forwarded;
use super::origin::Prepared;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::source::{self, SourceSpec};
use crate::domain::template::Values;

/// The parts of a source's requests that are the same every time.
#[derive(Debug, Clone)]
pub struct RequestPlan {
    method: Method,
    /// The names of the spec's headers, in its order.
    names: Vec<HeaderName>,
    /// Headers that every request has unless the source sets them itself.
    defaults: Vec<(HeaderName, HeaderValue)>,
}

impl RequestPlan {
    /// The plan for a source's requests. Names were checked when the template was made; one that
    /// is no name after all is left out.
    pub fn new(spec: &SourceSpec) -> Self {
        let names: Vec<_> =
            spec.headers.iter().filter_map(|header| header.name().parse().ok()).collect();
        let json = HeaderValue::from_static("application/json");
        let mut defaults = vec![(ACCEPT, json.clone())];
        if spec.json.is_some() {
            defaults.push((CONTENT_TYPE, json));
        }
        defaults.retain(|(name, _)| !names.contains(name));
        Self { method: method(spec.method), names, defaults }
    }

    /// Fills the templates in.
    ///
    /// # Errors
    /// [`FailureKind::Unrenderable`] if a value is missing or may not stand where it should.
    pub fn prepare(
        &self,
        spec: &SourceSpec,
        values: &Values<'_>,
        forwarded: &Forwarded,
    ) -> Result<Prepared, Failure> {
        let target = spec.url.render(values)?;
        let target = target_of(&target)?;
        let count = self.names.len() + self.defaults.len() + forwarded.headers.len();
        let mut headers = Vec::with_capacity(count);
        headers.extend(self.defaults.iter().cloned());
        headers.extend(forwarded.headers.iter().cloned());
        for (name, template) in self.names.iter().zip(&spec.headers) {
            if let Some(value) = template.render(values)? {
                headers.push((name.clone(), header_value(&value)?));
            }
        }
        let body = match &spec.json {
            Some(template) => Some(Bytes::from(template.render(values)?.into_owned())),
            None => None,
        };
        Ok(Prepared { method: self.method.clone(), target, headers, body })
    }
}

/// A rendered path and query as awc wants it.
pub(super) fn target_of(text: &str) -> Result<PathAndQuery, Failure> {
    // The template escapes everything that could be wrong here, but for the length.
    PathAndQuery::try_from(text).map_err(|_| unsendable("URL"))
}

/// Header values may be secrets: none is ever shown.
fn header_value(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| unsendable("header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unsendable(part: &str) -> Failure {
    let detail = format!("the request cannot be sent: its {part} is not valid or too long");
    Failure::new(FailureKind::Unsendable, detail)
}

fn method(method: source::Method) -> Method {
    match method {
        source::Method::Get => Method::GET,
        source::Method::Post => Method::POST,
        source::Method::Put => Method::PUT,
        source::Method::Patch => Method::PATCH,
        source::Method::Delete => Method::DELETE,
    }
}
