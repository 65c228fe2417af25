//! Tests of the plan that each behaviour makes, without a socket.

use super::*;

const LATENCY: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(5);

fn answer() -> Reply {
    Reply::status(200).with_body("0123456789")
}

fn plan(behaviour: &Behaviour) -> Plan {
    behaviour.plan(Duration::ZERO, &answer)
}

/// Everything that a plan sends, pauses left out.
fn sent(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        if let Step::Send(bytes) | Step::Drip { bytes, .. } = step {
            text.push_str(std::str::from_utf8(bytes).unwrap());
        }
    }
    text
}

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789";

#[test]
fn a_normal_answer_without_latency_is_one_write_and_no_pause() {
    let expected = Plan::default().send(Bytes::from_static(WHOLE.as_bytes()));
    assert_eq!(plan(&Behaviour::Normal), expected);
}

#[test]
fn the_latency_comes_first_but_after_interim_heads() {
    let normal = Behaviour::Normal.plan(LATENCY, &answer);
    assert_eq!(normal.steps[0], Step::Wait(LATENCY));
    let interim = Behaviour::Interim(vec![b"A".to_vec(), b"B".to_vec()]);
    let interim = interim.plan(LATENCY, &answer);
    assert_eq!(interim.steps[2], Step::Wait(LATENCY));
    assert_eq!(sent(&interim), format!("AB{WHOLE}"));
}

#[test]
fn a_short_content_length_promises_more_than_the_whole_body() {
    let plan = plan(&Behaviour::ShortContentLength);
    assert_eq!(sent(&plan), WHOLE.replace("h: 10", "h: 74"));
    assert_eq!(plan.end, Then::Close);
}

#[test]
fn chunks_are_whole_and_only_the_cut_ones_lack_the_end() {
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                  3\r\n012\r\n3\r\n345\r\n3\r\n678\r\n1\r\n9\r\n";
    let cut = plan(&Behaviour::CutChunked);
    assert_eq!((sent(&cut).as_str(), cut.end), (chunks, Then::Close));
    let complete = plan(&Behaviour::Chunked);
    assert_eq!(sent(&complete), format!("{chunks}0\r\n\r\n"));
    assert_eq!(complete.end, Then::KeepOpen);
}

#[test]
fn without_a_length_the_body_comes_whole_or_by_half() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    for (complete, body) in [(true, "0123456789"), (false, "01234")] {
        let plan = plan(&Behaviour::NoLength { complete });
        assert_eq!(sent(&plan), format!("{head}{body}"));
        assert_eq!(plan.end, Then::Close);
    }
}

#[test]
fn delays_add_up_and_stand_before_what_they_delay() {
    let twice = Behaviour::status(503).after(PAUSE).after(PAUSE);
    let plan = twice.plan(LATENCY, &answer);
    let waits = [Step::Wait(PAUSE), Step::Wait(PAUSE), Step::Wait(LATENCY)];
    assert_eq!(plan.steps[..3], waits);
    assert!(sent(&plan).starts_with("HTTP/1.1 503 "));
    assert_eq!(Behaviour::Reset.after(PAUSE).plan(LATENCY, &answer).end, Then::Reset);
}

#[test]
fn a_manner_can_send_another_reply() {
    let reply = Reply::status(500).with_body("no");
    let plan = plan(&Behaviour::Chunked.replying(reply));
    assert!(sent(&plan).starts_with("HTTP/1.1 500 "));
    assert!(sent(&plan).contains("1\r\nn\r\n1\r\no\r\n0\r\n"));
}

#[test]
fn the_answer_is_not_asked_for_when_it_is_not_sent() {
    let raw = Behaviour::Raw { bytes: b"x".to_vec(), then: Then::KeepOpen };
    let silent = [Behaviour::status(500), raw, Behaviour::Hang, Behaviour::Close];
    for behaviour in silent {
        let _ = behaviour.plan(LATENCY, &|| panic!("the answer was asked for"));
    }
}

#[test]
fn a_drip_of_zero_bytes_is_one_of_one_byte() {
    let drip = Behaviour::DripBody { bytes_per_write: 0, every: PAUSE };
    let drip = plan(&drip);
    assert_eq!(drip.steps[1], Step::Wait(PAUSE));
    assert!(matches!(drip.steps[2], Step::Drip { bytes_per_write: 1, .. }));
}
