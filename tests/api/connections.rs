//! More connections than there may be: callers who rest make room for callers who ask.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use tributary::simulator::Behaviour;

use crate::client::{Connection, JSON, JSON_HEAD, Reply};
use crate::harness::{PROFILE, TestApp, eventually};

const BODY: &[u8] = br#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
/// Far less than any timeout after which a connection would end by itself.
const PROMPT: Duration = Duration::from_secs(3);

fn one_worker(connections: usize) -> String {
    format!("[server]\nworkers = 1\nmax_connections = {connections}\n")
}

fn open(address: SocketAddr) -> Connection {
    Connection::open(address).expect("the system accepts it")
}

fn ask(connection: &mut Connection) -> Reply {
    connection.send("POST", PROFILE, &[JSON], BODY).expect("a reply")
}

/// A connection that has asked once and rests now.
fn resting(app: &TestApp) -> Connection {
    let mut connection = open(app.address);
    let reply = ask(&mut connection);
    assert_eq!((reply.status, reply.header("connection")), (200, None));
    assert!(reply.took < PROMPT, "{:?}", reply.took);
    connection
}

/// Whether the service ends the connection, which nobody asks anything on.
fn is_ended(connection: &mut Connection) -> bool {
    let began = Instant::now();
    connection.read(began).is_err() && began.elapsed() < PROMPT
}

#[test]
fn the_connection_that_rests_longest_makes_room() {
    let app = TestApp::start_with(&one_worker(3));
    let (mut first, mut second, mut third) = (resting(&app), resting(&app), resting(&app));
    // Now the second rests longest.
    assert_eq!(ask(&mut first).status, 200);
    let mut fourth = resting(&app);
    assert!(is_ended(&mut second));
    for kept in [&mut first, &mut third, &mut fourth] {
        assert_eq!(ask(kept).status, 200, "the others go on");
    }
}

#[test]
fn as_many_as_may_rest_are_left_alone() {
    let app = TestApp::start_with(&one_worker(10));
    let mut resting: Vec<_> = (0..10).map(|_| resting(&app)).collect();
    for connection in &mut resting {
        assert_eq!(ask(connection).status, 200);
    }
}

#[test]
fn a_crowd_that_rests_keeps_nobody_out() {
    // Over two workers.
    let app = TestApp::start_with("[server]\nmax_connections = 10\n");
    let crowd: Vec<_> = (0..100).map(|_| resting(&app)).collect();
    drop(resting(&app));
    drop(crowd);
}

#[test]
fn callers_who_connect_and_never_ask_keep_nobody_out() {
    let app = TestApp::start_with(&one_worker(2));
    let mut silent: Vec<_> = (0..20).map(|_| open(app.address)).collect();
    drop(resting(&app));
    assert!(is_ended(&mut silent[0]));
}

#[test]
fn of_a_burst_everybody_is_answered_at_the_cost_of_those_who_rest() {
    let app = TestApp::start_with(&one_worker(6));
    // They are there before the others rest, and ask after them.
    let mut burst: Vec<_> = (0..3).map(|_| open(app.address)).collect();
    let mut rested: Vec<_> = (0..3).map(|_| resting(&app)).collect();
    burst.extend((0..3).map(|_| open(app.address)));
    for connection in &mut rested {
        assert!(is_ended(connection));
    }
    for connection in &mut burst {
        assert_eq!(ask(connection).status, 200);
    }
}

#[test]
fn a_connection_that_is_asked_on_is_never_ended_and_its_reply_says_that_it_is_the_last() {
    let app = TestApp::start_with(&one_worker(2));
    app.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_secs(1)));
    let asked = |number: usize| {
        let mut connection = open(app.address);
        let sent = connection.write(&bytes("POST", PROFILE, BODY));
        sent.expect("it is taken");
        let began = Instant::now();
        // One more than there may be is let in, further ones wait for one to end.
        eventually("it is let in", || app.upstream_hits() >= 3 * number.min(3));
        (connection, began)
    };
    let asked: Vec<_> = (1..=5).map(asked).collect();
    assert_eq!(app.upstream_hits(), 9, "three are served");
    let replies = asked.into_iter().map(|(mut connection, began)| {
        let reply = connection.read(began).expect("a reply");
        assert_eq!((reply.status, reply.json()["complete"].clone()), (200, true.into()));
        reply.header("connection").map(str::to_owned)
    });
    let closed: Vec<_> = replies.collect();
    assert_eq!(closed[0].as_deref(), Some("close"), "{closed:?}");
    // With the last ones, there are no more than there may be.
    assert_eq!(closed[4], None, "{closed:?}");
}

#[test]
fn a_caller_who_is_slow_to_take_its_reply_does_not_count_as_resting() {
    let app = TestApp::start_with(&one_worker(2));
    let large = json!({"pad": "x".repeat(1_900_000)});
    app.sim.crm().set_behaviour_for("large", Behaviour::json(200, &large));
    // More than the system takes on the way.
    let body = br#"{"customerId":"large","externalApiKey":"key-1"}"#;
    let mut slow = open(app.address);
    slow.write(&bytes("POST", PROFILE, body).repeat(8)).expect("it is taken");
    eventually("its replies do not leave any more", || {
        let before = app.sim.crm().hits();
        before >= 2 && app.profile("c-1").status == 200 && app.sim.crm().hits() == before + 1
    });
    let newcomers: Vec<_> = (0..5).map(|_| resting(&app)).collect();
    drop(newcomers);
    let reply = slow.read(Instant::now()).expect("it is there all the same");
    assert_eq!((reply.status, reply.body.len() > 1_900_000), (200, true));
}

#[test]
fn operators_who_rest_keep_no_probe_out() {
    let app = TestApp::start();
    let ask = |connection: &mut Connection| {
        let reply = connection.send("GET", "/livez", &[], b"").expect("a reply");
        assert_eq!((reply.status, reply.header("connection")), (200, None));
        assert!(reply.took < PROMPT, "{:?}", reply.took);
    };
    let crowd: Vec<_> = (0..400)
        .map(|_| {
            let mut connection = open(app.admin);
            ask(&mut connection);
            connection
        })
        .collect();
    ask(&mut open(app.admin));
    drop(crowd);
}

/// A whole request.
fn bytes(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\n{JSON_HEAD}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

#[test]
fn half_a_head_is_no_rest() {
    let app = TestApp::start_with(&one_worker(1));
    let mut slow = TcpStream::connect(app.address).expect("the system accepts it");
    slow.set_read_timeout(Some(PROMPT)).expect("a timeout");
    let request = bytes("POST", PROFILE, BODY);
    let (begun, rest) = request.split_at(20);
    slow.write_all(begun).expect("it is taken");
    // Both are served, since the first one has begun to ask.
    let mut other = open(app.address);
    assert_eq!(ask(&mut other).header("connection"), Some("close"));
    slow.write_all(rest).expect("it is taken");
    let mut status = [0; 12];
    slow.read_exact(&mut status).expect("a reply");
    assert_eq!(&status, b"HTTP/1.1 200");
}
