//! From a response to what it says: JSON, nothing, or that there is none.

use super::answer::{Content, Understood};
use super::empty_body::EmptyBody;
use super::failures::unusable;
use super::request::Request;
use super::step::Step;
use crate::config::form::Word;
use crate::config::key::{AnyKey, Key};
use crate::config::number_form::{Count, Size};
use crate::config::plan_lines::PlanLines;
use crate::config::table::Table;
use crate::config::units::show_size;
use crate::http::client::Response;
use crate::model::failure::Failure;
use crate::model::json::Json;
use crate::policy::fetch_context::Context;

const MIB: u32 = 1 << 20;

/// How a source's bodies are read.
#[derive(Debug, Clone, PartialEq)]
pub struct BodySpec {
    /// The largest that is read, bytes.
    pub max_response: usize,
    /// The deepest nesting of its JSON.
    pub max_depth: usize,
    /// What a success with an empty body is, where its status does not say.
    pub empty_body: EmptyBody,
}

/// Its keys in the source's table.
pub(crate) const KEYS: &[&dyn AnyKey] = &[&MAX_RESPONSE, &MAX_DEPTH, &EMPTY_BODY];

static MAX_RESPONSE: Key<Size> =
    Key::new("max_response", Size(1, 256 * MIB), "The largest reply that is read.")
        .default(2 * MIB);

static MAX_DEPTH: Key<Count> =
    Key::new("max_depth", Count(1, 1000), "The deepest nesting of the reply's JSON.").default(50);

static EMPTY_BODY: Key<Word<EmptyBody>> = Key::new(
    "empty_body",
    Word(&[
        (EmptyBody::Null.as_str(), EmptyBody::Null),
        (EmptyBody::BadPayload.as_str(), EmptyBody::BadPayload),
    ]),
    "What an empty 200 is; an empty 201, 202, 204 or 205 is null in any case.",
)
.default(EmptyBody::BadPayload);

impl BodySpec {
    /// Reads its keys in a source's table; what is wrong is in the report.
    pub(crate) fn read(source: &Table) -> Self {
        Self {
            max_response: source.value(&MAX_RESPONSE),
            max_depth: source.value(&MAX_DEPTH) as usize,
            empty_body: source.value(&EMPTY_BODY),
        }
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self, lines: &mut PlanLines) {
        let most = show_size(u64::try_from(self.max_response).unwrap_or(u64::MAX));
        lines.join("limits", format!("reply of {most}"));
        lines.join("limits", format!("{} deep", self.max_depth));
        let empty = self.empty_body.as_str();
        lines.add("empty_body", format!("{empty}, with 201, 202, 204 and 205 null in any case"));
    }
}

/// Reads the bodies.
pub(crate) struct Parsed<S> {
    spec: BodySpec,
    /// Statuses that are a definite "there is none".
    empty_statuses: Vec<u16>,
    inner: S,
}

impl<S> Parsed<S> {
    pub(crate) fn new(spec: BodySpec, empty_statuses: Vec<u16>, inner: S) -> Self {
        Self { spec, empty_statuses, inner }
    }

    fn read(&self, response: Response) -> Result<Understood, Failure> {
        let status = response.status;
        let content = if self.empty_statuses.contains(&status) {
            Content::NotFound
        } else if response.body.is_empty() {
            self.accept_nothing(&response)?;
            Content::Nothing
        } else {
            Content::Data(Json::parse(response.body, self.spec.max_depth)?)
        };
        Ok(Understood { status, hints: response.hints, content })
    }

    /// Whether a success whose body is empty is an answer.
    fn accept_nothing(&self, response: &Response) -> Result<(), Failure> {
        match self.spec.empty_body.with_status(response.status) {
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

impl<S: Step<Request, Out = Response>> Step<Request> for Parsed<S> {
    type Out = Understood;

    fn ready(&self) -> Result<(), Failure> {
        self.inner.ready()
    }

    async fn call(&self, request: &Request, cx: &Context<'_>) -> Result<Understood, Failure> {
        self.read(self.inner.call(request, cx).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::FailureKind;
    use crate::policy::fake::{Fake, Surroundings, request, response};

    async fn read(empty_body: EmptyBody, response: Response) -> Result<String, FailureKind> {
        let spec = BodySpec { max_response: 100, max_depth: 2, empty_body };
        let parsed = Parsed::new(spec, vec![404], Fake::of([Ok(response)]));
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
