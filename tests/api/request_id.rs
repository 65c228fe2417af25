//! A request's id and trace context: taken over, echoed, passed on, or replaced.

use std::collections::HashSet;
use std::net::SocketAddr;

use serde_json::json;
use tributary::simulator::Received;

use crate::client::{self, Reply};
use crate::harness::{PROFILE, TestApp};

const BODY: &[u8] = br#"{"customerId":"c-1","externalApiKey":"key-1"}"#;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn ask(app: &TestApp, headers: &[(&str, &str)]) -> Reply {
    let reply = app.post_with(PROFILE, headers, BODY);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

#[track_caller]
fn id_of(reply: &Reply) -> &str {
    let ids = reply.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-request-id"));
    assert_eq!(ids.count(), 1, "{:?}", reply.headers);
    reply.header("x-request-id").expect("an id")
}

/// The newest request of each source's upstream.
fn calls(app: &TestApp) -> [Received; 3] {
    [app.sim.users(), app.sim.crm(), app.sim.orders()]
        .map(|upstream| upstream.last_received().expect("a call"))
}

#[test]
fn the_correlation_id_of_genesys_cloud_goes_before_the_request_id() {
    let app = TestApp::start();
    let both = [("x-request-id", "ours-1"), ("ININ-Correlation-Id", "8d2f-genesys")];
    assert_eq!(id_of(&ask(&app, &both)), "8d2f-genesys");
    for call in calls(&app) {
        assert_eq!(call.header("x-request-id"), Some("8d2f-genesys"));
        assert_eq!(call.header_count("x-request-id"), 1);
    }
    assert_eq!(id_of(&ask(&app, &[("x-request-id", "ours-1")])), "ours-1");
}

#[test]
fn a_request_without_an_id_gets_a_new_one_that_the_sources_see() {
    let app = TestApp::start();
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let reply = ask(&app, &[]);
        let id = id_of(&reply).to_owned();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        for call in calls(&app) {
            assert_eq!(call.header("x-request-id"), Some(id.as_str()));
        }
        seen.insert(id);
    }
    assert_eq!(seen.len(), 20, "no id comes twice");
}

#[test]
fn a_hostile_id_is_not_taken_over() {
    let app = TestApp::start();
    let long = "a".repeat(129);
    for hostile in ["", "a b", "a\"b", "{a}", "<script>", "a\\b", "ü", "a,b", "a;b", "$(x)", &long]
    {
        let reply = ask(&app, &[("x-request-id", hostile)]);
        assert_ne!(id_of(&reply), hostile);
        assert_eq!(id_of(&reply).len(), 32, "{hostile:?} gave {}", id_of(&reply));
        for call in calls(&app) {
            assert_eq!(call.header("x-request-id"), Some(id_of(&reply)));
        }
    }
    let longest = "a".repeat(128);
    assert_eq!(id_of(&ask(&app, &[("x-request-id", &longest)])), longest);
}

#[test]
fn a_hostile_correlation_id_gives_way_to_a_good_request_id() {
    let app = TestApp::start();
    let reply = ask(&app, &[("inin-correlation-id", "a b"), ("x-request-id", "good")]);
    assert_eq!(id_of(&reply), "good");
}

#[test]
fn problems_and_envelopes_carry_the_id_as_well() {
    let app = TestApp::start();
    let id = [("x-request-id", "mine-1"), ("content-type", "application/json")];
    for (method, path, body, status) in [
        ("POST", PROFILE, "{}", 400),
        ("POST", PROFILE, "{", 400),
        ("POST", "/v1/actions/none", "{}", 404),
        ("GET", PROFILE, "", 405),
        ("GET", "/nothing", "", 404),
        ("POST", "/events", "{}", 200),
        ("POST", "/events", "{", 400),
    ] {
        let reply = client::send(app.address, method, path, &id, body.as_bytes()).expect("a reply");
        assert_eq!((reply.status, id_of(&reply)), (status, "mine-1"), "{method} {path} {body}");
    }
}

/// The status and the id of the reply to these bytes.
fn refused(address: SocketAddr, bytes: &[u8]) -> (u16, String) {
    let reply = client::send_raw(address, bytes).expect("a reply");
    let reply = String::from_utf8_lossy(&reply);
    let (head, _) = reply.split_once("\r\n\r\n").expect("a head");
    let ids = head.lines().filter_map(|line| line.strip_prefix("x-request-id: "));
    let [id] = ids.collect::<Vec<_>>()[..] else { panic!("not one id in {head}") };
    (
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"),
        id.to_owned(),
    )
}

#[test]
fn what_the_http_layer_refuses_has_an_id_as_well_the_callers_where_it_was_read() {
    let app = TestApp::start();
    let long = "y".repeat(200_000);
    let host = "host: localhost\r\nconnection: close\r\n";
    for (address, other_method) in [(app.address, 404), (app.admin, 405)] {
        for (line, more, status) in [
            ("GET / HTTP/1.1", "", 400),
            ("GET / HTTP/1.1", "host: x\r\nbad header\r\n", 400),
            ("GET / HTTP/1.1", "host: x\r\ncontent-length: x\r\n", 400),
            ("GET / HTTP/1.1", &format!("host: x\r\nx: {long}\r\n"), 431),
            ("GET /nothing HTTP/1.1", host, 404),
            ("PATCH /livez HTTP/1.1", host, other_method),
        ] {
            for ids in [
                "x-request-id: mine-1\r\n",
                "X-REQUEST-ID:mine-1\r\n",
                "x-request-id: other\r\ninin-correlation-id: mine-1\r\n",
            ] {
                let bytes = format!("{line}\r\n{ids}{more}\r\n");
                let mine = (status, "mine-1".to_owned());
                assert_eq!(refused(address, bytes.as_bytes()), mine, "{bytes:.100}");
            }
            // None, one that is not fit, and one that is no header of the head.
            for (before, behind) in
                [("", ""), ("x-request-id: a b\r\n", ""), ("", "x-request-id: mine-1\r\n")]
            {
                let bytes = format!("{line}\r\n{before}{more}\r\n{behind}");
                let (found, id) = refused(address, bytes.as_bytes());
                assert_eq!((found, id.len()), (status, 32), "{bytes:.100}: {id}");
            }
        }
        assert_eq!(refused(address, b"nonsense\r\n\r\n").0, 400);
    }
}

#[test]
fn a_head_that_never_ends_is_refused_with_the_id_that_it_began_with() {
    let app = TestApp::start();
    let begun = b"POST /events HTTP/1.1\r\nhost: x\r\nx-request-id: mine-1\r\n";
    let mut kept = client::Connection::open(app.address).expect("a connection");
    let headers = [client::JSON, ("x-request-id", "first")];
    let asked = kept.send("POST", PROFILE, &headers, BODY).expect("a reply");
    assert_eq!(id_of(&asked), "first");
    kept.write(begun).expect("it is read");
    let late = std::thread::scope(|scope| {
        let first = scope.spawn(|| refused(app.address, begun));
        let second = kept.read(std::time::Instant::now()).expect("a reply");
        assert_eq!((second.status, id_of(&second)), (408, "mine-1"));
        first.join().expect("no panic")
    });
    assert_eq!(late, (408, "mine-1".to_owned()));
}

#[test]
fn every_reply_to_operators_has_an_id() {
    let app = TestApp::start();
    for path in ["/livez", "/readyz", "/metrics", "/v1/sources", "/console", "/nothing"] {
        let own = [("x-request-id", "mine-1")];
        let reply = client::send(app.admin, "GET", path, &own, b"").expect("a reply");
        assert_eq!(id_of(&reply), "mine-1", "{path}");
        assert_eq!(id_of(&app.admin_get(path)).len(), 32, "{path}");
    }
}

#[test]
fn a_trace_is_continued_with_the_same_flags_and_a_new_parent() {
    let app = TestApp::start();
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    ask(&app, &[("traceparent", &parent), ("tracestate", "vendor=1,other=2")]);
    for call in calls(&app) {
        let sent = call.header("traceparent").expect("it is passed on");
        let parts: Vec<_> = sent.split('-').collect();
        let [version, trace, span, flags] = parts.as_slice() else { panic!("{sent}") };
        assert_eq!((*version, *trace, *flags), ("00", TRACE, "01"));
        assert_ne!(*span, "00f067aa0ba902b7", "the parent of a source's span is ours");
        assert_eq!(call.header_count("traceparent"), 1);
        assert_eq!(call.header("tracestate"), Some("vendor=1,other=2"));
    }
}

#[test]
fn what_tracing_systems_say_is_passed_on_only_as_it_should_be() {
    let app = TestApp::start();
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-00");
    let many = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    let (most, too_many, long) = (many(32), many(33), format!("long={}", "x".repeat(200)));
    for (states, goes_on) in [
        (&["a=1", " b=2 , ,c=3", ""][..], Some("a=1,b=2,c=3")),
        (&[most.as_str()], Some(most.as_str())),
        (&[too_many.as_str()], None),
        (&["a=1", "B=2"], None),
        (&["a=1", "b"], None),
        (&["a=1,a=2"], Some("a=1")),
        (
            &[
                long.as_str(),
                "a=1",
                long.replace("long", "other").as_str(),
                "b=2",
                "c=3",
                &long.replace("long", "third"),
            ],
            Some(format!("{long},a=1,{},b=2,c=3", long.replace("long", "other")).as_str()),
        ),
        (&[""], None),
    ] {
        let states = states.iter().map(|state| ("tracestate", *state));
        let headers: Vec<_> =
            [("traceparent", parent.as_str())].into_iter().chain(states).collect();
        ask(&app, &headers);
        for call in calls(&app) {
            assert!(call.header("traceparent").is_some_and(|sent| sent.contains(TRACE)));
            assert_eq!(call.header("tracestate"), goes_on, "{headers:?}");
            assert_eq!(call.header_count("tracestate"), usize::from(goes_on.is_some()));
        }
    }
}

#[test]
fn without_a_trace_none_begins() {
    let app = TestApp::start();
    ask(&app, &[("tracestate", "vendor=1")]);
    for call in calls(&app) {
        assert_eq!((call.header("traceparent"), call.header("tracestate")), (None, None));
    }
}

#[test]
fn for_an_invalid_trace_a_new_one_begins_without_its_state() {
    let app = TestApp::start();
    let valid = format!("00-{TRACE}-00f067aa0ba902b7-01");
    for invalid in [
        format!("{valid},{valid}"),
        format!("01-{TRACE}-00f067aa0ba902b7-01.more"),
        format!("AA-{TRACE}-00f067aa0ba902b7-01"),
        format!("{valid}-"),
        String::new(),
        "nonsense".to_owned(),
        format!("ff-{TRACE}-00f067aa0ba902b7-01"),
        format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
        format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
        format!("00-{TRACE}-00f067aa0ba902b7"),
    ] {
        ask(&app, &[("traceparent", &invalid), ("tracestate", "vendor=1")]);
        assert_new_trace(&app, &invalid);
    }
    // Of two nobody knows which one counts.
    ask(&app, &[("traceparent", &valid), ("traceparent", &valid), ("tracestate", "vendor=1")]);
    assert_new_trace(&app, "two of them");
}

/// Asserts that all upstreams were told of one new trace that nobody records.
#[track_caller]
fn assert_new_trace(app: &TestApp, came: &str) {
    let mut traces: Vec<String> = Vec::new();
    for call in calls(app) {
        let sent = call.header("traceparent").unwrap_or_else(|| panic!("{came}"));
        assert!(!sent.contains(TRACE) && sent.len() == 55, "{came}: {sent}");
        assert!(sent.starts_with("00-") && sent.ends_with("-02"), "{came}: {sent}");
        assert_eq!(call.header("tracestate"), None, "{came}");
        traces.push(sent[3..35].to_owned());
    }
    traces.dedup();
    assert_eq!(traces.len(), 1, "{came}: {traces:?}");
}

#[test]
fn other_headers_of_the_caller_stay_here() {
    let app = TestApp::start();
    ask(
        &app,
        &[
            ("cookie", "a=b"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-secret", "s"),
            ("forwarded", "for=x"),
        ],
    );
    for call in calls(&app) {
        for name in ["cookie", "x-forwarded-for", "x-secret", "forwarded"] {
            assert_eq!(call.header(name), None, "{name}");
        }
    }
}

#[test]
fn an_id_in_the_body_is_no_id() {
    let app = TestApp::start();
    let reply = app.post(
        PROFILE,
        &json!({"customerId": "c-1", "externalApiKey": "k", "x-request-id": "from-the-body"}),
    );
    assert_ne!(id_of(&reply), "from-the-body");
}
