//! Header fields of upstreams: when to come back, what is left, where the next page is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use awc::http::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use awc::http::uri::PathAndQuery;
use tributary::http::hints::ResponseHints;
use tributary::model::header::{link_header as link, rate_limit_headers, retry_after as after};
use tributary::model::template::{Endpoint, Scheme};
use tributary::policy::paging::next_page::next_target;
use tributary::policy::paging::paging_spec::NextOrigin;

const DAY: Duration = Duration::from_hours(24);

/// Moments from which dates are looked at, in seconds since 1970.
const MOMENTS: [u64; 4] = [0, 784_111_777, 1_900_000_000, 253_402_214_400];

/// The input's lines are several fields of the same name.
pub fn retry_after(input: &[u8]) {
    let values: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    for sent in MOMENTS.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)) {
        for value in &values {
            let wait = after::parse(value, sent);
            assert!(wait.is_none_or(|wait| wait > Duration::ZERO && wait <= DAY));
            match expected_wait(value, sent) {
                Expected::Wait(time) => assert_eq!(wait, Some(time), "{}", value.escape_ascii()),
                Expected::None => assert_eq!(wait, None, "{}", value.escape_ascii()),
                Expected::Unknown => {}
            }
        }
        let first = values.iter().find_map(|value| after::parse(value, sent));
        assert_eq!(after::first_valid(values.iter().copied(), sent), first);
    }
}

/// The same by RFC 9110 section 10.2.3, and for seconds with a fraction, written down without regard to
/// cost.
fn expected_wait(value: &[u8], sent: SystemTime) -> Expected {
    let Ok(text) = std::str::from_utf8(value) else { return Expected::None };
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let is_number =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if is_number(whole) && is_number(fraction) {
        let whole = whole.trim_start_matches('0');
        let seconds = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(u64::MAX) };
        let more = u64::from(fraction.bytes().any(|byte| byte != b'0'));
        let seconds = seconds.saturating_add(more).min(86_400);
        return Expected::of(Duration::from_secs(seconds));
    }
    // Dates of other forms are understood as well.
    let Ok(date) = httpdate::parse_http_date(text) else { return Expected::Unknown };
    Expected::of(date.duration_since(sent).unwrap_or_default().min(DAY))
}

/// What a value has to be read as.
enum Expected {
    Wait(Duration),
    None,
    Unknown,
}

impl Expected {
    fn of(wait: Duration) -> Self {
        if wait.is_zero() { Self::None } else { Self::Wait(wait) }
    }
}

/// The input's lines are a reply's header fields.
pub fn rate_limit(input: &[u8]) {
    let fields: Vec<(String, &[u8])> = input
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at(colon);
            Some((String::from_utf8(name.to_ascii_lowercase()).ok()?, value.get(1..)?))
        })
        .collect();
    let lookup = |wanted: &str| {
        let found = fields.iter().find(|(name, _)| name.trim() == wanted);
        found.map(|(_, value)| value.trim_ascii())
    };
    hints(&fields);
    for sent in MOMENTS.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)) {
        let Some(budget) = rate_limit_headers::read(&lookup, sent) else { continue };
        assert!(budget.reset <= DAY, "{budget:?}");
        // Nothing is invented: every number comes from one of the fields, or is their difference.
        assert!(!fields.is_empty());
        if lookup("inin-ratelimit-allowed").is_none() && budget.remaining > 0 {
            let digits = budget.remaining.to_string();
            let is_there =
                fields.iter().any(|(_, value)| String::from_utf8_lossy(value).contains(&digits));
            assert!(is_there || budget.remaining == u64::MAX, "{budget:?}");
        }
    }
}

/// The same as a reply's head, `Date` and `Retry-After` among it: no wait is longer than a day or none
/// at all, and with a `Date` nothing depends on our clock.
fn hints(fields: &[(String, &[u8])]) {
    let mut head = HeaderMap::new();
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.trim()), HeaderValue::from_bytes(value.trim_ascii()))
        {
            head.append(name, value);
        }
    }
    let hints = ResponseHints::read(&head);
    assert!(hints.retry_after.is_none_or(|wait| wait > Duration::ZERO && wait <= DAY));
    assert!(hints.budget.is_none_or(|budget| budget.reset <= DAY));
    let date = head.get(DATE).and_then(|date| date.to_str().ok());
    if let Some(sent) = date.and_then(|date| httpdate::parse_http_date(date).ok()) {
        let waits = head.get_all(RETRY_AFTER).map(HeaderValue::as_bytes);
        assert_eq!(hints.retry_after, after::first_valid(waits, sent));
    }
}

/// The input's lines are several `Link` fields.
pub fn link_header(input: &[u8]) {
    let values: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let Some(target) = link::next_target(values.iter().copied()) else { return };
    assert!(!target.is_empty());
    assert!(!target.chars().any(|c| c == ' ' || c.is_ascii_control()), "{target:?}");
    let is_there = values
        .iter()
        .any(|value| value.windows(target.len()).any(|part| part == target.as_bytes()));
    assert!(is_there, "{target:?} stands in none of the fields");
    // Written as the RFC wants it, the same target is found again.
    if !target.contains('>') {
        let plain = format!("</first>; rel=\"first\", <{target}>; rel=\"next\"");
        assert_eq!(link::next_target([plain.as_bytes()]), Some(target));
    }
}

/// The input is the URI of a next page. The request there carries credentials, so it must never
/// lead to another host.
pub fn next_page(input: &[u8]) {
    let Ok(uri) = std::str::from_utf8(input) else { return };
    for (scheme, authority) in
        [(Scheme::Https, "api.example.com"), (Scheme::Http, "127.0.0.1:8080")]
    {
        let endpoint = Endpoint::try_new(scheme, authority).expect("a good authority");
        let current = PathAndQuery::from_static("/v1/items/list?page=1");
        let Ok(target) = next_target(uri, NextOrigin::Refuse, &endpoint, &current) else {
            continue;
        };
        let target = target.as_str();
        assert!(target.starts_with('/'), "{target:?}");
        assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
        assert!(!target.contains('#'), "{target:?}");
        // In the way in which the request line and `Host` will say it.
        let whole = url::Url::parse(&format!("{endpoint}{target}")).expect("a URL");
        let own = url::Url::parse(&format!("{endpoint}/")).expect("a URL");
        assert_eq!(whole.origin(), own.origin());
        assert_eq!((whole.username(), whole.password()), ("", None));
        // A URI with a host of its own was only followed if it is this host.
        if let Ok(absolute) = url::Url::parse(uri)
            && uri.to_ascii_lowercase().starts_with(&format!("{}://", absolute.scheme()))
        {
            assert_eq!(absolute.origin(), own.origin(), "{uri:?}");
        }
    }
}
