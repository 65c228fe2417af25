//! Where a cursor, a page's number or an offset goes in a request.

use bytes::Bytes;

use crate::config::form::Text;
use crate::config::key::Key;
use crate::config::table::Table;
use crate::model::failure::Failure;
use crate::model::json::{Json, Kind, Pointer, write_string};
use crate::policy::request::{Request, target_of};
use crate::policy::request_spec::RequestParts;

/// Where a cursor or a page's number goes in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendAs {
    /// A query parameter of this name.
    Query(String),
    /// A place in the JSON body; what stands there is replaced.
    Json(Pointer),
}

const FORM: &str = "\"query:NAME\" for a query parameter, \"json:NAME\" for a key of the JSON body, or \
                    \"json:/a/b\", a JSON Pointer into it";

pub(super) static SEND_AS: Key<Text> = Key::new(
    "send_as",
    Text,
    "Where the cursor, the page's number or the offset goes: \"query:NAME\", \"json:NAME\" for a key of the JSON body, or \"json:/a/b\" for a place within it.",
)
.required(FORM);

impl SendAs {
    /// Reads the key; the place must not be taken by something else.
    pub(super) fn read(table: &Table, request: &RequestParts) -> Option<Self> {
        let text = table.required(&SEND_AS)?;
        match text.split_once(':') {
            Some(("query", name)) if !name.is_empty() => query(table, name, request),
            Some(("json", place)) if !place.is_empty() => json(table, place, request),
            _ => {
                table.refuse(&SEND_AS, FORM);
                None
            }
        }
    }

    /// The request with this cursor in it.
    pub(super) fn put(&self, request: &Request, cursor: &Json) -> Result<Request, Failure> {
        let mut request = request.clone();
        match self {
            Self::Query(name) => {
                let text = cursor.scalar_text().unwrap_or_default();
                let target = request.http.target.as_str();
                let separator = if target.contains('?') { '&' } else { '?' };
                let pair = form_urlencoded::Serializer::new(String::new())
                    .append_pair(name, &text)
                    .finish();
                request.http.target = target_of(&format!("{target}{separator}{pair}"))?;
            }
            Self::Json(place) => {
                let body = request.http.body.take().unwrap_or_else(|| Bytes::from_static(b"{}"));
                request.http.body = Some(with_value(body, place, cursor)?);
            }
        }
        Ok(request)
    }
}

fn query(table: &Table, name: &str, request: &RequestParts) -> Option<SendAs> {
    if request.query.iter().any(|(taken, _)| taken == name) {
        table.refuse(&SEND_AS, "a parameter that `query` does not have already");
        return None;
    }
    Some(SendAs::Query(name.to_owned()))
}

fn json(table: &Table, place: &str, request: &RequestParts) -> Option<SendAs> {
    let Some(body) = request.body.as_ref().filter(|body| body.value.is_object()) else {
        table.refuse(&SEND_AS, "\"query:NAME\": the source has no `json` table");
        return None;
    };
    if !place.starts_with('/') {
        if place.contains(['.', '/']) {
            let pointer = place.replace('.', "/");
            let allowed =
                format!("\"json:/{pointer}\" for a place within, or a name without `.` and `/`");
            table.refuse(&SEND_AS, &allowed);
            return None;
        }
        if body.value.get(place).is_some() {
            table.refuse(&SEND_AS, "a key that `json` does not have already");
            return None;
        }
        return Pointer::try_new(&format!("/{}", place.replace('~', "~0"))).ok().map(SendAs::Json);
    }
    let pointer = match Pointer::try_new(place) {
        Ok(pointer) => pointer,
        Err(error) => {
            table.refuse(&SEND_AS, &format!("{FORM} ({error})"));
            return None;
        }
    };
    let leads_through =
        |above: &str| body.value.pointer(above).is_none_or(serde_json::Value::is_object);
    let above = place.match_indices('/').map(|(at, _)| place.get(..at).unwrap_or_default());
    if above.into_iter().all(leads_through) {
        return Some(SendAs::Json(pointer));
    }
    table.refuse(&SEND_AS, "a place within tables of `json`: here it leads through something else");
    None
}

/// The JSON object with a value at this place; what is missing on the way there is made.
fn with_value(body: Bytes, place: &Pointer, value: &Json) -> Result<Bytes, Failure> {
    let whole = Json::parse(body, usize::MAX).map_err(|_| Failure::internal())?;
    let names = place.names();
    let (mut inner, mut depth) = (whole.clone(), 0);
    while let Some(within) =
        names.get(depth).and_then(|name| inner.pointer(&Pointer::of_name(name)))
    {
        inner = within;
        depth += 1;
    }
    let missing = names.get(depth..).unwrap_or_default();
    let text = whole.as_bytes();
    let start = inner.as_bytes().as_ptr() as usize - text.as_ptr() as usize;
    let (before, from) = text.split_at_checked(start).ok_or_else(Failure::internal)?;
    let (old, after) = from.split_at_checked(inner.len()).ok_or_else(Failure::internal)?;
    let mut out = Vec::with_capacity(text.len() + value.len() + 32);
    out.extend_from_slice(before);
    if missing.is_empty() {
        out.extend_from_slice(value.as_bytes());
    } else if inner.kind() == Kind::Object {
        push_members(&mut out, old, missing, value);
    } else {
        return Err(Failure::internal());
    }
    out.extend_from_slice(after);
    Ok(out.into())
}

/// The object's text with one more member at its end: objects of these names around the value.
fn push_members(out: &mut Vec<u8>, object: &[u8], names: &[&str], value: &Json) {
    let open = object.trim_ascii_end();
    let open = open.strip_suffix(b"}").unwrap_or(open).trim_ascii_end();
    out.extend_from_slice(open);
    if open.len() > 1 {
        out.push(b',');
    }
    for (depth, name) in names.iter().enumerate() {
        if depth > 0 {
            out.push(b'{');
        }
        write_string(out, name);
        out.push(b':');
    }
    out.extend_from_slice(value.as_bytes());
    out.extend(names.iter().map(|_| b'}'));
}

#[cfg(test)]
mod tests {
    use awc::http::Method;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::http::client;

    fn request(target: &str, body: Option<&Value>) -> Request {
        let http = client::Request {
            method: Method::POST,
            target: target.parse().expect("a path and query"),
            headers: Vec::new(),
            body: body.map(|body| body.to_string().into()),
        };
        Request { http, rate_limit_key: None }
    }

    fn sent(body: &str, place: &str, value: &Value) -> String {
        let mut first = request("/", None);
        first.http.body = Some(body.to_owned().into());
        let send_as = SendAs::Json(Pointer::try_new(place).unwrap());
        let sent = send_as.put(&first, &Json::from_value(value)).unwrap();
        String::from_utf8(sent.http.body.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn a_place_within_the_body_is_replaced_or_made_and_all_else_is_kept_byte_for_byte() {
        for (body, place, expected) in [
            ("{}", "/page", r#"{"page":2}"#),
            (r#"{"a": 1.00}"#, "/page", r#"{"a": 1.00,"page":2}"#),
            (
                r#"{"paging":{"pageSize":25}}"#,
                "/paging/pageNumber",
                r#"{"paging":{"pageSize":25,"pageNumber":2}}"#,
            ),
            (
                r#"{"paging":{"pageNumber":1,"x":9},"b":[]}"#,
                "/paging/pageNumber",
                r#"{"paging":{"pageNumber":2,"x":9},"b":[]}"#,
            ),
            (
                r#"{"a":12345678901234567890123}"#,
                "/p/q/r",
                r#"{"a":12345678901234567890123,"p":{"q":{"r":2}}}"#,
            ),
            (r#"{"p": { } }"#, "/p/a~1b", r#"{"p": {"a/b":2} }"#),
        ] {
            assert_eq!(sent(body, place, &json!(2)), expected, "{body} {place}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_in_the_query_arrives_as_it_is_and_changes_nothing_else(
            cursor in ".{1,40}",
            has_query: bool,
        ) {
            let target = if has_query { "/v1/items?a=1%26b" } else { "/v1/items" };
            let send_as = SendAs::Query("after".into());
            let cursor_json = Json::from_value(&cursor.as_str().into());
            let sent = send_as.put(&request(target, None), &cursor_json).unwrap();
            let url = url::Url::parse(&format!("http://h{}", sent.http.target)).unwrap();
            let mut expected = vec![("a".to_owned(), "1&b".to_owned())];
            expected.truncate(usize::from(has_query));
            expected.push(("after".to_owned(), cursor));
            prop_assert_eq!(url.query_pairs().into_owned().collect::<Vec<_>>(), expected);
            prop_assert_eq!(url.path(), "/v1/items");
        }

        #[test]
        fn a_cursor_in_the_body_arrives_as_it_is_and_changes_nothing_else(
            cursor in prop_oneof![
                ".{1,40}".prop_map(Value::from),
                any::<u64>().prop_map(Value::from),
            ],
            members in prop::collection::btree_map("[a-z]{1,4}", ".{0,9}", 0..4),
        ) {
            let mut expected = serde_json::json!(members);
            let send_as = SendAs::Json(Pointer::try_new("/the \"cursor\"").unwrap());
            let first = request("/v1/items", Some(&expected));
            let sent = send_as.put(&first, &Json::from_value(&cursor)).unwrap();
            expected["the \"cursor\""] = cursor;
            let body: Value = serde_json::from_slice(sent.http.body.as_deref().unwrap()).unwrap();
            prop_assert_eq!(body, expected);
            prop_assert_eq!(sent.http.target, first.http.target);
        }
    }
}
