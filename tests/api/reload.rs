//! A new configuration is put in force as a whole while the service runs, or not at all.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tributary::simulator::Behaviour;

use crate::authority::Authority;
use crate::checks::assert_others_whole;
use crate::client::{self, Reply};
use crate::harness::{PROFILE, TestApp, assert_problem, eventually};

/// Another action with a source of its own.
const ANOTHER: &str = r#"
[sources.accounts]
url = "CRM/v2/accounts"
query = { id = "{customerId}" }
headers = { X-API-Key = "key-1" }
[actions.account]
sources = ["accounts"]
[actions.account.inputs]
customerId = { type = "string", required = true }
"#;

/// Asserts that every source gave its data.
#[track_caller]
fn assert_whole(reply: &Reply) {
    assert_others_whole(reply, "none");
}

fn another(app: &TestApp) -> String {
    ANOTHER.replace("CRM", &app.sim.crm().base_url())
}

fn changes(app: &TestApp, overrides: &str) -> Vec<String> {
    let reply = app.reload(overrides);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = reply.json();
    assert_eq!(reply["reloaded"], true);
    let changes = reply["changes"].as_array().expect("a list").iter();
    changes.map(|change| change.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn a_reload_tells_what_is_most_likely_not_meant() {
    let app = TestApp::start();
    let reply = app.reload("[sources.crm]\nrate_limit = { requests = 5, burst = 9 }").json();
    let warnings = reply["warnings"].as_array().expect("a list");
    let [warning] = warnings.as_slice() else { panic!("{reply}") };
    let warning = warning.as_str().expect("a text");
    assert!(warning.contains("sources.crm.rate_limit.burst: "), "{warning}");
    assert_eq!(app.reload("").json()["warnings"], json!([]));
}

#[test]
fn the_next_request_after_a_reload_is_served_by_the_new_configuration() {
    let app = TestApp::start();
    let account = json!({"customerId": "c-1"});
    assert_problem(&app.post("/v1/actions/account", &account), 404);
    assert_eq!(changes(&app, &another(&app)), ["source accounts: new", "action account: new"]);
    for _ in 0..4 {
        let reply = app.post("/v1/actions/account", &account);
        assert_eq!(reply.outcome("accounts"), "ok", "in every worker");
    }
    assert_whole(&app.profile("c-1"));
    assert_eq!(changes(&app, ""), ["source accounts: gone", "action account: gone"]);
    for _ in 0..4 {
        assert_problem(&app.post("/v1/actions/account", &account), 404);
    }
    let sources = app.admin_get("/v1/sources").text();
    assert!(!sources.contains("accounts"), "operators see what is in force: {sources}");
    let metrics = app.admin_get("/metrics").text();
    assert!(!metrics.contains("tributary_breaker_state{source=\"accounts\"}"), "{metrics}");
}

#[test]
fn a_configuration_with_mistakes_is_refused_as_a_whole_with_every_one_of_them() {
    let app = TestApp::start();
    let wrong = format!(
        "{}[sources.crm]\ntimeout = \"soon\"\n[actions.customer_profile]\ndeadline = 3\n",
        another(&app)
    );
    let problem = assert_problem(&app.reload(&wrong), 422);
    let problems = problem["problems"].as_array().expect("a list");
    assert_eq!(problems.len(), 2, "{problem}");
    assert!(problem.to_string().contains("test: sources.crm.timeout: found"), "{problem}");
    assert_problem(&app.post("/v1/actions/account", &json!({"customerId": "c-1"})), 404);
    assert_whole(&app.profile("c-1"));
}

#[test]
fn what_the_listeners_were_made_with_needs_a_restart() {
    let app = TestApp::start();
    let moved = "[server]\nlisten = \"127.0.0.1:1\"\nworkers = 3\nmax_body = \"1KiB\"\n";
    let problem = assert_problem(&app.reload(moved), 422);
    let problems = problem["problems"].as_array().expect("a list");
    assert_eq!(problems.len(), 2, "{problem}");
    let large = json!({"customerId": "c-1", "externalApiKey": "k", "x": "y".repeat(2000)});
    assert_eq!(app.post(PROFILE, &large).status, 200, "nothing of it is in force");
    assert_eq!(changes(&app, "[server]\nmax_body = \"1KiB\"\n"), ["server.max_body: changed"]);
    assert_problem(&app.post(PROFILE, &large), 413);
}

#[test]
fn a_request_under_way_ends_by_the_configuration_with_which_it_began() {
    let app = TestApp::start();
    assert_whole(&app.profile("c-0"));
    app.sim.crm().set_behaviour(Behaviour::Hang);
    std::thread::scope(|scope| {
        let before = scope.spawn(|| app.profile("c-1"));
        eventually("it is under way", || app.sim.crm().in_progress() == 1);
        // Without the CRM, and the CRM that is asked is no longer there.
        let without = "[actions.customer_profile]\nsources = [\"genesys\", \"orders\"]\n\
                       deadline = \"500ms\"\n";
        changes(&app, without);
        let after = app.profile("c-2");
        assert_eq!(after.status, 200, "{}", after.text());
        assert!(after.json()["sources"].get("crm").is_none(), "{}", after.text());
        let before = before.join().expect("no panic");
        assert_eq!(before.outcome("crm"), "timeout");
        assert!(before.took.as_millis() > 2_500, "the old deadline held: {:?}", before.took);
    });
}

#[test]
fn no_request_is_lost_while_the_configuration_is_replaced_again_and_again() {
    let app = TestApp::start();
    // However many requests there is time for.
    app.sim.users_settings().announce_rate_limit(1_000_000);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                let (app, done) = (&app, &done);
                scope.spawn(move || {
                    let mut asked = 0;
                    while !done.load(Ordering::Relaxed) {
                        assert_whole(&app.profile(&format!("c-{caller}")));
                        asked += 1;
                    }
                    asked
                })
            })
            .collect();
        for round in 0..20 {
            let timeout = format!("[sources.crm]\ntimeout = \"{}s\"\n", 5 + round % 2);
            changes(&app, &timeout);
        }
        done.store(true, Ordering::Relaxed);
        let asked: usize =
            callers.into_iter().map(|caller| caller.join().expect("none lost")).sum();
        assert!(asked >= 4, "{asked}");
    });
}

#[test]
fn tokens_and_connections_of_what_is_configured_as_before_are_kept() {
    let app = TestApp::start();
    for _ in 0..4 {
        assert_whole(&app.profile("c-1"));
    }
    let connections = app.sim.users().total_connections();
    let crm = app.sim.crm().total_connections();
    assert_eq!(changes(&app, "[sources.crm]\ntimeout = \"4s\"\n"), ["source crm: timeout changed"]);
    for _ in 0..4 {
        assert_whole(&app.profile("c-1"));
    }
    assert_eq!(app.sim.oauth_settings().issued(), 1, "the token is still good");
    assert_eq!(app.sim.users().total_connections(), connections);
    assert!(app.sim.crm().total_connections() > crm, "a changed source has new connections");
    eventually("the old ones are closed", || app.sim.crm().open_connections() <= 2);
}

#[test]
fn an_open_breaker_stays_open_when_something_else_of_the_source_changes() {
    let breaker = "[sources.crm]\nretry = { max_attempts = 1 }\n\
                   breaker = { window = \"10s\", min_requests = 3, open_for = \"1m\" }\n";
    let app = TestApp::start_with(breaker);
    app.sim.crm().set_behaviour(Behaviour::status(500));
    for _ in 0..3 {
        app.profile("c-1");
    }
    assert_eq!(app.profile("c-1").outcome("crm"), "circuit_open");
    let changed = changes(&app, &format!("{breaker}timeout = \"4s\"\n"));
    assert_eq!(changed, ["source crm: timeout changed"]);
    assert_eq!(app.profile("c-1").outcome("crm"), "circuit_open");
    // Another configuration of the breaker itself is another breaker.
    changes(&app, &breaker.replace("min_requests = 3", "min_requests = 4"));
    assert_eq!(app.profile("c-1").outcome("crm"), "upstream_error");
}

#[test]
fn a_spent_rate_limit_stays_spent() {
    let limit = "[sources.crm]\nrate_limit = { requests = 1, per = \"1m\", burst = 1, max_wait = \"1ms\" }\n";
    let app = TestApp::start_with(limit);
    assert_whole(&app.profile("c-1"));
    changes(&app, &format!("{limit}timeout = \"4s\"\n"));
    assert_eq!(app.profile("c-1").outcome("crm"), "rate_limited");
    changes(&app, &limit.replace("requests = 1", "requests = 100"));
    assert_whole(&app.profile("c-1"));
}

#[test]
fn calls_under_way_under_the_old_configuration_count_against_the_new_limits() {
    let app = TestApp::start();
    app.sim.crm().set_behaviour(Behaviour::Hang);
    std::thread::scope(|scope| {
        let before = scope.spawn(|| app.profile("c-1"));
        eventually("it is under way", || app.sim.crm().in_progress() == 1);
        changes(&app, "[sources.crm]\nmax_in_flight = 1\n");
        assert_eq!(app.in_flight(), 1);
        assert_eq!(app.profile("c-2").outcome("crm"), "overloaded");
        before.join().expect("no panic");
    });
}

#[test]
fn a_changed_credential_has_a_new_token_and_the_old_one_is_refreshed_no_more() {
    let app = TestApp::start();
    assert_whole(&app.profile("c-1"));
    app.sim.oauth_settings().set_client("other-client", "other-secret");
    app.sim.oauth_settings().check_clients();
    app.sim.oauth_settings().set_expires_in(1);
    let other = "[credentials.genesys]\nclient_id = \"other-client\"\n\
                 client_secret = \"other-secret\"\nrefresh_before_expiry = \"900ms\"\n";
    let keys = "client_id, client_secret, refresh_before_expiry";
    let expected =
        ["source genesys: its credential changed", &format!("credential genesys: {keys} changed")];
    assert_eq!(changes(&app, other), expected);
    assert_whole(&app.profile("c-1"));
    // Its refreshes come at half a token's life; once it is gone, none does.
    let issued = || app.sim.oauth().hits();
    let at_first = issued();
    eventually("it is refreshed ahead of its end", || issued() > at_first + 1);
    changes(&app, "[credentials.genesys]\nclient_id = \"third\"\nclient_secret = \"third\"\n");
    eventually("the new one is tried", || {
        app.admin_get("/v1/credentials").json()["credentials"][0]["last_failure"].is_string()
    });
    let is_old = |request: &tributary::simulator::Received| {
        let basic = request.header("authorization").unwrap_or_default();
        // other-client:other-secret
        basic.contains("b3RoZXItY2xpZW50")
    };
    let all = || app.sim.oauth().received();
    let by_old = || all().iter().filter(|request| is_old(request)).count();
    let at_last = by_old();
    assert!(at_last > 1);
    // The tries of the new one, which wait longer and longer, tell the time without a sleep.
    let by_new = || all().len() - by_old();
    let tries = by_new();
    eventually("the new one is tried again and again", || {
        app.profile("c-1");
        by_new() >= tries + 3
    });
    assert!(by_old() <= at_last + 1, "one may have been on its way");
}

fn keys(keys: &[(&str, &str)]) -> String {
    let each = keys
        .iter()
        .map(|(name, key)| format!("[[server.api_keys]]\nname = \"{name}\"\nkey = \"{key}\"\n"));
    each.collect()
}

fn status_with_key(app: &TestApp, key: &str) -> u16 {
    let body = json!({"customerId": "c-1", "externalApiKey": "k"}).to_string();
    // Wherever else it listens, it does so on loopback.
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], app.address.port()));
    let headers = [client::JSON, ("x-api-key", key)];
    client::send(address, "POST", PROFILE, &headers, body.as_bytes()).expect("a reply").status
}

#[test]
fn keys_of_callers_are_replaced_and_each_change_is_told_by_name() {
    let app = TestApp::start_with(&keys(&[("flow", "the-first-key-of-all"), ("old", "old-key")]));
    assert_eq!(status_with_key(&app, "the-first-key-of-all"), 200);
    let told = changes(&app, &keys(&[("flow", "the-second-key-of-all"), ("new", "new-key")]));
    let expected = ["flow: changed", "new: new", "old: gone"];
    assert_eq!(told, expected.map(|change| format!("server.api_keys.{change}")));
    assert_eq!(status_with_key(&app, "the-first-key-of-all"), 401);
    assert_eq!(status_with_key(&app, "the-second-key-of-all"), 200);
}

#[test]
fn what_asks_callers_who_they_are_cannot_be_taken_from_an_address_that_others_reach() {
    let exposed = "[server]\nlisten = '0.0.0.0:0'\n";
    let key = keys(&[("flow", "the-key-of-the-flow")]);
    let app = TestApp::start_with(&format!("{exposed}{key}"));
    for without in ["", "api_keys = []\n", "[server.tls]\n"] {
        let problem = assert_problem(&app.reload(&format!("{exposed}{without}")), 422);
        assert!(problem["problems"].to_string().contains("server."), "{problem}");
        assert_eq!(status_with_key(&app, "any"), 401, "the old one is in force");
        assert_eq!(status_with_key(&app, "the-key-of-the-flow"), 200);
    }
}

#[test]
fn on_loopback_callers_are_asked_no_more_and_that_is_told() {
    let app = TestApp::start_with(&keys(&[("flow", "the-key-of-the-flow")]));
    assert_eq!(changes(&app, "[server]\napi_keys = []\n"), ["server.api_keys.flow: gone"]);
    assert_eq!(status_with_key(&app, "any"), 200);
}

/// The value of the counter of changes of this part.
fn counted(app: &TestApp, part: &str) -> String {
    let metrics = app.admin_get("/metrics").text();
    let series = format!("tributary_config_changes_total{{part=\"{part}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
    line.unwrap_or_else(|| panic!("no {series} in {metrics}")).to_owned()
}

#[test]
fn every_change_is_told_by_its_key_and_counted() {
    let secret = tempfile::NamedTempFile::new().expect("a file");
    let authority = Authority::new("theirs").file();
    let write = |file: &tempfile::NamedTempFile, text: &str| {
        std::fs::write(file.path(), text).expect("written");
    };
    write(&secret, "one\n");
    let text = |more: &str, timeout: &str, deadline: &str| {
        format!(
            "[server]\n{more}\n\
             [credentials.fixed]\nkind = 'static'\nsecret_file = '{}'\nheader = 'X-Fixed'\n\
             [sources.crm]\ncredential = 'fixed'\n{timeout}\n\
             [sources.orders]\nca_file = '{}'\n\
             [actions.customer_profile]\n{deadline}\n",
            secret.path().display(),
            authority.path().display(),
        )
    };
    let app = TestApp::start_with(&text("", "", ""));
    for part in ["server", "key", "certificate", "source", "credential", "action"] {
        assert_eq!(counted(&app, part), "0");
    }
    assert_eq!(changes(&app, &text("", "", "")), Vec::<String>::new());

    // Nothing but what is in the files.
    write(&secret, "two\n");
    write(&authority, &Authority::new("another").pem());
    let told = changes(&app, &text("", "", ""));
    assert_eq!(
        told,
        [
            "source crm: its credential changed",
            "source orders: ca_file changed",
            "credential fixed: secret_file changed",
        ]
    );
    let told = changes(
        &app,
        &text(
            "max_body = '32KiB'\nbody_timeout = '4s'\nadmin_hosts = ['a.example']",
            "timeout = '4s'\nretry.cap = '2s'\nheaders.X-More = 'planted'",
            "deadline = '2s'\ninputs.more = {}",
        ),
    );
    assert_eq!(
        told,
        [
            "server.admin_hosts: changed",
            "server.body_timeout: changed",
            "server.max_body: changed",
            "source crm: headers.X-More, retry.cap, timeout changed",
            "action customer_profile: deadline, inputs.more changed",
        ]
    );
    // The same in other words, and the default said aloud, change nothing.
    let same = text(
        "max_body = 32768\nbody_timeout = '4000ms'\nadmin_hosts = ['A.Example.']\nmax_concurrent_requests = 1024",
        "timeout = '4000ms'\nretry.cap = '2s'\nheaders.X-More = 'planted'\nmax_in_flight = 256",
        "deadline = '2s'\ninputs.more = {}",
    );
    assert_eq!(changes(&app, &same), Vec::<String>::new());
    let counts = ["server", "source", "credential", "action"].map(|part| counted(&app, part));
    assert_eq!(counts, ["3", "3", "1", "1"]);
    assert_eq!([counted(&app, "key"), counted(&app, "certificate")], ["0", "0"]);
}

#[test]
fn a_page_of_another_site_cannot_make_a_browser_reload_it() {
    let app = TestApp::start();
    let host = app.admin.to_string();
    let own = format!("http://{host}");
    for foreign in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", &own)],
    ] {
        assert_problem(&app.admin_post("/v1/reload", foreign), 403);
    }
    let from_own = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(app.admin_post("/v1/reload", &from_own).status, 200);
    assert_problem(&app.admin_get("/v1/reload"), 405);
}
