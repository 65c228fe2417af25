//! The `[server]` table: what is refused, at which key and in which words, and what is read.

use super::{BASE, assert_refused, good, problems};
use crate::domain::secret::ExposeSecret;

#[test]
fn rules_of_the_server_table() {
    let cases = [
        ("server.listen = 'localhost:8080'", "server.listen", "an IP address and a port"),
        ("server.listen = '0.0.0.0:80'", "server.listen", "without api_keys"),
        ("server.listen = '[::ffff:10.0.0.1]:80'", "server.listen", "[[server.api_keys]]"),
        ("server.admin_listen = '127.0.0.1:8080'", "server.admin_listen", "another port"),
        ("server.tls = {}", "server.tls", "not supported yet"),
        ("server.default_action = 'none'", "server.default_action", "one of profile"),
        ("server.default_action = 'No'", "server.default_action", "lower-case letter"),
        ("server.max_body = '65MiB'", "server.max_body", "from 1B to 64MiB"),
        ("server.body_timeout = '0s'", "server.body_timeout", "from 1ms to 10m"),
        ("server.workers = 0", "server.workers", "from 1 to 1024"),
        ("server.max_connections = -1", "server.max_connections", "found -1"),
        ("server.max_concurrent_requests = 1.5", "server.max_concurrent_requests", "found 1.5"),
        ("server.shutdown_grace = 25", "server.shutdown_grace", "found 25"),
        ("server.lisen = 'x'", "server.lisen", "did you mean `listen`?"),
        ("server = 'hunter2'", "server", "found a text; allowed: a table"),
        ("[[server.api_keys]]\nname = 'a'", "server.api_keys[0].key", "`key_file`"),
        ("[[server.api_keys]]\nkey = 'a'", "server.api_keys[0].name", "a name for logs"),
        ("server.api_keys = ['hunter2']", "server.api_keys[0]", "found a text; allowed: a table"),
        (
            "server.api_keys = [{name = 'a', key = 'x'}, {name = 'a', key = 'y'}]",
            "server.api_keys[1].name",
            "that no other key has",
        ),
    ];
    for (text, key, words) in cases {
        assert_refused(text, key, words);
    }
}

#[test]
fn an_absent_table_means_the_defaults_of_the_readme() {
    let server = good(BASE).server;
    assert_eq!(server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(server.admin_listen.to_string(), "127.0.0.1:9090");
    assert_eq!((server.max_body, server.max_concurrent_requests), (65_536, 1024));
    assert_eq!((server.max_connections, server.body_timeout.as_secs()), (10_000, 5));
    assert_eq!(server.shutdown_grace.as_secs(), 25);
    assert!(server.workers >= 1 && server.api_keys.is_empty());
}

#[test]
fn with_an_api_key_any_address_may_be_listened_on() {
    let keys = "[server]\nlisten = '0.0.0.0:80'\napi_keys = [{ name = 'a', key = '00123' }]\n";
    let server = good(&format!("{keys}{BASE}")).server;
    let keys: Vec<_> = server.api_keys.iter().map(|key| key.key.expose_secret()).collect();
    assert_eq!(keys, ["00123"]);
}

#[test]
fn a_bad_address_does_not_make_the_other_keys_unknown() {
    let others = "default_action = 'profile'\nworkers = 0\ntls = {}\n";
    let found = problems(&format!("[server]\nlisten = 'x'\n{others}{BASE}"));
    let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["server.listen", "server.tls", "server.workers"]);
}
