//! Follows a source's pages and keeps what came, also when a later page fails.

use crate::clock;
use crate::model::failure::Failure;
use crate::model::json::Json;
use crate::model::record::span::SpanKind;
use crate::model::template::Endpoint;
use crate::policy::answer::{Answer, Content, Understood};
use crate::policy::fetch_context::Context;
use crate::policy::paging::gathered::Gathered;
use crate::policy::paging::next_page::{self, Requests};
use crate::policy::paging::page::Page;
use crate::policy::paging::paging_spec::PagingSpec;
use crate::policy::request::Request;
use crate::policy::step::Step;

/// Asks for page after page, where the source has pages.
pub(crate) struct Paged<S> {
    paging: Option<PagingSpec>,
    /// Where pages come from; none is fetched from elsewhere.
    endpoint: Endpoint,
    inner: S,
}

/// What came for a page.
enum Fetched {
    Page(Page),
    /// A definite "there is none".
    NotFound {
        status: u16,
    },
    /// A success with an empty body: no items, and nothing that could name another page.
    Nothing {
        status: u16,
    },
}

impl<S: Step<Request, Out = Understood>> Paged<S> {
    pub(crate) fn new(paging: Option<PagingSpec>, endpoint: Endpoint, inner: S) -> Self {
        Self { paging, endpoint, inner }
    }

    /// Fetches page after page until the last one, a cap, a failure or the deadline.
    async fn collect(
        &self,
        paging: &PagingSpec,
        first: &Request,
        cx: &Context<'_>,
    ) -> Result<Answer, Failure> {
        let mut gathered = Gathered::new();
        let mut request = next_page::first(paging, first)?;
        loop {
            let page = match self.fetch(paging, &request, cx).await {
                Ok(Fetched::Page(page)) => page,
                Ok(Fetched::NotFound { status }) if gathered.pages() == 0 => {
                    return Ok(Answer::Empty { status });
                }
                Ok(Fetched::NotFound { .. }) => return Ok(gathered.whole()),
                Ok(Fetched::Nothing { status }) => return Ok(gathered.with_no_more(status)),
                Err(failure) if gathered.pages() == 0 => return Err(failure),
                Err(failure) if paging.end.is_told_by(&failure) => return Ok(gathered.whole()),
                Err(failure) => {
                    let why = failure.explain(cx.given());
                    let page = gathered.pages() + 1;
                    return Ok(gathered.part(format!("page {page}: {why}")));
                }
            };
            let requests = Requests { first, latest: &request, endpoint: &self.endpoint };
            request = match gathered.add(&page, paging, &requests) {
                Ok(Some(next)) => next,
                Ok(None) => return Ok(gathered.whole()),
                Err(why) => return Ok(gathered.part(why)),
            };
            if !cx.deadline.fits(clock::now(), paging.pause) {
                return Ok(gathered.part("stopped at the deadline".to_owned()));
            }
            if !paging.pause.is_zero() {
                cx.spend(SpanKind::Pause, paging.pause).await;
            }
        }
    }

    async fn fetch(
        &self,
        paging: &PagingSpec,
        request: &Request,
        cx: &Context<'_>,
    ) -> Result<Fetched, Failure> {
        let Understood { status, hints, content } = self.inner.call(request, cx).await?;
        let json = match content {
            Content::Data(json) => json,
            Content::Nothing => return Ok(Fetched::Nothing { status }),
            Content::NotFound => return Ok(Fetched::NotFound { status }),
        };
        let items = paging.end.items(&json, &paging.items)?;
        Ok(Fetched::Page(Page { status, hints, json, items }))
    }
}

impl<S: Step<Request, Out = Understood>> Step<Request> for Paged<S> {
    type Out = Answer;

    fn ready(&self) -> Result<(), Failure> {
        self.inner.ready()
    }

    async fn call(&self, request: &Request, cx: &Context<'_>) -> Result<Answer, Failure> {
        if let Some(paging) = &self.paging {
            // In a box: its future is large, and most sources have no pages.
            return Box::pin(self.collect(paging, request, cx)).await;
        }
        let Understood { status, content, .. } = self.inner.call(request, cx).await?;
        Ok(match content {
            Content::Data(data) => Answer::Data { status, data },
            Content::Nothing => Answer::Data { status, data: Json::null() },
            Content::NotFound => Answer::Empty { status },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;
    use crate::model::action::fields::FieldPath;
    use crate::model::failure::FailureKind;
    use crate::model::json::Pointer;
    use crate::model::template::Scheme;
    use crate::policy::fake::{Fake, Surroundings, failed, request};
    use crate::policy::paging::list_end::ListEnd;
    use crate::policy::paging::paging_spec::PagingKind;
    use crate::policy::paging::send_as::SendAs;

    fn page(text: &str) -> Understood {
        let json = Json::parse(text.to_owned().into(), 10).expect("JSON");
        let hints = crate::http::hints::ResponseHints::default();
        Understood { status: 200, hints, content: Content::Data(json) }
    }

    async fn ask(
        script: Vec<Result<Understood, Failure>>,
        pause_ms: u64,
    ) -> (Result<Answer, Failure>, Rc<Fake<Understood>>) {
        let pointer = |text: &str| Pointer::try_new(text).expect("a pointer");
        let paging = PagingSpec {
            kind: PagingKind::Cursor {
                next: FieldPath::Pointer(pointer("/next")),
                send_as: SendAs::Query("after".into()),
                last: Vec::new(),
            },
            end: ListEnd::none(),
            items: pointer("/items"),
            max_pages: 10,
            max_items: 100,
            pause: Duration::from_millis(pause_ms),
        };
        let endpoint = Endpoint::try_new(Scheme::Http, "crm.test").expect("an endpoint");
        let inner = Fake::of(script);
        let paged = Paged::new(Some(paging), endpoint, Rc::clone(&inner));
        let around = Surroundings::new();
        let answer = paged.call(&request("/list"), &around.context(1000)).await;
        assert!(around.passed() < 1000, "it ends by the deadline");
        (answer, inner)
    }

    #[tokio::test(start_paused = true)]
    async fn each_page_is_a_call_of_its_own_until_there_is_no_next_one() {
        let script = vec![Ok(page(r#"{"items":[1],"next":"a b"}"#)), Ok(page(r#"{"items":[2]}"#))];
        let (answer, inner) = ask(script, 10).await;
        let Ok(Answer::Data { status: 200, data }) = answer else { panic!("{answer:?}") };
        assert_eq!(data.as_str(), r#"{"items":[1,2],"pages":2,"next_cursor":null}"#);
        let targets: Vec<_> = inner.calls.borrow().iter().map(|call| call.target.clone()).collect();
        assert_eq!(targets, ["/list", "/list?after=a+b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pages_that_came_are_kept_when_a_later_one_fails() {
        let script = vec![
            Ok(page(r#"{"items":[1],"next":"b"}"#)),
            Err(Failure { detail: "it broke".into(), ..failed(FailureKind::Broken) }),
        ];
        let (answer, _) = ask(script, 10).await;
        let Ok(Answer::Part { data, why }) = answer else { panic!("{answer:?}") };
        assert_eq!(data.as_str(), r#"{"items":[1],"pages":1,"next_cursor":"b"}"#);
        assert_eq!(why, "page 2: it broke");
        let (answer, _) = ask(vec![Err(failed(FailureKind::Broken))], 10).await;
        assert_eq!(answer.unwrap_err().kind, FailureKind::Broken, "there was none before it");
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_is_begun_that_ends_after_the_deadline() {
        let (answer, inner) = ask(vec![Ok(page(r#"{"items":[1],"next":"b"}"#))], 1500).await;
        let Ok(Answer::Part { why, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!((&*why, inner.count()), ("stopped at the deadline", 1));
    }
}
