//! The pages of one answer so far.

use std::borrow::Cow;
use std::collections::HashSet;

use super::next_page::{self, Next, Requests, SoFar};
use super::page::Page;
use crate::model::digest::Digest;
use crate::model::json::Json;
use crate::policy::answer::Answer;
use crate::policy::paging::paging_spec::PagingSpec;
use crate::policy::request::Request;

/// The pages so far.
pub(super) struct Gathered {
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
    /// What the items of the first page and of the newest one were.
    first: Option<Digest>,
    newest: Option<Digest>,
}

impl Gathered {
    pub(super) fn new() -> Self {
        Self {
            status: 200,
            items: Vec::new(),
            count: 0,
            pages: 0,
            next_cursor: Json::null(),
            seen: HashSet::new(),
            first: None,
            newest: None,
        }
    }

    /// How many pages came.
    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// Keeps a page's items, and gives the request for the next page if there is one.
    ///
    /// # Errors
    /// Why the next page must not be asked for, as a sentence.
    pub(super) fn add(
        &mut self,
        page: &Page,
        paging: &PagingSpec,
        requests: &Requests<'_>,
    ) -> Result<Option<Request>, String> {
        let PagingSpec { max_items, max_pages, .. } = *paging;
        let too_many_items = || format!("stopped at {max_items} items (max_items)");
        self.status = page.status;
        if !paging.kind.knows_page_count() && self.repeats(page) {
            return Ok(None);
        }
        self.pages += 1;
        if !self.take(&page.items, max_items) {
            return Err(too_many_items());
        }
        let so_far = SoFar { pages: self.pages, items: self.count };
        let next = next_page::after(paging, page, so_far, requests);
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

    /// Whether the page has the very items of the one before it or of the first: beyond the end of a list,
    /// some upstreams send the last page again, others the first.
    fn repeats(&mut self, page: &Page) -> bool {
        if page.items.is_empty() {
            return false;
        }
        let digest = Digest::of_all(page.items.iter().map(Json::as_bytes));
        let is_same = |known: Option<Digest>| known.is_some_and(|known| known == digest);
        let repeats = is_same(self.newest) || is_same(self.first);
        self.first = self.first.or(Some(digest));
        self.newest = Some(digest);
        repeats
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
    pub(super) fn with_no_more(mut self, status: u16) -> Answer {
        self.status = status;
        self.pages += 1;
        self.whole()
    }

    pub(super) fn whole(mut self) -> Answer {
        self.next_cursor = Json::null();
        Answer::Data { status: self.status, data: self.into_json() }
    }

    pub(super) fn part(self, why: String) -> Answer {
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
