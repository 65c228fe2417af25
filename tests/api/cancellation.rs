//! A caller that goes away takes its work along: nothing is left behind.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use tributary::simulator::{Behaviour, Upstream};

use crate::client::JSON_HEAD;
use crate::harness::{PROFILE, TestApp, eventually};

/// Sends a request for a customer's profile, and does not wait for the reply.
fn begin(app: &TestApp, customer: &str) -> TcpStream {
    let body = format!(r#"{{"customerId":"{customer}","externalApiKey":"key-1"}}"#);
    let head =
        format!("POST {PROFILE} HTTP/1.1\r\n{JSON_HEAD}content-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(app.address).expect("a connection");
    stream.write_all(format!("{head}{body}").as_bytes()).expect("it is read");
    stream
}

fn sources(app: &TestApp) -> [&Upstream; 3] {
    [app.sim.users(), app.sim.crm(), app.sim.orders()]
}

fn all_hang(app: &TestApp) {
    for upstream in sources(app) {
        upstream.set_behaviour(Behaviour::Hang);
    }
}

/// A deadline that no test waits for.
const LONG: &str = "[actions.customer_profile]\ndeadline = \"60s\"\n\
                    [sources.genesys]\ntimeout = \"50s\"\n\
                    [sources.crm]\ntimeout = \"50s\"\n\
                    [sources.orders]\ntimeout = \"50s\"\n";

#[test]
fn when_the_caller_goes_its_upstream_connections_are_closed() {
    let app = TestApp::start_with(LONG);
    all_hang(&app);
    let caller = begin(&app, "c-1");
    eventually("all sources are asked", || sources(&app).iter().all(|up| up.in_progress() == 1));
    assert_eq!(app.in_flight(), 3);

    drop(caller);
    eventually("nothing is under way", || app.in_flight() == 0);
    eventually("the connections are closed", || {
        sources(&app).iter().all(|up| up.in_progress() == 0 && up.open_connections() == 0)
    });
    assert_eq!(app.upstream_hits(), 3);
}

#[test]
fn when_the_caller_goes_no_further_attempt_begins() {
    let retrying =
        "[sources.crm]\nretry = { max_attempts = 5, base = \"300ms\", cap = \"300ms\" }\n";
    let app = TestApp::start_with(&LONG.replace("[sources.crm]\n", retrying));
    all_hang(&app);
    app.sim.crm().set_behaviour(Behaviour::status(503));
    let caller = begin(&app, "c-1");
    eventually("the first attempt has failed", || app.sim.crm().hits() == 1);
    drop(caller);
    eventually("nothing is under way", || app.in_flight() == 0);
    let hits = app.sim.crm().hits();
    // Others are served meanwhile, for longer than the pause before the next attempt.
    app.sim.users().set_behaviour(Behaviour::Delay(Duration::from_millis(700)));
    app.sim.orders().reset_behaviour();
    app.sim.crm().reset_behaviour();
    assert_eq!(app.profile("c-2").status, 200);
    assert_eq!(app.sim.crm().hits(), hits + 1, "only the second caller's call was added");
}

/// Open file descriptors of this process, which the service runs in.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[test]
fn a_thousand_callers_that_go_leave_nothing_behind() {
    let app = TestApp::start_with(LONG);
    all_hang(&app);
    let before = open_files();
    for round in 0..20 {
        let callers: Vec<_> = (0..50).map(|_| begin(&app, "c-1")).collect();
        eventually("some sources are asked", || {
            sources(&app).iter().any(|upstream| upstream.in_progress() > 0)
        });
        drop(callers);
        eventually("nothing is under way", || app.in_flight() == 0);
        eventually("no upstream works on it", || {
            sources(&app).iter().all(|upstream| upstream.in_progress() == 0)
        });
        assert!(app.upstream_hits() > round, "they were asked");
    }
    eventually("no connection is left", || {
        sources(&app).iter().all(|upstream| upstream.open_connections() == 0)
    });
    // Other tests run in this process: their files come and go, but never a thousand.
    eventually("no file is left", || open_files() < before + 500);

    for upstream in sources(&app) {
        upstream.reset_behaviour();
    }
    for _ in 0..10 {
        let reply = app.profile("c-2");
        assert_eq!((reply.status, reply.json()["complete"].clone()), (200, true.into()));
    }
}
