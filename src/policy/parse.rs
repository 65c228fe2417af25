//! From a response to what it says: JSON, nothing, or that there is none.

use super::answer::{Content, Understood};
use super::empty_body::EmptyBody;
use super::failures::unusable;
use super::request::Request;
use super::step::Step;
use crate::http::client::Response;
use crate::model::failure::Failure;
use crate::model::json::Json;
use crate::policy::fetch_context::Context;

/// How a source's bodies are read.
#[derive(Debug, Clone)]
pub(crate) struct BodyRules {
    /// Statuses that are a definite "there is none".
    pub(crate) empty_statuses: Vec<u16>,
    /// What a success with an empty body is, where its status does not say.
    pub(crate) empty_body: EmptyBody,
    /// The deepest nesting.
    pub(crate) max_depth: usize,
}

/// Reads the bodies.
pub(crate) struct Parsed<S> {
    rules: BodyRules,
    inner: S,
}

impl<S> Parsed<S> {
    pub(crate) fn new(rules: BodyRules, inner: S) -> Self {
        Self { rules, inner }
    }
}

impl<S: Step<Request, Out = Response>> Step<Request> for Parsed<S> {
    type Out = Understood;

    fn ready(&self) -> Result<(), Failure> {
        self.inner.ready()
    }

    async fn call(&self, request: &Request, cx: &Context<'_>) -> Result<Understood, Failure> {
        self.rules.read(self.inner.call(request, cx).await?)
    }
}

impl BodyRules {
    fn read(&self, response: Response) -> Result<Understood, Failure> {
        let status = response.status;
        let content = if self.empty_statuses.contains(&status) {
            Content::NotFound
        } else if response.body.is_empty() {
            self.accept_nothing(&response)?;
            Content::Nothing
        } else {
            Content::Data(Json::parse(response.body, self.max_depth)?)
        };
        Ok(Understood { status, hints: response.hints, content })
    }

    /// Whether a success whose body is empty is an answer.
    fn accept_nothing(&self, response: &Response) -> Result<(), Failure> {
        match self.empty_body.with_status(response.status) {
            EmptyBody::Null if response.self_delimited => Ok(()),
            EmptyBody::Null => Err(unusable(
                "the reply is not usable: the body is empty and has no length, so it may be cut off",
            )),
            EmptyBody::BadPayload => {
                Err(unusable("the reply is not usable: the body is empty (empty_body)"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::FailureKind;
    use crate::policy::fake::{Fake, Surroundings, request, response};

    async fn read(empty_body: EmptyBody, response: Response) -> Result<String, FailureKind> {
        let rules = BodyRules { empty_statuses: vec![404], empty_body, max_depth: 2 };
        let parsed = Parsed::new(rules, Fake::of([Ok(response)]));
        let around = Surroundings::new();
        let understood = parsed.call(&request("/"), &around.context(1000)).await;
        understood.map_err(|failure| failure.kind).map(|understood| match understood.content {
            Content::Data(json) => json.as_str().to_owned(),
            Content::Nothing => "nothing".to_owned(),
            Content::NotFound => "not found".to_owned(),
        })
    }

    #[tokio::test]
    async fn a_body_is_json_nothing_or_not_usable() {
        let unusable = Err(FailureKind::Unusable);
        for (status, body, expected) in [
            (200, r#"{"a":1.0}"#, Ok(r#"{"a":1.0}"#.to_owned())),
            (200, "{", unusable.clone()),
            (200, "[[[1]]]", unusable.clone()),
            (404, "no JSON at all", Ok("not found".to_owned())),
            (200, "", unusable.clone()),
            (204, "", Ok("nothing".to_owned())),
        ] {
            assert_eq!(
                read(EmptyBody::BadPayload, response(status, body)).await,
                expected,
                "{body}"
            );
        }
        assert_eq!(read(EmptyBody::Null, response(200, "")).await, Ok("nothing".to_owned()));
        let cut_off = Response { self_delimited: false, ..response(200, "") };
        assert_eq!(read(EmptyBody::Null, cut_off).await, unusable);
    }
}
