//! From a source's templates and one request's values to what the upstream gets.

use std::borrow::Cow;

use awc::http::Method;
use awc::http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use bytes::Bytes;

use super::request::{FetchRequest, Request, target_of, unsendable};
use super::request_spec::RequestSpec;
use super::step::Step;
use crate::http::client;
use crate::model::failure::Failure;
use crate::model::method;
use crate::model::template::{TextTemplate, Values};
use crate::policy::fetch_context::Context;

/// Fills the templates in.
pub(crate) struct Rendered<S> {
    spec: RequestSpec,
    /// What the rate limit counts apart.
    rate_limit_key: Option<TextTemplate>,
    method: Method,
    /// The names of the spec's headers, in its order.
    names: Vec<HeaderName>,
    /// Headers that every request has unless the source sets them itself.
    defaults: Vec<(HeaderName, HeaderValue)>,
    inner: S,
}

impl<S> Rendered<S> {
    /// Names of headers were checked when the template was made; one that is no name after all is
    /// left out.
    pub(crate) fn new(spec: RequestSpec, rate_limit_key: Option<TextTemplate>, inner: S) -> Self {
        let names: Vec<_> =
            spec.headers.iter().filter_map(|header| header.name().parse().ok()).collect();
        let json = HeaderValue::from_static("application/json");
        let mut defaults = vec![(ACCEPT, json.clone())];
        if spec.json.is_some() {
            defaults.push((CONTENT_TYPE, json));
        }
        defaults.retain(|(name, _)| !names.contains(name));
        Self { method: method_of(spec.method), names, defaults, spec, rate_limit_key, inner }
    }

    fn render(&self, request: &FetchRequest) -> Result<Request, Failure> {
        let values = Values { inputs: &request.inputs, sources: &request.sources };
        let http = self.http(&values, &request.forwarded.headers)?;
        let key = self.rate_limit_key.as_ref().map(|key| key.render(&values)).transpose()?;
        let rate_limit_key = key.map(Cow::into_owned);
        Ok(Request { http, rate_limit_key })
    }

    fn http(
        &self,
        values: &Values<'_>,
        forwarded: &[(HeaderName, HeaderValue)],
    ) -> Result<client::Request, Failure> {
        let target = target_of(&self.spec.url.render(values)?)?;
        let count = self.names.len() + self.defaults.len() + forwarded.len();
        let mut headers = Vec::with_capacity(count);
        headers.extend(self.defaults.iter().cloned());
        headers.extend(forwarded.iter().cloned());
        for (name, template) in self.names.iter().zip(&self.spec.headers) {
            if let Some(value) = template.render(values)? {
                headers.push((name.clone(), header_value(&value)?));
            }
        }
        let body = match &self.spec.json {
            Some(template) => Some(Bytes::from(template.render(values)?.into_owned())),
            None => None,
        };
        Ok(client::Request { method: self.method.clone(), target, headers, body })
    }
}

impl<S: Step<Request>> Step<FetchRequest> for Rendered<S> {
    type Out = S::Out;

    fn ready(&self) -> Result<(), Failure> {
        self.inner.ready()
    }

    async fn call(&self, request: &FetchRequest, cx: &Context<'_>) -> Result<S::Out, Failure> {
        let request = self.render(request)?;
        self.inner.call(&request, cx).await
    }
}

/// Header values may be secrets: none is ever shown.
fn header_value(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| unsendable("header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn method_of(method: method::Method) -> Method {
    match method {
        method::Method::Get => Method::GET,
        method::Method::Post => Method::POST,
        method::Method::Put => Method::PUT,
        method::Method::Patch => Method::PATCH,
        method::Method::Delete => Method::DELETE,
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::clock;
    use crate::model::failure::FailureKind;
    use crate::model::id::{Id, InputName};
    use crate::model::inputs::{InputKind, InputSpec, Inputs};
    use crate::model::record::recorder::Progress;
    use crate::model::record::target::Target;
    use crate::model::template::{HeaderTemplate, JsonTemplate, UrlTemplate};
    use crate::model::time::deadline::Deadline;
    use crate::policy::fake::{Fake, Surroundings};
    use crate::policy::request::Forwarded;

    /// A request with this input and with a header of the caller's.
    fn fetch(id: Option<&str>) -> FetchRequest {
        let name = InputName::try_new("id").expect("a name");
        let object = id.map(|id| ("id".to_owned(), json!(id))).into_iter().collect();
        let spec = InputSpec { required: false, ..InputSpec::new(name, InputKind::String) };
        let header = (HeaderName::from_static("x-request-id"), HeaderValue::from_static("r-1"));
        let now = clock::now();
        let id = Id::try_new("crm").expect("an id");
        FetchRequest {
            inputs: Inputs::from_object(&object, &[spec]).expect("they are good").into(),
            forwarded: Arc::new(Forwarded { headers: vec![header], trace: None }),
            sources: Vec::new(),
            ready_since: now,
            deadline: Deadline::after(now, Duration::from_secs(1)),
            min_fair_time: Duration::from_millis(500),
            recorder: Arc::<Progress>::default().recorder(id, Target::sample().into(), now),
        }
    }

    fn rendered(inner: Rc<Fake<()>>) -> Rendered<Rc<Fake<()>>> {
        let header = |name, text| HeaderTemplate::try_new(name, text).expect("a template");
        let spec = RequestSpec {
            method: method::Method::Post,
            url: UrlTemplate::try_new("http://crm.test/{id}", &[]).expect("a template"),
            shown_url: "http://crm.test/{id}".to_owned(),
            headers: vec![header("Accept", "text/json"), header("X-Key", "key {id}")],
            json: Some(JsonTemplate::try_new(&json!({"id": "{id}"})).expect("a template")),
        };
        let key = TextTemplate::try_new("of {id}").expect("a template");
        Rendered::new(spec, Some(key), inner)
    }

    #[tokio::test]
    async fn a_request_has_its_templates_filled_in_and_what_the_source_does_not_set_itself() {
        let rendered = rendered(Fake::of([]));
        let Request { http, rate_limit_key } = rendered.render(&fetch(Some("a/b"))).unwrap();
        assert_eq!((http.method, http.target.as_str()), (Method::POST, "/a%2Fb"));
        assert_eq!(http.body.as_deref(), Some(&br#"{"id":"a/b"}"#[..]));
        assert_eq!(rate_limit_key.as_deref(), Some("of a/b"));
        let headers: Vec<_> = http
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
            .collect();
        let expected = [
            ("content-type", "application/json"),
            ("x-request-id", "r-1"),
            ("accept", "text/json"),
            ("x-key", "key a/b"),
        ];
        assert_eq!(headers, expected);
        let (_, key) = http.headers.last().expect("a header");
        assert!(key.is_sensitive(), "it may be a secret");
    }

    #[tokio::test]
    async fn without_a_value_that_it_needs_nobody_is_asked() {
        let inner = Fake::<()>::of([Ok(())]);
        let rendered = rendered(inner.clone());
        let around = Surroundings::new();
        let failure = rendered.call(&fetch(None), &around.context(1000)).await.unwrap_err();
        assert_eq!((failure.kind, failure.request_sent), (FailureKind::Unrenderable, false));
        assert!(failure.detail.contains("{id}"), "{}", failure.detail);
        assert_eq!(inner.count(), 0);
    }
}
