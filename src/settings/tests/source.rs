//! `[sources.NAME]` tables: what is refused, at which key and in which words, and what is read.

use super::{BASE, assert_refused, assert_warned, good, problems};
use crate::model::template::HeaderTemplate;
use crate::policy::empty_body::EmptyBody;

/// Each of the cases, as lines of the source `crm`.
fn assert_all_refused(cases: &[(&str, &str, &str)]) {
    for (text, key, words) in cases {
        assert_refused(&format!("[sources.crm]\n{text}"), &format!("sources.crm.{key}"), words);
    }
}

#[test]
fn a_burst_above_the_limit_itself_is_warned_of() {
    let limit = "[sources.crm]\nrate_limit = { requests = 5, burst = 9 }";
    assert_warned(
        limit,
        "sources.crm.rate_limit.burst",
        "9 requests may go at once, and 14 within",
    );
}

#[test]
fn rules_of_the_request() {
    assert_all_refused(&[
        ("method = 'HEAD'", "method", "\"GET\" or \"POST\""),
        ("method = 'FETCH'\njson = {}", "method", "\"GET\" or \"POST\""),
        ("url = '/v2/accounts'", "url", "http:// or https://"),
        ("url = '/v2/accounts'", "url", "a path together with `region`"),
        ("region = 'mypurecloud.de'", "url", "only a path"),
        ("url = '/a'\nregion = 'mypurecloud.xx'", "region", "mypurecloud.de (eu-central-1)"),
        ("url = 'https://{id}.example/'", "url", "fixed text"),
        ("url = 'https://h:99999/'", "url", "1 to 65535"),
        ("url = 'https://h/{id'", "url", "no `}` closes"),
        ("query = { a = ['b'] }", "query.a", "found a list"),
        ("query = { a = '{' }", "query.a", "no `}` closes"),
        ("method = 'POST'\njson = '{\"a\": 1}'", "json", "allowed: a table, such as json = {"),
        ("timeout_ms = 5", "timeout_ms", "allowed: `timeout = \"500ms\"`, with its unit"),
        ("proxy = 'x'", "proxy", "connected to without a proxy"),
        ("max_attempts = 5", "max_attempts", "did you mean `retry.max_attempts`?"),
        ("headers = { 'a b' = 'c' }", "headers.\"a\"…", "character 2 of the header's name"),
        ("headers = { Host = 'h' }", "headers.Host", "set by the service itself"),
        ("headers = { A = 'b', a = 'c' }", "headers.a", "each header once"),
        ("headers = 'A: hunter2'", "headers", "found a text; allowed: a table"),
        ("json = {}", "json", "a body for a GET request"),
        ("method = 'DELETE'\njson = {}", "json", "POST, PUT or PATCH"),
        ("method = 'POST'\njson = { a = '{' }", "json", "no `}` closes"),
        ("method = 'POST'\njson = { a = nan }", "json", "without nan"),
        ("idempotent = 'yes'", "idempotent", "true or false"),
        ("ca_file = '/no/such'", "ca_file", "cannot be read"),
        ("timout = '1s'", "timout", "did you mean `timeout`?"),
    ]);
}

#[test]
fn rules_of_limits() {
    assert_all_refused(&[
        ("timeout = '1s'\nconnect_timeout = '1s'", "connect_timeout", "`timeout`, which is 1s"),
        ("max_connections = 0", "max_connections", "from 1"),
        ("max_connections = 5\nmax_idle_connections = 6", "max_idle_connections", "which is 5"),
        ("max_in_flight = 0", "max_in_flight", "from 1"),
        ("max_response = '1GB'", "max_response", "to 256MiB"),
        ("max_depth = 0", "max_depth", "from 1"),
        ("empty_body = 'ok'", "empty_body", "found \"ok\"; allowed: \"null\" or \"bad_payload\""),
        ("empty_statuses = [200]", "empty_statuses", "from 400 to 499"),
        ("empty_statuses = 404", "empty_statuses", "found a number"),
    ]);
}

#[test]
fn rules_of_retry_rate_limit_and_breaker() {
    assert_all_refused(&[
        ("retry = { max_attempts = 0 }", "retry.max_attempts", "from 1 to 20"),
        ("retry = { base = '3s', cap = '2s' }", "retry.cap", "at least base"),
        ("retry = { budget_ratio = 1.5 }", "retry.budget_ratio", "from 0 to 1"),
        ("max_retry_after = '0s'", "max_retry_after", "from 1ms to 24h"),
        ("max_retry_after = '25h'", "max_retry_after", "from 1ms to 24h"),
        ("retry = { attempts = 2 }", "retry.attempts", "unknown key"),
        ("rate_limit = {}", "rate_limit.requests", "found nothing"),
        ("rate_limit = 100", "rate_limit", "found a number; allowed: a table"),
        ("rate_limit = { requests = 0 }", "rate_limit.requests", "from 1"),
        ("rate_limit = { requests = 1, key = '{' }", "rate_limit.key", "no `}` closes"),
        ("rate_limit = { requests = 1, burst = 0 }", "rate_limit.burst", "from 1"),
        ("rate_limit = { requests = 1, per = '2h' }", "rate_limit.per", "to 1h"),
        ("breaker = { failure_ratio = 0.0 }", "breaker.failure_ratio", "above 0, at most 1"),
        (
            "breaker = { open_for = '9s', max_open_for = '8s' }",
            "breaker.max_open_for",
            "at least `open_for`, which is 9s",
        ),
        ("breaker = { probes = 101 }", "breaker.probes", "from 1 to 100"),
        ("breaker = { probes = 0 }", "breaker.probes", "from 1 to 100"),
        ("breaker = { window = '9ms' }", "breaker.window", "from 10ms to 1h"),
        ("breaker = { min_requests = 0 }", "breaker.min_requests", "from 1 to 1000000"),
        ("breaker = { failure_ratio = 1.01 }", "breaker.failure_ratio", "from 0 to 1"),
        ("breaker = { failure_ratio = nan }", "breaker.failure_ratio", "from 0 to 1"),
        ("breaker = { open_for = '0ms' }", "breaker.open_for", "from 1ms to 1h"),
        ("breaker = { max_open_for = '61m' }", "breaker.max_open_for", "from 1ms to 1h"),
    ]);
}

#[test]
fn rules_of_what_a_source_refers_to() {
    assert_all_refused(&[
        ("credential = 'none'", "credential", "one of fixed"),
        ("credential = 'No'", "credential", "lower-case letter"),
        ("url = 'https://h/{crm.id}'", "url", "{crm.id}, a value of the source's own answer"),
        (
            "url = 'https://h/{erp.id}'",
            "url",
            "{erp.id}, and erp is no source; allowed: one of crm",
        ),
        ("url = 'https://h/{iD}'", "url", "one of id (in [actions.profile.inputs])"),
        ("query = { a = '{x}' }", "query", "{x}, which the action profile does not have"),
        ("headers = { X-Key = '{x}' }", "headers.X-Key", "{x}, which the action profile"),
        ("method = 'POST'\njson = ['{x}', '{x}']", "json", "{x}, which the action profile"),
        ("rate_limit = { requests = 1, key = '{x}' }", "rate_limit.key", "{x}, which the action"),
        (
            "credential = 'fixed'\nheaders = { authorization = 'x' }",
            "headers.authorization",
            "either the header or the credential",
        ),
    ]);
}

#[test]
fn a_source_without_a_url_is_refused() {
    let found = problems(&BASE.replace("url =", "# url ="));
    let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["sources.crm.url"]);
}

#[test]
fn a_source_has_the_defaults_of_the_readme() {
    let settings = good(BASE);
    let [source] = settings.sources.as_slice() else { panic!("{settings:?}") };
    assert_eq!((source.request.method.as_str(), source.policies.retry.repeatable), ("GET", true));
    let exchange = &source.policies.exchange;
    assert_eq!((exchange.timeout.as_secs(), exchange.connect_timeout.as_secs()), (10, 3));
    assert_eq!((exchange.max_connections, exchange.max_idle_connections), (20, 10));
    let (body, response) = (&source.policies.body, &source.policies.response);
    assert_eq!((source.policies.concurrency.max_in_flight, body.max_response), (256, 2_097_152));
    assert_eq!((body.max_depth, response.empty_statuses.as_slice()), (50, [404].as_slice()));
    assert_eq!(body.empty_body, EmptyBody::BadPayload);
    assert_eq!((source.empty_data.as_str(), source.fallback.as_str()), ("null", "null"));
    let retry = &source.policies.retry.policy;
    assert_eq!((retry.max_attempts(), response.max_retry_after.as_secs()), (3, 300));
    assert_eq!(source.policies.breaker.min_requests, 20);
    assert!(source.policies.rate_limit.is_none() && source.policies.paging.is_none());
}

#[test]
fn what_a_source_leaves_out_follows_from_what_it_says() {
    let more = "fallback = { a = 1 }\nmethod = 'POST'\ntimeout = '1s'\nmax_connections = 4\n\
                retry = { base = '9s' }\nbreaker = { open_for = '5m' }\n\
                rate_limit = { requests = 7 }\nempty_body = 'null'\n\
                max_retry_after = '90s'";
    let settings = good(&BASE.replace("[sources.crm]", &format!("[sources.crm]\n{more}")));
    let [source] = settings.sources.as_slice() else { panic!("{settings:?}") };
    assert_eq!(source.empty_data.as_str(), r#"{"a":1}"#);
    assert_eq!(
        (source.policies.retry.repeatable, source.policies.body.empty_body),
        (false, EmptyBody::Null)
    );
    let plan = settings.plan();
    for line in ["empty_body      null", "retry_after     is waited for up to 90s"] {
        assert!(plan.contains(line), "{plan}");
    }
    let exchange = &source.policies.exchange;
    assert_eq!((exchange.connect_timeout.as_millis(), exchange.max_idle_connections), (500, 4));
    assert_eq!(source.policies.retry.policy.backoff().longest_delay(9).as_secs(), 9);
    assert_eq!(source.policies.breaker.max_open_for.as_secs(), 300);
    let limit = source.policies.rate_limit.as_ref().expect("a limit");
    assert_eq!((limit.requests.get(), limit.burst.get()), (7, 7));
    assert_eq!((limit.per.as_millis(), limit.max_wait.as_millis()), (1000, 500));
}

#[test]
fn headers_and_query_keep_the_order_of_the_file() {
    let more = "query = { z = 1, a = true, m = 'x' }\nheaders = { Zed = 'a', Alpha = 'b' }";
    let settings = good(&BASE.replace("[sources.crm]", &format!("[sources.crm]\n{more}")));
    let [source] = settings.sources.as_slice() else { panic!("{settings:?}") };
    assert!(source.request.shown_url.ends_with("?z=1&a=true&m=x"), "{}", source.request.shown_url);
    let names: Vec<_> = source.request.headers.iter().map(HeaderTemplate::name).collect();
    assert_eq!(names, ["zed", "alpha"]);
}

#[test]
fn a_region_gives_the_host_of_a_path() {
    for region in ["euw2.pure.cloud", " EU-West-2 "] {
        let url = format!("url = '/api/v2/users/{{id}}'\nregion = '{region}'");
        let text = BASE.replace("url = \"https://crm.example/v2/accounts/{id}\"", &url);
        let settings = good(&text);
        let hosts: Vec<_> = settings
            .sources
            .iter()
            .map(|source| source.request.url.endpoint().to_string())
            .collect();
        assert_eq!(hosts, ["https://api.euw2.pure.cloud"]);
    }
}
