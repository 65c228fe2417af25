//! How a found value is shown in a message: short, on one line, and never if it may be a secret.

use config::{Value, ValueKind};

/// The longest text that a message repeats, characters.
const LONGEST: usize = 60;

/// Keys, and ends of keys after `_`, whose values are never shown. `headers`, `query` and `json`
/// are among them because literal API keys may stand in there.
const HIDDEN: [&str; 9] =
    ["secret", "key", "token", "password", "client_id", "prefix", "headers", "query", "json"];

/// Headers whose fixed values are never secrets.
pub(super) const HARMLESS_HEADERS: [&str; 5] =
    ["accept", "accept-language", "content-type", "user-agent", "cache-control"];

/// Whether the value at this key, or anything below it, must not be shown.
pub(super) fn is_hidden(path: &str) -> bool {
    path.split('.').any(|segment| {
        HIDDEN.iter().any(|word| {
            segment.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
        })
    })
}

/// The value at a key in a message's words.
pub(super) fn show(path: &str, value: &Value) -> String {
    let hidden = is_hidden(path);
    match &value.kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
        ValueKind::String(text) if text.is_empty() => "an empty text".to_owned(),
        ValueKind::String(_) if hidden => "a text (not shown)".to_owned(),
        ValueKind::String(text) => show_text(text),
        ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => {
            if hidden {
                "a number or boolean (not shown)".to_owned()
            } else {
                value.kind.to_string()
            }
        }
    }
}

/// A text in quotes, cut where it is long; of a URL neither user nor query are shown.
pub(super) fn show_text(text: &str) -> String {
    let text = without_url_secrets(text);
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start:?}…")
}

/// `https://user:pass@host/path?query` as `https://[redacted]@host/path?[redacted]`.
pub(super) fn without_url_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (before_query, query) = match rest.split_once('?') {
        Some((before, _)) => (before, "?[redacted]"),
        None => (rest, ""),
    };
    let (user, rest) = match before_query.rsplit_once('@') {
        Some((_, after)) => ("[redacted]@", after),
        None => ("", before_query),
    };
    format!("{scheme}://{user}{rest}{query}")
}

/// Parts of a query parameter's name that let its value be a secret.
const SECRET_WORDS: [&str; 8] =
    ["key", "token", "secret", "pass", "auth", "sig", "code", "session"];

/// A URL template with its parameters: fixed values of parameters whose name sounds like
/// a secret are left out.
pub(super) fn show_url(url: &str, query: &[(String, String)]) -> String {
    let (before, own) = url.split_once('?').unwrap_or((url, ""));
    let own = own.split('&').filter(|pair| !pair.is_empty());
    let own = own.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let table = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let shown: Vec<String> =
        own.chain(table).map(|(name, value)| show_parameter(name, value)).collect();
    let separator = if shown.is_empty() { "" } else { "?" };
    format!("{before}{separator}{}", shown.join("&"))
}

/// Whether a parameter of this name may have a secret as its value.
pub(super) fn may_name_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word))
}

fn show_parameter(name: &str, value: &str) -> String {
    let is_placeholder = value.starts_with('{') && value.find('}') == Some(value.len() - 1);
    if !is_placeholder && may_name_secret(name) {
        format!("{name}=[redacted]")
    } else {
        format!("{name}={value}")
    }
}

/// `path.key`, the key in quotes if it is not a plain word.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let key =
        if !key.is_empty() && key.chars().all(plain) { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_keys_that_may_hold_secrets_are_hidden() {
        let hidden = [
            "credentials.genesys.client_secret",
            "credentials.genesys.client_id",
            "server.api_keys[0].key",
            "sources.crm.headers.X-API-Key",
            "sources.crm.json",
            "sources.crm.query.id",
            "credentials.a.secret",
        ];
        for path in hidden {
            assert!(is_hidden(path), "{path}");
            let shown = show(path, &Value::new(None, "hunter2"));
            assert_eq!(shown, "a text (not shown)", "{path}");
            assert!(!show(path, &Value::new(None, 4711)).contains("4711"), "{path}");
        }
        let visible =
            ["sources.crm.timeout", "credentials.a.token_url", "server.api_keys[0].key_file"];
        for path in visible {
            assert_eq!(show(path, &Value::new(None, "x")), "\"x\"", "{path}");
        }
    }

    #[test]
    fn a_key_that_is_not_a_plain_word_is_quoted() {
        assert_eq!(join("a", "b-c"), "a.b-c");
        assert_eq!(join("a", "b.c"), "a.\"b.c\"");
        assert_eq!(join("", "line\nbreak"), "\"line\\nbreak\"");
    }

    #[test]
    fn a_long_text_is_cut_and_stays_on_one_line() {
        let shown = show("server.listen", &Value::new(None, "ab\n".repeat(100)));
        assert!(shown.chars().count() < 2 * LONGEST, "{shown}");
        assert!(!shown.contains('\n'), "{shown}");
    }

    #[test]
    fn a_shown_url_has_its_placeholders_but_no_fixed_secret() {
        let query = [("include", "a"), ("apiKey", "hunter2"), ("key", "{apiKey}")];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            show_url("https://host/{id}?access_token=hunter2&x", &query),
            "https://host/{id}?access_token=[redacted]&x=&include=a&apiKey=[redacted]&key={apiKey}"
        );
        assert_eq!(show_url("https://host/", &[]), "https://host/");
    }

    #[test]
    fn user_and_query_of_a_url_are_not_shown() {
        assert_eq!(
            show_text("https://me:pass@host/path?key=1"),
            "\"https://[redacted]@host/path?[redacted]\""
        );
        assert_eq!(show_text("https://host/{id}"), "\"https://host/{id}\"");
    }
}
