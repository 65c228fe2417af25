//! Whole texts: the default configuration, a file with many mistakes, the plan, anything at all.

use std::path::PathBuf;

use proptest::prelude::*;

use super::super::Settings;
use super::{BASE, good, load};
use crate::model::id::Id;

/// The configuration that the repository comes with.
const DEFAULT: &str = include_str!("../../../config/default.toml");

const VARIABLES: [(&str, &str); 2] = [
    ("TRIBUTARY__CREDENTIALS__GENESYS__CLIENT_ID", "0815"),
    ("TRIBUTARY__CREDENTIALS__GENESYS__CLIENT_SECRET", "hunter2"),
];

#[test]
fn the_default_configuration_loads_with_its_two_variables() {
    let settings = load(DEFAULT, &VARIABLES).expect("no problem");
    let sources: Vec<_> = settings.sources.iter().map(|source| source.id.as_str()).collect();
    assert_eq!(sources, ["genesys", "crm", "orders"]);
    let action = settings.actions.first().expect("an action");
    let inputs: Vec<_> = action.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["customerId", "externalApiKey", "timestamp_ms"]);
    let order: Vec<_> = action.sources.iter().map(Id::as_str).collect();
    assert_eq!(order, sources);
}

#[test]
fn without_its_two_variables_the_default_configuration_says_which_to_set() {
    let problems = load(DEFAULT, &[]).expect_err("problems").to_string();
    let expected = "t.toml:
  credentials.genesys.client_id: found nothing; allowed: the OAuth client's id, here or in the \
environment variable TRIBUTARY__CREDENTIALS__GENESYS__CLIENT_ID
  credentials.genesys.client_secret: found nothing; allowed: the environment variable \
TRIBUTARY__CREDENTIALS__GENESYS__CLIENT_SECRET, or `client_secret_file` with a file's name
2 problems in the configuration";
    assert_eq!(problems, expected);
}

/// The keys that stand in comments between two lines of the default configuration.
fn examples(from: &str, to: &str) -> Vec<&'static str> {
    let (_, after) = DEFAULT.split_once(from).expect("the first line");
    let (between, _) = after.split_once(to).expect("the second line");
    let lines = between.lines().filter_map(|line| line.strip_prefix("# "));
    lines.filter(|line| line.contains(" = ")).collect()
}

#[test]
fn the_examples_in_the_default_configurations_comments_are_right() {
    let mut server = examples("default_action =", "# Who may call");
    // Its files are not there.
    server.retain(|line| !line.starts_with("tls =") && !line.starts_with("admin_tls ="));
    let source = examples("# What every source may have", "# --- Actions");
    let traces = examples("# [traces]", "# --- Credentials");
    assert_eq!((server.len(), source.len(), traces.len()), (8, 15, 4));
    let source = source.join("\n").replace("externalApiKey", "id");
    let base = BASE.replace("[sources.crm]", &format!("[sources.crm]\n{source}"));
    let (server, traces) = (server.join("\n"), traces.join("\n"));
    good(&format!("[server]\n{server}\n[traces]\n{traces}\n{base}"));
}

#[test]
fn one_mistake_is_told_once_and_every_mistake_is_told() {
    let problems_of = |text: &str| {
        let problems = Settings::from_toml(text, "t.toml").expect_err("problems");
        problems.as_slice().iter().map(|one| one.key.clone()).collect::<Vec<_>>()
    };
    let slip = BASE.replace("url = ", "urll = ");
    assert_eq!(problems_of(&slip), ["sources.crm.urll"], "no missing url as well");
    let slip = BASE.replace("[actions.profile]", "[action.profile]");
    assert_eq!(problems_of(&slip), ["action"], "no missing actions as well");
    let query = "[sources.crm]\nquery = { a = '{', b = '}', c = 'x', d = '{i d}' }";
    let several = BASE.replace("[sources.crm]", query);
    let keys = ["sources.crm.query.a", "sources.crm.query.b", "sources.crm.query.d"];
    assert_eq!(problems_of(&several), keys);
    // A credential with a mistake of its own is not also said to have no region.
    let region = "[credentials.client]\nkind = 'client_credentials'\nregion = 'mypurecloud.de'\n\
                  client_id = 'a'\n";
    let path = BASE.replace("credential = \"fixed\"", "credential = \"client\"");
    let path = path.replace("https://crm.example", "");
    assert_eq!(problems_of(&format!("{path}{region}")), ["credentials.client.client_secret"]);
}

#[test]
fn null_is_told_to_be_none_of_toml() {
    let error = Settings::from_toml("[sources.crm]\nfallback = null\n", "t.toml").unwrap_err();
    assert!(error.to_string().contains("TOML has no null: leave the key out"), "{error}");
    let other = Settings::from_toml("[sources.crm]\nfallback = nul\n", "t.toml").unwrap_err();
    assert!(!other.to_string().contains("no null"), "{other}");
}

#[test]
fn a_file_with_many_mistakes_tells_them_all_at_once() {
    let text = r#"
[server]
listen = "0.0.0.0:8080"
max_body = "64 kilobytes"
default_action = "customer_profle"
[credentials.genesys]
kind = "client_credentials"
region = "mypurecloud.com"
client_id = "0815"
client_secret = ""
client_auth = "post"
[sources.crm]
url = "https://me:hunter2@crm.example/accounts?key=hunter3"
timout = "2s"
headers = { X-API-Key = "hunter4\n" }
[sources.orders]
url = "https://orders.example/{customerID}"
json = { key = "hunter5" }
credential = "genesis"
[actions.customer_profile]
sources = ["crm", "order"]
deadline = 3
inputs = { customerId = { type = "text" } }
"#;
    let problems = Settings::from_toml(text, "config/my.toml").expect_err("problems").to_string();
    let expected = r#"config/my.toml:
  server.max_body: found "64 kilobytes"; allowed: a size such as "64KiB", "2MB" or a number of bytes, from 1B to 64MiB
  server.listen: found 0.0.0.0:8080, which other machines can reach, without api_keys; allowed: a loopback address such as "127.0.0.1:8080", or any address together with [[server.api_keys]] (name, and key or key_file) or with client_ca_file in [server.tls]
  credentials.genesys.client_secret: found an empty secret; allowed: a secret that is not empty
  credentials.genesys.client_auth: found "post"; allowed: "basic" or "form"
  sources.crm.url: found "https://[redacted]@crm.example/accounts?[redacted]"; allowed: an absolute URL, or a path together with `region` or a credential whose API is known by its `region` or `api_url` (the URL's host has a user name before it (`@`): use a credential or a header)
  sources.crm.headers.X-API-Key: found a text (not shown); allowed: a header that can be sent (the value of the header `x-api-key` must be visible ASCII characters and spaces, with no space at its ends)
  sources.crm.timout: found an unknown key; allowed: did you mean `timeout`?
  sources.orders.json: found a body for a GET request; allowed: a body with method POST, PUT or PATCH only
  actions.customer_profile.deadline: found 3; allowed: a duration such as "250ms", "3s", "1m" or "1h", from 1ms to 10m
  actions.customer_profile.inputs.customerId.type: found "text"; allowed: "string" or "integer" or "number" or "boolean"
  server.default_action: found "customer_profle", which is no action; allowed: one of customer_profile (in [actions])
  sources.orders.credential: found "genesis", which is no credential; allowed: one of genesys (in [credentials])
  actions.customer_profile.sources: found "order", which is no source; allowed: one of crm, orders (in [sources])
13 problems in the configuration"#;
    assert_eq!(problems, expected);
    assert!(!problems.contains("hunter"));
}

#[test]
fn the_plan_shows_everything_but_secrets() {
    let settings = load(DEFAULT, &VARIABLES).expect("no problem");
    let plan = settings.plan();
    let expected = [
        "listen          127.0.0.1:8080",
        "action customer_profile",
        "sources         genesys, crm, orders, all at once",
        "input           externalApiKey: string, required, secret",
        "request         GET https://api.mypurecloud.com/api/v2/users/{customerId}",
        "request         GET https://api.crm-provider.com/v2/accounts?id={customerId}&include=",
        "header          authorization: from {externalApiKey}",
        "token_url       https://login.mypurecloud.com/oauth/token",
        "client_secret   [redacted]",
    ];
    for line in expected {
        assert!(plan.contains(line), "{line}\n{plan}");
    }
    assert!(!plan.contains("hunter2") && !plan.contains("0815"), "{plan}");
}

#[test]
fn the_value_of_every_key_is_shown_with_what_says_it_but_no_secret() {
    let text = BASE.replace(
        "[sources.crm]",
        "[sources.crm]\nheaders = { X-API-Key = 'hunter3' }\nquery = { token = 'hunter4' }\n\
         fallback = { 'a b' = [1.5] }",
    );
    let text = text.replace("{id}\"", "{id}?api_key=hunter5\"");
    let environment = [("TRIBUTARY__SOURCES__CRM__TIMEOUT", "2s")];
    let values = load(&text, &environment).expect("no problem").values();
    let lines: Vec<&str> = values.lines().collect();
    for line in [
        "server.max_body = \"64KiB\"  # default",
        "credentials.fixed.secret = (not shown)  # t.toml",
        "sources.crm.timeout = \"2s\"  # environment",
        "sources.crm.connect_timeout = \"1s\"  # default",
        "sources.crm.headers = (not shown)  # t.toml",
        "sources.crm.url = \"https://crm.example/v2/accounts/{id}?api_key=[redacted]\"  # t.toml",
        "sources.crm.fallback = { \"a b\" = [1.5] }  # t.toml",
        "actions.profile.inputs.id.required = true  # t.toml",
    ] {
        assert!(lines.contains(&line), "{line}\n{values}");
    }
    assert!(!values.contains("hunter"), "{values}");
}

#[test]
fn of_all_keys_only_those_of_listeners_threads_and_traces_need_a_restart() {
    let server = |keys: &str| good(&format!("[server]\n{keys}\n{BASE}")).in_effect;
    let before = server("");
    let differing = "listen = '127.0.0.1:1'\nmax_body = '1KiB'\nshutdown_grace = '60s'";
    assert_eq!(
        server(differing).needs_restart(&before),
        [
            "server.listen: found \"127.0.0.1:1\"; allowed: \"127.0.0.1:8080\" as before, or a \
             restart",
            "server.shutdown_grace: found \"1m\"; allowed: \"25s\" as before, or a restart",
        ]
    );
    // What is said now and was the default before is no change.
    assert_eq!(server("shutdown_grace = '25s'").needs_restart(&before), Vec::<String>::new());
    let traced = server("[traces]\nendpoint = 'http://127.0.0.1:4318'").needs_restart(&before);
    assert_eq!(traced.len(), 4, "{traced:?}");
    assert!(traced.iter().all(|line| line.starts_with("traces.")), "{traced:?}");
}

#[test]
fn fixed_values_of_headers_and_keys_of_callers_are_not_in_the_plan() {
    let text = BASE.replace(
        "[sources.crm]",
        "[sources.crm]\nheaders = { X-API-Key = 'hunter3', Accept = 'text/x' }\n\
         query = { token = 'hunter4' }",
    );
    let keys = "server.api_keys = [{ name = 'prod', key = 'hunter5' }]\n";
    let settings = good(&format!("{keys}{text}"));
    let plan = settings.plan();
    assert!(!plan.contains("hunter"), "{plan}");
    assert!(plan.contains("accept: text/x") && plan.contains("prod [redacted]"), "{plan}");
    assert!(!format!("{settings:?}").contains("hunter"));
}

#[test]
fn files_that_are_missing_or_broken_are_told_together_and_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let broken = directory.path().join("broken.toml");
    std::fs::write(&broken, "[server]\nlisten = ").expect("written");
    let files = [PathBuf::from("/no/such.toml"), broken];
    let problems = Settings::load(&files, std::iter::empty()).expect_err("problems");
    let [missing, broken] = problems.as_slice() else { panic!("{problems}") };
    assert!(missing.file == "/no/such.toml" && missing.found.starts_with("no readable file"));
    assert!(
        broken.file.ends_with("broken.toml")
            && broken.found.starts_with("no valid TOML at line 2, column")
    );
}

#[test]
fn files_are_loaded_from_the_disk_in_their_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, second) = (directory.path().join("a.toml"), directory.path().join("b.toml"));
    std::fs::write(&first, BASE).expect("written");
    std::fs::write(&second, "actions.profile.deadline = '9s'").expect("written");
    let settings = Settings::load(&[first, second], std::iter::empty()).expect("no problem");
    let deadlines: Vec<_> =
        settings.actions.iter().map(|action| action.deadline.as_secs()).collect();
    assert_eq!(deadlines, [9]);
}

/// Texts that look like a configuration: known keys with values of every type.
#[expect(clippy::too_many_lines, reason = "one table")]
fn nearly_toml() -> impl Strategy<Value = String> {
    let table = prop::sample::select(vec![
        "",
        "[server]",
        "[[server.api_keys]]",
        "[credentials.a]",
        "[sources.a]",
        "[sources.a.retry]",
        "[sources.a.paging]",
        "[actions.a]",
        "[actions.a.inputs]",
    ]);
    let key = prop::sample::select(vec![
        "listen",
        "kind",
        "url",
        "query",
        "headers",
        "json",
        "timeout",
        "connect_timeout",
        "region",
        "sources",
        "inputs",
        "paging",
        "breaker",
        "rate_limit",
        "retry",
        "default",
        "pattern",
        "max_body",
        "key",
        "key_file",
        "tls",
        "api_keys",
        "empty_data",
        "send_as",
        "'x[9]'",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "9223372036854775807",
        "1.5",
        "nan",
        "true",
        "''",
        "'{'",
        "'{a}'",
        "'{a.b}'",
        "'https://h/{a}'",
        "'static'",
        "'cursor'",
        "'/dev/null'",
        "[]",
        "['a']",
        "[1, 'a']",
        "[[]]",
        "{}",
        "{ a = 1 }",
        "{ requests = 1 }",
        "2026-01-31",
        "'99999999999999999h'",
        "\"\\u0000\"",
    ]);
    let line = (key, value).prop_map(|(key, value)| format!("{key} = {value}"));
    let block = (table, prop::collection::btree_set(line, 0..6)).prop_map(|(table, lines)| {
        format!("{table}\n{}", lines.into_iter().collect::<Vec<_>>().join("\n"))
    });
    prop::collection::vec(block, 0..5).prop_map(|blocks| blocks.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,200}") {
        drop(Settings::from_toml(&text, "t.toml"));
    }

    #[test]
    fn no_likely_text_makes_the_loader_panic(text in nearly_toml(), variable in "[A-Z_\\[\\]0-9.]{0,20}") {
        let name = format!("TRIBUTARY__{variable}");
        drop(load(&text, &[(&name, "1")]).map(|settings| settings.plan()));
        if let Err(problems) = load(&format!("{text}\n{BASE}"), &[]) {
            prop_assert!(!problems.as_slice().is_empty());
        }
    }
}
