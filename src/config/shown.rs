//! How a found value is shown in a message: short, on one line, and never if it may be a secret.

use config::{Value, ValueKind};

/// The longest text that a message repeats, characters.
const LONGEST: usize = 60;

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All of it.
    Plain,
    /// A URL: without user, query and fragment.
    Url,
    /// The name of a file: only what looks like a path, for the secret itself may stand there.
    File,
    /// A name or a flag: not a wrong one, for the secret itself may stand there.
    Name,
    /// Nothing: it may have a secret in it, or says of whom the configuration is.
    Hidden,
    /// Nothing, and it is left out of the configuration's hash.
    Secret,
}

/// Tables whose names are the user's own, in which a value may slip into a name.
const WITH_OWN_NAMES: [&str; 3] = ["headers", "query", "json"];

/// What stands where a secret would.
pub(crate) const REDACTED: &str = "[redacted]";

/// Headers whose fixed values are never secrets.
pub(crate) const HARMLESS_HEADERS: [&str; 5] =
    ["accept", "accept-language", "content-type", "user-agent", "cache-control"];

/// A value that will not do, in a message's words.
pub(crate) fn show(shown: Shown, value: &Value) -> String {
    match &value.kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
        ValueKind::String(text) if text.is_empty() => "an empty text".to_owned(),
        ValueKind::String(text) => match shown {
            Shown::Name | Shown::Hidden | Shown::Secret => "a text (not shown)".to_owned(),
            Shown::File => show_file(text),
            Shown::Url => show_bad_url(text),
            Shown::Plain => show_text(text),
        },
        ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => match shown {
            Shown::Name | Shown::Hidden | Shown::Secret => {
                "a number or boolean (not shown)".to_owned()
            }
            Shown::Plain | Shown::Url | Shown::File => value.kind.to_string(),
        },
    }
}

/// A text in quotes, cut where it is long.
pub(crate) fn show_text(text: &str) -> String {
    if text.contains("://") {
        return show_bad_url(text);
    }
    quoted(text)
}

/// A file's name, if it looks like one: the secret itself may stand there by mistake, and that is
/// never a path from the root in plain characters.
pub(crate) fn show_file(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let is_path = ["./", "../"].iter().any(|start| name.starts_with(start))
        || (name.starts_with('/') && name.split('/').filter(|part| !part.is_empty()).count() > 1);
    if is_path && name.chars().all(is_plain) {
        format!("{name:?}")
    } else {
        "a file's name (not shown: the secret itself may stand there)".to_owned()
    }
}

fn quoted(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start:?}…")
}

/// What stands where a URL should, in quotes: without user, query and fragment, and nothing at all if
/// it cannot be told where these are.
fn show_bad_url(text: &str) -> String {
    let schemes = ["https://", "http://"];
    let scheme = schemes.into_iter().find(|scheme| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let (scheme, rest) = match scheme {
        Some(scheme) => (scheme, text.get(scheme.len()..).unwrap_or_default()),
        None if text.starts_with('/') => ("", text),
        None => return "a text without `https://` in front (not shown)".to_owned(),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if path.contains('@') {
        // A password with such a character in it makes a host of what stands before that.
        return format!("{:?}", format!("{scheme}[redacted]"));
    }
    let (user, host) = match authority.rsplit_once('@') {
        Some((_, host)) => ("[redacted]@", host),
        None => ("", authority),
    };
    let (path, rest) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
    let rest = rest.chars().next().map(|first| format!("{first}[redacted]")).unwrap_or_default();
    quoted(&format!("{scheme}{user}{host}{path}{rest}"))
}

/// Parts of a query parameter's name that let its value be a secret.
const SECRET_WORDS: [&str; 13] = [
    "key", "token", "secret", "pass", "pwd", "auth", "cred", "sig", "code", "session", "hash",
    "jwt", "appid",
];

/// A URL template with its parameters: fixed values that may be secrets are left out, by the
/// parameter's name or because they look like a key.
pub(crate) fn show_url(url: &str, query: &[(String, String)]) -> String {
    let (before, own) = url.split_once('?').unwrap_or((url, ""));
    let own = own.split('&').filter(|pair| !pair.is_empty());
    let own = own.map(|pair| match pair.split_once('=') {
        Some((name, value)) => show_parameter(name, value),
        None if looks_like_key(pair) => "[redacted]".to_owned(),
        None => pair.to_owned(),
    });
    let table = query.iter().map(|(name, value)| show_parameter(name, value));
    let shown: Vec<String> = own.chain(table).collect();
    let separator = if shown.is_empty() { "" } else { "?" };
    format!("{before}{separator}{}", shown.join("&"))
}

/// Whether a parameter of this name may have a secret as its value.
pub(crate) fn may_name_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word))
}

fn show_parameter(name: &str, value: &str) -> String {
    let fixed = without_placeholders(value);
    if (may_name_secret(name) && !fixed.is_empty()) || looks_like_key(&fixed) {
        format!("{name}=[redacted]")
    } else {
        format!("{name}={value}")
    }
}

/// What is fixed in a template: the text around its placeholders.
fn without_placeholders(template: &str) -> String {
    let mut fixed = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        fixed.push_str(before);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    fixed + rest
}

/// Whether a text is more like a key than like a word, a list of words, a number or a date: letters
/// and digits are mixed in it, or it is long.
fn looks_like_key(text: &str) -> bool {
    let of_parts = |part: &str| {
        let digits = part.chars().filter(char::is_ascii_digit).count();
        let all = part.chars().count();
        match digits {
            0 => all > 20,
            _ if digits == all => all > 10,
            _ => all > 3,
        }
    };
    text.chars().count() > LONGEST || text.split(|c: char| !c.is_alphanumeric()).any(of_parts)
}

/// `path.key`, the key in quotes if it is not a plain word. A value that has slipped into the key
/// (`"X-API-Key: s3cret" = ""`) is cut off.
pub(crate) fn join(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let key = if !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        let is_below = path.split('.').any(|part| WITH_OWN_NAMES.contains(&part));
        let is_end = |c: char| matches!(c, ':' | '=') || (c.is_whitespace() && is_below);
        match key.split_once(is_end) {
            Some((name, _)) => format!("{name:?}…"),
            None => format!("{key:?}"),
        }
    };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_as_far_as_its_key_lets_it() {
        for shown in [Shown::Name, Shown::Hidden, Shown::Secret] {
            assert_eq!(show(shown, &Value::new(None, "hunter2")), "a text (not shown)");
            assert!(!show(shown, &Value::new(None, 4711)).contains("4711"));
        }
        assert_eq!(show(Shown::Plain, &Value::new(None, "x")), "\"x\"");
    }

    #[test]
    fn a_key_that_is_not_a_plain_word_is_quoted() {
        assert_eq!(join("a", "b-c"), "a.b-c");
        assert_eq!(join("a", "b.c"), "a.\"b.c\"");
        assert_eq!(join("", "line\nbreak"), "\"line\\nbreak\"");
    }

    #[test]
    fn a_long_text_is_cut_and_stays_on_one_line() {
        let shown = show(Shown::Plain, &Value::new(None, "ab\n".repeat(100)));
        assert!(shown.chars().count() < 2 * LONGEST, "{shown}");
        assert!(!shown.contains('\n'), "{shown}");
    }

    #[test]
    fn a_shown_url_has_its_placeholders_but_nothing_that_may_be_a_secret() {
        let query = [
            ("include", "preferences,subscriptions"),
            ("since", "2026-03-01"),
            ("q", "Phone = '{id}'"),
            ("apiKey", "hunter"),
            ("key", "{apiKey}"),
            ("signature", "v1-{apiKey}"),
            ("u", "hunter2"),
            ("w", "aGVsbG8gd29ybGQ"),
            ("x", "4f1c0a9e-77ab"),
        ];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            show_url("https://host/{id}?access_token=hunter2&flat&hunter2", &query),
            "https://host/{id}?access_token=[redacted]&flat&[redacted]\
             &include=preferences,subscriptions&since=2026-03-01&q=Phone = '{id}'\
             &apiKey=[redacted]&key={apiKey}&signature=[redacted]&u=[redacted]&w=[redacted]\
             &x=[redacted]"
        );
        assert_eq!(show_url("https://host/", &[]), "https://host/");
    }

    #[test]
    fn user_query_and_fragment_of_a_url_are_not_shown() {
        let url = |text: &str| show(Shown::Url, &Value::new(None, text));
        for (text, shown) in [
            ("https://me:hunter2@host/path?hunter2", "https://[redacted]@host/path?[redacted]"),
            ("HTTPS://host/{id}", "https://host/{id}"),
            ("https://host#hunter2", "https://host#[redacted]"),
            ("/oauth/token?secret=hunter2", "/oauth/token?[redacted]"),
            ("/oauth#hunter2?", "/oauth#[redacted]"),
            // With such a password nothing can be told apart.
            ("https://me:hunter2/x@host/path", "https://[redacted]"),
            ("https://hunter2?x@host/path", "https://[redacted]"),
            ("https://hunter2#x@host/path", "https://[redacted]"),
        ] {
            assert_eq!(url(text), format!("{shown:?}"));
            if text.contains("://") {
                assert_eq!(show(Shown::Plain, &Value::new(None, text)), format!("{shown:?}"));
            }
        }
        for text in ["hunter2", "hunter2@host/path", "ftp://hunter2", "ü://hunter2"] {
            assert_eq!(url(text), "a text without `https://` in front (not shown)");
        }
    }

    #[test]
    fn the_name_of_a_file_is_shown_only_if_it_is_a_path() {
        let file = |text: &str| show(Shown::File, &Value::new(None, text));
        for path in ["/run/secrets/a", "/a/b", "./a", "../a.pem", "/etc/..data/x_1-2"] {
            assert_eq!(file(path), format!("{path:?}"));
        }
        let pem = "/-----BEGIN PRIVATE KEY-----\n/hunter2";
        for text in ["hunter2", "/hunter2", "hunter2/x", "/hunter2/x+y==", "a b", pem] {
            assert!(!file(text).contains("hunter2") && file(text).contains("not shown"), "{text}");
        }
    }

    #[test]
    fn a_value_that_slipped_into_a_key_is_cut_off() {
        assert_eq!(join("a.headers", "X-API-Key: hunter2"), "a.headers.\"X-API-Key\"…");
        assert_eq!(join("a.headers", "Bearer hunter2"), "a.headers.\"Bearer\"…");
        assert_eq!(join("a.query", "key=hunter2"), "a.query.\"key\"…");
        assert_eq!(
            join("inputs.tenant.credentials", "Acme Inc."),
            "inputs.tenant.credentials.\"Acme Inc.\""
        );
    }
}
