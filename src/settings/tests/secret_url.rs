//! A source's URL that is a secret itself: a web hook.

use std::io::Write as _;

use super::super::{Layer, Settings};
use super::{BASE, assert_refused, good, load, problems};
use crate::policy::request_spec::RequestSpec;

/// The URL of [`BASE`], which is no secret.
const PLAIN: &str = "url = \"https://crm.example/v2/accounts/{id}\"";
/// Where the hook is, and what nobody is to see.
const HOOK: &str = "https://hooks.example:8443/services/hunter2/{id}?key=hunter2";

/// [`BASE`] with other lines in the place of the URL.
fn with(lines: &str) -> String {
    BASE.replace(PLAIN, lines)
}

fn file_with(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(content.as_bytes()).expect("written");
    file
}

/// Asserts that the source goes to the hook, and that nothing for people says so.
#[track_caller]
fn assert_is_hook(settings: &super::Settings) {
    let [source] = settings.sources.as_slice() else { panic!("{settings:?}") };
    let RequestSpec { url, shown_url, .. } = &source.request;
    assert_eq!(url.endpoint().to_string(), "https://hooks.example:8443");
    assert_eq!(url.references().count(), 1);
    assert_eq!(shown_url, "https://hooks.example:8443/[redacted]");
    let target = source.target();
    assert_eq!((target.url.as_str(), target.path.as_str()), (shown_url.as_str(), "/[redacted]"));
    let plan = settings.plan();
    assert!(plan.contains("GET https://hooks.example:8443/[redacted]\n"), "{plan}");
    let debug = format!("{settings:?}");
    assert!(!plan.contains("hunter2") && !debug.contains("hunter2"), "{plan}{debug}");
}

#[test]
fn it_comes_from_the_configuration_from_the_environment_or_from_a_file() {
    assert_is_hook(&good(&with(&format!("secret_url = '{HOOK}'"))));
    let variable = ("TRIBUTARY__SOURCES__CRM__SECRET_URL", HOOK);
    assert_is_hook(&load(&with(""), &[variable]).expect("no problem"));
    for end in ["", "\n", "\r\n"] {
        let file = file_with(&format!("{HOOK}{end}"));
        assert_is_hook(&good(&with(&format!("secret_url_file = {:?}", file.path()))));
    }
}

#[test]
fn the_query_table_belongs_to_it_too() {
    let settings = good(&with("secret_url = 'https://h/hunter2'\nquery = { a = '{id}' }"));
    let [source] = settings.sources.as_slice() else { panic!("{settings:?}") };
    assert_eq!(source.request.url.references_in_table().count(), 1);
    assert_eq!(source.request.shown_url, "https://h/[redacted]");
}

#[test]
fn a_path_goes_to_the_host_of_a_region_or_of_a_credential() {
    let tenants = "[credentials.eu]\nkind = 'client_credentials'\nregion = 'euw2.pure.cloud'\n\
                   client_id = 'a'\nclient_secret = 'b'\n";
    let input = "inputs.org = { type = 'string', required = true, credentials = { a = 'eu' } }";
    for more in ["region = 'euw2.pure.cloud'", "credential = 'eu'", "credential = '{org}'"] {
        let text = with(&format!("secret_url = '/hooks/hunter2/{{id}}'\n{more}"));
        let text = text.replace("credential = \"fixed\"\n", "");
        let settings = good(&format!("{text}{input}\n{tenants}"));
        let shown: Vec<_> =
            settings.sources.iter().map(|source| &source.request.shown_url).collect();
        assert_eq!(shown, ["https://api.euw2.pure.cloud/[redacted]"], "{more}");
        assert!(!settings.plan().contains("hunter2"), "{}", settings.plan());
    }
}

#[test]
fn exactly_one_url_must_be_there() {
    let both = "url = 'https://h/'\nsecret_url = 'https://hunter2'";
    let file = "url = 'https://h/'\nsecret_url_file = '/run/secrets/hook'";
    let two = "secret_url = 'https://hunter2'\nsecret_url_file = '/run/secrets/hook'";
    for (lines, key, words) in [
        (both, "url", "both `url` and `secret_url`"),
        (file, "url", "both `url` and `secret_url_file`"),
        (two, "secret_url", "both `secret_url` and `secret_url_file`"),
        ("", "url", "belongs in `secret_url` or `secret_url_file`"),
    ] {
        let found = problems(&with(lines));
        let [problem] = found.as_slice() else { panic!("{lines}\n{found:#?}") };
        assert_eq!(problem.key, format!("sources.crm.{key}"), "{lines}");
        assert!(problem.to_string().contains(words), "{problem}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }
}

#[test]
fn of_two_layers_the_url_of_the_later_one_counts() {
    let layer = |name: &str, text: &str| Layer { name: name.to_owned(), text: text.to_owned() };
    let layers = [
        layer("a.toml", &with("url = 'https://first/'")),
        layer("b.toml", "[sources.crm]\nsecret_url = 'https://second/hunter2'"),
        layer("c.toml", "[sources.crm]\nurl = 'https://third/'"),
    ];
    for (count, shown) in
        [(1, "https://first/"), (2, "https://second/[redacted]"), (3, "https://third/")]
    {
        let settings = Settings::from_layers(&layers[..count]).expect("no problem");
        assert_eq!(settings.sources[0].request.shown_url, shown);
    }
}

#[test]
fn one_that_cannot_be_used_is_refused_and_not_shown() {
    for (url, words) in [
        ("https://h/hunter2/{", "character 19: this `{` opens"),
        ("https://h/{hunter2 x}", "character 11: what stands in the braces is not a name"),
        ("https://h/{crm:hunter2}", "character 11: what stands in the braces"),
        ("https://hunter2 x/", "host or port is not one"),
        ("https://h:hunter2/", "host or port is not one"),
        ("https://me:hunter2@h/", "host or port is not one"),
        ("https:///hunter2", "host or port is not one"),
        ("https://h/#hunter2", "fragment"),
        ("hunter2", "must begin with http:// or https://"),
        ("/hunter2", "must begin with http:// or https://"),
        (" https://h/hunter2", "a space before or after it"),
    ] {
        let file = file_with(url);
        let name = file.path().to_str().expect("UTF-8");
        for (key, value) in [("secret_url", url), ("secret_url_file", name)] {
            let text = with(&format!("{key} = '{value}'"));
            let found = problems(&text);
            let [problem] = found.as_slice() else { panic!("{text}\n{found:#?}") };
            let said = problem.to_string();
            assert!(said.contains(&format!("sources.crm.{key}: found a URL")), "{said}");
            assert!(said.contains(words), "{url}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
    let empty = problems(&with("secret_url = ''"));
    assert!(empty[0].to_string().contains("an empty secret"), "{empty:?}");
    let words = "not shown: the secret itself may stand there";
    let missing = problems(&with("secret_url_file = 'https://h/hunter2'"));
    assert!(missing[0].to_string().contains(words), "{missing:?}");
    assert!(!missing[0].to_string().contains("hunter2"), "{missing:?}");
}

#[test]
fn what_it_names_must_be_there_and_is_missed_at_its_key() {
    let found = problems(&with("secret_url = 'https://h/hunter2/{none}'"));
    assert_eq!(found[0].key, "sources.crm.secret_url");
    assert!(found[0].found.starts_with("{none}, which the action profile"), "{found:?}");
    // Also in a URL that is a path only.
    let path = "region = 'euw2.pure.cloud'\nurl = '/a/{none}'\nquery = { b = '{nothing}' }";
    let keys: Vec<_> = problems(&with(path)).into_iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["sources.crm.url", "sources.crm.query"]);
    assert_refused("[sources.crm]\nsecret_urls = 'x'", "sources.crm.secret_urls", "did you mean");
}
