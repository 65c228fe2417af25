//! What an upstream's reply headers say about when to come back, and where the next page is.

use std::time::{Duration, SystemTime};

use awc::http::header::{DATE, HeaderMap, HeaderValue, LINK, RETRY_AFTER};

use crate::model::header::rate_limit_headers::{self, UpstreamBudget};
use crate::model::header::{link_header, retry_after};

/// What a reply's headers say besides the body.
#[derive(Debug, Clone, Default)]
pub struct ResponseHints {
    /// The first valid `Retry-After`, seconds or a date.
    pub retry_after: Option<Duration>,
    /// What is left of the upstream's own rate limit.
    pub budget: Option<UpstreamBudget>,
    /// The target of the `Link` with `rel="next"`.
    pub next_link: Option<String>,
}

impl ResponseHints {
    /// Reads the headers.
    pub fn read(headers: &HeaderMap) -> Self {
        let sent = sent_at(headers);
        let waits = headers.get_all(RETRY_AFTER).map(HeaderValue::as_bytes);
        let links = headers.get_all(LINK).map(HeaderValue::as_bytes);
        Self {
            retry_after: retry_after::first_valid(waits, sent),
            budget: budget(headers, sent),
            next_link: link_header::next_target(links),
        }
    }
}

/// When the reply was sent: by the upstream's own clock (`Date`, RFC 9110 section 6.6.1), which other
/// dates in it are of as well, else by ours.
fn sent_at(headers: &HeaderMap) -> SystemTime {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    date.unwrap_or_else(SystemTime::now)
}

fn budget(headers: &HeaderMap, sent: SystemTime) -> Option<UpstreamBudget> {
    // Most replies have none, and looking for each of the many names costs an allocation.
    if !headers.keys().any(|name| name.as_str().contains("ratelimit")) {
        return None;
    }
    let lookup = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    rate_limit_headers::read(&lookup, sent)
}
