//! The hash of the configuration: what changes it and what does not.

use std::path::PathBuf;

use super::{Settings, good, load};
use crate::settings::Layer;

/// A configuration with everything in it that has to do with secrets.
const TEXT: &str = r#"
[[server.api_keys]]
name = "prod"
key = "planted-key-q7"

[credentials.fixed]
kind = "static"
secret = "planted-secret-q7"
header = "X-Api-Key"
prefix = "planted-prefix-q7 "
[credentials.genesys]
kind = "client_credentials"
token_url = "https://login.example/oauth/token?key=planted-url-q7"
client_id = "client-1"
client_secret = "planted-client-q7"

[sources.token_search]
method = "POST"
url = "https://crm.example/{id}?sig=planted-sig-q7&page=1"
credential = "genesys"
headers = { X-Pin = "planted-header-q7", X-Number = 4711, Accept = "text/plain", X-Caller = "{id}" }
query = { apiKey = "planted-query-q7", include = "tags", limit = 5 }
json = { password = "planted-body-q7", auth = { pin = 815 }, state = ["ACTIVE"], max = 5, all = true }
fallback = { token = "shown", n = 1.0 }
rate_limit = { requests = 5, key = "{id}" }

[actions.get_key]
sources = ["token_search"]
[actions.get_key.inputs]
id = { type = "string", required = true }
apiKey = { type = "string", secret = true }
key = { type = "string", default = "open" }
[actions.get_key.output]
secret = { from = "token_search", path = "/secret", type = "string", default = "none" }
token = { from = "token_search", path = "/token", type = "string" }
"#;

fn hash(text: &str) -> String {
    good(text).config_hash
}

/// The hash with one part of the text replaced.
#[track_caller]
fn hash_with(from: &str, to: &str) -> String {
    assert!(TEXT.contains(from), "{from} is not in the text");
    hash(&TEXT.replace(from, to))
}

#[test]
fn no_secret_changes_it() {
    let expected = hash(TEXT);
    let planted = TEXT.split("planted-").skip(1).filter_map(|rest| rest.split_once("-q7"));
    let mut secrets: Vec<String> = planted.map(|(name, _)| format!("planted-{name}-q7")).collect();
    assert_eq!(secrets.len(), 9);
    secrets.extend(["4711".to_owned(), "815".to_owned()]);
    for secret in secrets {
        let other = if secret.starts_with("planted") { "another" } else { "1234" };
        assert_eq!(hash_with(&secret, other), expected, "{secret}");
    }
}

#[test]
fn anything_else_changes_it() {
    let expected = hash(TEXT);
    for (from, to) in [
        ("name = \"prod\"", "name = \"test\""),
        ("X-Api-Key", "X-Key"),
        ("/oauth/token", "/token"),
        ("client-1", "client-2"),
        ("https://crm.example", "https://erp.example"),
        ("page=1", "page=2"),
        ("X-Pin", "X-Pen"),
        ("text/plain", "text/html"),
        ("X-Caller = \"{id}\"", "X-Caller = \"{key}\""),
        ("apiKey = \"planted-query-q7\"", "apiKey = \"{id}\""),
        ("include = \"tags\"", "include = \"notes\""),
        ("limit = 5", "limit = 6"),
        ("[\"ACTIVE\"]", "[\"ACTIVE\", \"PENDING\"]"),
        ("max = 5", "max = \"5\""),
        ("all = true", "all = false"),
        ("\"shown\"", "\"hidden\""),
        ("n = 1.0", "n = 1"),
        ("requests = 5", "requests = 6"),
        ("key = \"{id}\" }", "key = \"{key}\" }"),
        ("token_search]", "token_search]\ntimeout = \"2s\""),
        ("default = \"open\"", "default = \"closed\""),
        ("default = \"none\"", "default = \"some\""),
        ("\"/token\"", "\"/tokens\""),
    ] {
        assert_ne!(hash_with(from, to), expected, "{from}");
    }
    // The reply has its fields in their order.
    let (first, last) = TEXT.trim_end().rsplit_once('\n').expect("two lines");
    let (before, first) = first.rsplit_once('\n').expect("two lines");
    assert_ne!(hash(&format!("{before}\n{last}\n{first}\n")), expected);
}

#[test]
fn names_of_files_comments_and_the_way_a_secret_comes_make_no_difference() {
    let expected = hash(TEXT);
    let layer = |name: &str, text: &str| Layer { name: name.to_owned(), text: text.to_owned() };
    let (first, second) = TEXT.split_once("[actions").expect("actions");
    let layers = [layer("a.toml", first), layer("b/c.toml", &format!("[actions{second}"))];
    assert_eq!(Settings::from_layers(&layers).expect("no problem").config_hash, expected);
    assert_eq!(hash(&format!("# planted\n\n{TEXT}")), expected);
    let without = TEXT.replace("client_secret = \"planted-client-q7\"", "");
    let variable = [("TRIBUTARY__CREDENTIALS__GENESYS__CLIENT_SECRET", "from the environment")];
    assert_eq!(load(&without, &variable).expect("no problem").config_hash, expected);
    let variable = [("TRIBUTARY__SOURCES__TOKEN_SEARCH__TIMEOUT", "2s")];
    assert_ne!(load(TEXT, &variable).expect("no problem").config_hash, expected);
}

#[test]
fn it_is_a_short_text_that_stays_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let files: Vec<PathBuf> = ["a.toml", "b.toml"].map(|name| directory.path().join(name)).into();
    for file in &files {
        std::fs::write(file, TEXT).expect("written");
        let settings = Settings::load(std::slice::from_ref(file), std::iter::empty());
        let settings = settings.expect("no problem");
        // Another value would tell all replicas of a new version to be of another configuration.
        assert_eq!(settings.config_hash, "aff2c4853c89");
        assert!(settings.plan().contains("config_hash     aff2c4853c89"), "{}", settings.plan());
    }
}
