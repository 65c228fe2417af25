//! Follows a source's pages and keeps what came, also when a later page fails.

use super::gathered::Gathered;
use super::next_page::{self, Requests};
use super::page::Page;
use super::spec::PagingSpec;
use crate::clock;
use crate::domain::failure::Failure;
use crate::domain::json::Json;
use crate::domain::template::Endpoint;
use crate::domain::trace::SpanKind;
use crate::policy::answer::{Answer, Content, Understood};
use crate::policy::context::Context;
use crate::policy::failures::unusable;
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
            cx.spend(SpanKind::Pause, paging.pause).await;
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
        let items = json.pointer(&paging.items).and_then(|items| items.items());
        let missing = || unusable("the page has no array where its items should be");
        let items = items.ok_or_else(missing)?.collect();
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
