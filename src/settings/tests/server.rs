//! The `[server]` table: what is refused, at which key and in which words, and what is read.

use super::super::Layer;
use super::{BASE, assert_refused, assert_warned, good, load, problems};
use crate::model::secret::ExposeSecret;
use crate::settings::Settings;

#[test]
fn rules_of_the_server_table() {
    let cases = [
        ("server.listen = 'localhost:8080'", "server.listen", "an IP address and a port"),
        ("server.listen = '0.0.0.0:80'", "server.listen", "without api_keys"),
        ("server.listen = '[::ffff:10.0.0.1]:80'", "server.listen", "[[server.api_keys]]"),
        ("[server]\nlisten = '0.0.0.0:80'\napi_keys = []", "server.listen", "without api_keys"),
        ("server.admin_listen = '127.0.0.1:8080'", "server.admin_listen", "another port"),
        ("server.tls = 'x'", "server.tls", "found a text; allowed: a table"),
        ("server.admin_tls = 'x'", "server.admin_tls", "found a text; allowed: a table"),
        ("server.admin_keys = 'hunter2'", "server.admin_keys", "found a text; allowed: a list"),
        ("[[server.admin_keys]]\nname = 'a'", "server.admin_keys[0].key", "`key_file`"),
        ("server.admin_hosts = ['a:80']", "server.admin_hosts", "without a port"),
        ("server.admin_hosts = ['https://a']", "server.admin_hosts", "found \"https://a\""),
        ("server.admin_hosts = ['http://u:p@a']", "server.admin_hosts", "//[redacted]@a\""),
        ("server.admin_hosts = ['*']", "server.admin_hosts", "found \"*\""),
        ("server.admin_hosts = ['10.0.0.1']", "server.admin_hosts", "addresses and localhost"),
        ("server.allowed_hosts = ['']", "server.allowed_hosts", "names of hosts"),
        ("server.allowed_hosts = 'a'", "server.allowed_hosts", "a list of texts, in a file"),
        (
            "server.api_keys = [{name = 'a', key = 'x'}, {name = 'b', key = 'x'}]",
            "server.api_keys[1].name",
            "the same key under two names",
        ),
        ("server.default_action = 'none'", "server.default_action", "one of profile"),
        ("server.default_action = 'No'", "server.default_action", "lower-case letter"),
        ("server.max_body = '65MiB'", "server.max_body", "from 1B to 64MiB"),
        ("server.body_timeout = '0s'", "server.body_timeout", "from 1ms to 10m"),
        ("server.workers = 0", "server.workers", "from 1 to 512"),
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
fn what_asks_callers_who_they_are_is_judged_when_all_layers_are_read() {
    let layer = |name: &str, text: &str| Layer { name: name.to_owned(), text: text.to_owned() };
    let open = "[server]\nlisten = '0.0.0.0:80'\napi_keys = [{ name = 'a', key = 'x' }]\n";
    let layers = |last| [layer("base.toml", BASE), layer("open.toml", open), last];
    assert!(Settings::from_layers(&layers(layer("more.toml", ""))).is_ok());
    let problems = Settings::from_layers(&layers(layer("more.toml", "server.api_keys = []")));
    let problems = problems.map(drop).unwrap_err().to_string();
    assert!(problems.contains("server.listen: found 0.0.0.0:80, which"), "{problems}");

    let refused = |environment: &[(&str, &str)]| {
        let text = format!("{open}{BASE}");
        load(&text, environment).map(drop).map_err(|problems| problems.to_string())
    };
    let key = "TRIBUTARY__SERVER__API_KEYS";
    assert_eq!(refused(&[(key, "")]), Ok(()), "an empty variable is none");
    let problems = refused(&[(key, "[]")]).unwrap_err();
    assert!(problems.contains("server.api_keys: found a text; allowed: a list"), "{problems}");
}

#[test]
fn a_list_of_keys_with_mistakes_is_not_blamed_for_the_address_as_well() {
    let open = "[server]\nlisten = '0.0.0.0:80'\n";
    assert_refused(&format!("{open}api_keys = [{{ name = 'a' }}]"), "server.api_keys[0].key", "");
}

#[test]
fn what_operators_would_hardly_want_is_warned_of() {
    let key = "[[server.admin_keys]]\nname = 'a'\nkey = '9f86d081884c7d659a2feaa0c55ad015'\n";
    let exposed = "[server]\nadmin_listen = '0.0.0.0:9090'\n";
    assert_warned(exposed, "server.admin_listen", "add [[server.admin_keys]]");
    assert_warned("server.admin_listen = '10.0.0.1:1'", "server.admin_listen", "answers 403");
    assert_warned(&format!("{exposed}{key}"), "server.admin_listen", "in plain text");
    let both = format!("{key}{}", key.replace("admin_keys", "api_keys"));
    assert_warned(&both, "server.admin_keys", "in `api_keys` as well");
    let weak = key.replace("ad015", "");
    assert_warned(&weak, "server.admin_keys[0].key", "less than 128 bits");
    let weak = weak.replace("admin_keys", "api_keys");
    assert_warned(&weak, "server.api_keys[0].key", "`openssl rand -hex 16`");

    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "hunter2\n").expect("written");
    let file = format!("[[server.api_keys]]\nname = 'a'\nkey_file = '{}'", file.path().display());
    assert_warned(&file, "server.api_keys[0].key_file", "might be guessed");
}

#[test]
fn an_operators_port_with_keys_and_tls_is_warned_of_nowhere() {
    let [chain, key] = certificate();
    let path = |file: &tempfile::NamedTempFile| file.path().display().to_string();
    let tls = format!(
        "[server.admin_tls]\ncertificate_file = '{}'\nkey_file = '{}'\n",
        path(&chain),
        path(&key)
    );
    let keys = "[[server.admin_keys]]\nname = 'a'\nkey = '9f86d081884c7d659a2feaa0c55ad015'\n";
    let exposed = "[server]\nadmin_listen = '0.0.0.0:9090'\nadmin_hosts = ['a.example.']\n";
    let settings = good(&format!("{exposed}{tls}{keys}{BASE}"));
    assert_eq!(settings.warnings, vec![]);
    let server = settings.server;
    assert!(server.asks_operators() && server.is_admin_public() && server.admin_tls.is_some());
    assert_eq!(server.admin_hosts.names(), ["a.example"]);
    // A certificate that is asked for stands for a key.
    let mutual = format!("{exposed}{tls}client_ca_file = '{}'\n{BASE}", path(&chain));
    assert_eq!(good(&mutual).warnings, vec![]);
}

#[test]
fn a_bad_address_does_not_make_the_other_keys_unknown() {
    let others = "default_action = 'profile'\nworkers = 0\ntls = 1\n";
    let found = problems(&format!("[server]\nlisten = 'x'\n{others}{BASE}"));
    let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["server.listen", "server.tls", "server.workers"]);
}

/// A certificate and its key in PEM, in files.
fn certificate() -> [tempfile::NamedTempFile; 2] {
    let issued =
        rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate");
    [issued.cert.pem(), issued.signing_key.serialize_pem()].map(|pem| {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), pem).expect("written");
        file
    })
}

#[test]
fn rules_of_tls() {
    let ([chain, key], [_, other_key]) = (certificate(), certificate());
    let table = |chain: &str, key: &str, more: &str| {
        format!("[server.tls]\ncertificate_file = '{chain}'\nkey_file = '{key}'\n{more}")
    };
    let path = |file: &tempfile::NamedTempFile| file.path().display().to_string();
    let (chain, key, other_key) = (path(&chain), path(&key), path(&other_key));
    for (text, key, words) in [
        (format!("server.tls = {{ key_file = '{key}' }}"), "certificate_file", "found nothing"),
        (format!("server.tls = {{ certificate_file = '{chain}' }}"), "key_file", "found nothing"),
        (table("/no/such", &key, ""), "certificate_file", "cannot be read"),
        (table(&key, &key, ""), "certificate_file", "no certificate in PEM"),
        (table(&chain, &chain, ""), "key_file", "no private key in PEM"),
        (table(&chain, &other_key, ""), "key_file", "cannot be used with the certificate"),
        (table(&chain, &key, "client_ca_file = '/no/such'"), "client_ca_file", "cannot be read"),
        (
            table(&chain, &key, &format!("client_ca_file = '{key}'")),
            "client_ca_file",
            "no certificate in PEM",
        ),
        (
            table(&chain, &key, "client_ca = 'x'"),
            "client_ca",
            "one of certificate_file, key_file, client_ca_file",
        ),
    ] {
        assert_refused(&text, &format!("server.tls.{key}"), words);
    }
    let open = "[server]\nlisten = '0.0.0.0:80'\n";
    assert_refused(
        &format!("{open}{}", table(&chain, &key, "")),
        "server.listen",
        "client_ca_file",
    );
    let server = good(&format!(
        "{open}{}\n{BASE}",
        table(&chain, &key, &format!("client_ca_file = '{chain}'"))
    ))
    .server;
    assert!(server.tls.is_some_and(|tls| tls.asks_for_certificate));
}

#[test]
fn the_operators_address_is_found_in_a_configuration_with_mistakes() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a temporary file");
        path
    };
    let good = file("good.toml", "[server]\nadmin_listen = '10.0.0.1:1'\nlisten = 5\n[sources]");
    let later = file("later.toml", "[server]\nadmin_listen = '[::1]:2'");
    let broken = file("broken.toml", "[server]\nadmin_listen = '10.0.0.1:3'\n= 1");
    let wrong = file("wrong.toml", "[server]\nadmin_listen = 'here'");
    let other = file("other.toml", "server = 1");
    let gone = folder.path().join("gone.toml");
    let default = "127.0.0.1:9090";
    for (files, variable, expected) in [
        (vec![&good], "", "10.0.0.1:1"),
        (vec![&good, &later], "", "[::1]:2"),
        (vec![&good, &broken, &gone], "", "10.0.0.1:1"),
        (vec![&good], "10.0.0.1:4", "10.0.0.1:4"),
        (vec![&broken, &other, &gone], "10.0.0.1:4", "10.0.0.1:4"),
        (vec![&broken], "", default),
        (vec![&gone], "", default),
        (vec![&wrong], "", default),
        (vec![&other], "", default),
        (vec![], "", default),
    ] {
        let variable = ("TRIBUTARY__SERVER__ADMIN_LISTEN".to_owned(), variable.to_owned());
        let files: Vec<_> = files.into_iter().cloned().collect();
        let found = Settings::admin_address(&files, std::iter::once(variable));
        assert_eq!(found.to_string(), expected, "{files:?}");
    }
}
