//! Follows a source's pages and keeps what came, also when a later page fails.

use std::borrow::Cow;
use std::collections::HashSet;

use super::call_log::CallLog;
use super::clock;
use super::error::unusable;
use super::fetch::{Answer, Call};
use super::hints::Hints;
use super::next_page::{self, Next, Requests};
use super::origin::Prepared;
use crate::domain::failure::Failure;
use crate::domain::json::Json;
use crate::domain::paging::PagingSpec;
use crate::domain::trace::SpanKind;

/// Fetches page after page until the last one, a cap, a failure or the deadline.
pub(super) async fn collect(
    call: &Call<'_>,
    paging: &PagingSpec,
    first: Prepared,
    log: &mut CallLog,
) -> Result<Answer, Failure> {
    let mut gathered = Gathered::new();
    let mut request = next_page::first(paging, &first)?;
    loop {
        let page = match fetch_page(call, paging, &request, log).await {
            Ok(Fetched::Page(page)) => page,
            Ok(Fetched::Empty { status }) if gathered.pages == 0 => {
                return Ok(Answer::Empty { status });
            }
            Ok(Fetched::Empty { .. }) => return Ok(gathered.whole()),
            Ok(Fetched::NoContent { status }) => return Ok(gathered.with_no_more(status)),
            Err(error) if gathered.pages == 0 => return Err(error),
            Err(error) => {
                let given = clock::now().saturating_duration_since(call.request.ready);
                let why = error.explain(given);
                let page = gathered.pages + 1;
                return Ok(gathered.part(format!("page {page}: {why}")));
            }
        };
        let requests = Requests {
            first: &first,
            latest: &request,
            endpoint: call.source.spec().url.endpoint(),
        };
        request = match gathered.add(&page, paging, &requests) {
            Ok(Some(next)) => next,
            Ok(None) => return Ok(gathered.whole()),
            Err(why) => return Ok(gathered.part(why)),
        };
        if !call.request.deadline.fits(clock::now(), paging.pause) {
            return Ok(gathered.part("stopped at the deadline".to_owned()));
        }
        log.spend(SpanKind::Pause, paging.pause).await;
    }
}

enum Fetched {
    Page(Page),
    Empty {
        status: u16,
    },
    /// A success with an empty body: no items, and nothing that could name another page.
    NoContent {
        status: u16,
    },
}

/// One page.
pub(super) struct Page {
    status: u16,
    /// What its headers say, a `Link` to the next page among it.
    pub(super) hints: Hints,
    /// Its whole JSON.
    pub(super) json: Json,
    /// The elements of the array in it.
    pub(super) items: Vec<Json>,
}

async fn fetch_page(
    call: &Call<'_>,
    paging: &PagingSpec,
    request: &Prepared,
    log: &mut CallLog,
) -> Result<Fetched, Failure> {
    let mut reply = call.run(request, log).await?;
    let (status, hints) = (reply.status, std::mem::take(&mut reply.hints));
    let is_empty = reply.body.is_empty();
    let json = match call.source.judge(reply)? {
        Answer::Data { .. } if is_empty => return Ok(Fetched::NoContent { status }),
        Answer::Data { data, .. } => data,
        Answer::Empty { status } => return Ok(Fetched::Empty { status }),
        Answer::Part { .. } => return Err(Failure::internal()),
    };
    let items = json.pointer(&paging.items).and_then(|items| items.items());
    let items = items.ok_or_else(|| unusable("the page has no array where its items should be"))?;
    let items = items.collect();
    Ok(Fetched::Page(Page { status, hints, json, items }))
}

/// The pages so far.
struct Gathered {
    /// The status of the newest page.
    status: u16,
    /// The items, comma-separated, without the brackets.
    items: Vec<u8>,
    count: usize,
    pages: u32,
    /// Where to go on; `null` when there is no more.
    next_cursor: Json,
    /// All cursors that came, as JSON text.
    seen: HashSet<Vec<u8>>,
}

impl Gathered {
    fn new() -> Self {
        Self {
            status: 200,
            items: Vec::new(),
            count: 0,
            pages: 0,
            next_cursor: Json::null(),
            seen: HashSet::new(),
        }
    }

    /// Keeps a page's items, and gives the request for the next page if there is one.
    ///
    /// # Errors
    /// Why the next page must not be asked for, as a sentence.
    fn add(
        &mut self,
        page: &Page,
        paging: &PagingSpec,
        requests: &Requests<'_>,
    ) -> Result<Option<Prepared>, String> {
        let PagingSpec { max_items, max_pages, .. } = *paging;
        let too_many_items = || format!("stopped at {max_items} items (max_items)");
        self.status = page.status;
        self.pages += 1;
        if !self.take(&page.items, max_items) {
            return Err(too_many_items());
        }
        let next = next_page::after(paging, page, self.pages, requests);
        let next = next.map_err(|error| format!("page {}: {}", self.pages, error.detail))?;
        let Some(Next { request, cursor }) = next else { return Ok(None) };
        let is_new = self.seen.insert(cursor.as_bytes().to_vec());
        self.next_cursor = cursor;
        if !is_new {
            return Err(format!("page {} repeats an earlier cursor", self.pages));
        }
        // The next page might be empty, but only asking for it would tell.
        if self.count >= max_items {
            return Err(too_many_items());
        }
        if self.pages >= max_pages {
            return Err(format!("stopped after {max_pages} pages (max_pages)"));
        }
        Ok(Some(request))
    }

    /// Keeps the items, and says whether all of them were allowed.
    ///
    /// `next_cursor` is still the one that asked for this page: after a cut, going on there
    /// repeats some items but loses none.
    fn take(&mut self, items: &[Json], max_items: usize) -> bool {
        let room = max_items - self.count;
        for item in items.iter().take(room) {
            if self.count > 0 {
                self.items.push(b',');
            }
            self.items.extend_from_slice(item.as_bytes());
            self.count += 1;
        }
        items.len() <= room
    }

    /// The newest page was there and had nothing in it.
    fn with_no_more(mut self, status: u16) -> Answer {
        self.status = status;
        self.pages += 1;
        self.whole()
    }

    fn whole(mut self) -> Answer {
        self.next_cursor = Json::null();
        Answer::Data { status: self.status, data: self.into_json() }
    }

    fn part(self, why: String) -> Answer {
        Answer::Part { data: self.into_json(), why: Cow::Owned(why) }
    }

    fn into_json(self) -> Json {
        let mut text = Vec::with_capacity(self.items.len() + self.next_cursor.len() + 48);
        text.extend_from_slice(b"{\"items\":[");
        text.extend_from_slice(&self.items);
        text.extend_from_slice(format!("],\"pages\":{},\"next_cursor\":", self.pages).as_bytes());
        text.extend_from_slice(self.next_cursor.as_bytes());
        text.push(b'}');
        Json::from_parts(text)
    }
}
