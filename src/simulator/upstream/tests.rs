//! Tests of the handle without a socket.

use super::*;
use std::time::{Duration, Instant};

fn upstream() -> Upstream {
    let addr = SocketAddr::from(([127, 0, 0, 1], 1));
    let answer: Answer = Box::new(|_| Reply::status(200));
    Upstream::new("http", addr, Latency::None, 0, answer)
}

fn request(target: &str) -> Received {
    Received {
        at: Instant::now(),
        connection: 1,
        method: "GET".to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: b"body-needle".to_vec(),
    }
}

fn plan_of(behaviour: &Behaviour) -> Plan {
    behaviour.plan(Duration::ZERO, &|| Reply::status(200))
}

#[test]
fn a_needle_goes_before_the_script_and_the_script_before_the_default() {
    let upstream = upstream();
    upstream.set_behaviour(Behaviour::status(500));
    upstream.script([Behaviour::status(501), Behaviour::status(502)]);
    upstream.set_behaviour_for("c-1", Behaviour::Hang);
    upstream.set_behaviour_for("c-1", Behaviour::Close);
    let wanted = [
        ("/c-2", Behaviour::status(501)),
        ("/c-1", Behaviour::Close),
        ("/c-2", Behaviour::status(502)),
        ("/c-2", Behaviour::status(500)),
    ];
    for (target, behaviour) in wanted {
        assert_eq!(upstream.plan(request(target)), plan_of(&behaviour));
    }
    upstream.set_behaviour_for("body-needle", Behaviour::Reset);
    assert_eq!(upstream.plan(request("/c-2")), plan_of(&Behaviour::Reset));
    upstream.reset_behaviour();
    assert_eq!(upstream.plan(request("/c-1")), plan_of(&Behaviour::Normal));
}

#[test]
fn only_the_last_ten_thousand_requests_are_remembered() {
    let upstream = upstream();
    for number in 0..=REMEMBERED {
        upstream.plan(request(&number.to_string()));
    }
    let received = upstream.received();
    assert_eq!(received.len(), REMEMBERED);
    assert_eq!(received[0].target, "1");
    assert_eq!(upstream.last_received().unwrap().target, "10000");
}

#[test]
fn clearing_keeps_what_is_still_going_on() {
    let upstream = upstream();
    let _connection = upstream.connection_opened();
    drop(upstream.connection_opened());
    let _request = upstream.request_begun();
    drop(upstream.request_begun());
    upstream.plan(request("/"));
    let before = Counts {
        hits: 2,
        open_connections: 1,
        total_connections: 2,
        in_progress: 1,
        peak_in_progress: 2,
    };
    assert_eq!(upstream.counts(), before);
    upstream.clear();
    let after =
        Counts { open_connections: 1, in_progress: 1, peak_in_progress: 1, ..Counts::default() };
    assert_eq!(upstream.counts(), after);
    assert!(upstream.received().is_empty());
}
