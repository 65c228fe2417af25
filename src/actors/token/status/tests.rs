use super::*;
use crate::model::time::test_clock::{ms, s, start};
use awc::http::header::HeaderValue;
use proptest::prelude::*;

const MARGIN: Duration = Duration::from_mins(1);

fn token(lifetime: Duration) -> NewToken {
    NewToken { authorization: HeaderValue::from_static("Bearer t"), lifetime }
}

fn failed(status: u16, retry_after: Option<Duration>) -> TokenError {
    TokenError::Failed { status, retry_after }
}

fn unreachable() -> TokenError {
    TokenError::Unreachable { reason: "connection refused".to_owned() }
}

fn refused() -> TokenError {
    TokenError::Refused { status: 401, code: Some("invalid_client") }
}

/// Fails once more, a fetch that took so long.
fn fail(status: &mut TokenStatus, error: TokenError, took: Duration, now: Instant) {
    status.begun(now);
    status.has_failed(error, now + took);
}

/// The pauses after so many failures in a row, for requests that wait and for nobody.
fn pauses(error: &TokenError, times: usize) -> Vec<(Duration, Duration)> {
    let (mut status, now) = (TokenStatus::default(), start());
    let pause = |_| {
        fail(&mut status, error.clone(), Duration::ZERO, now);
        let failure = status.failure.as_ref().expect("it failed");
        (failure.next_asked_try() - now, failure.next_unasked_try() - now)
    };
    (0..times).map(pause).collect()
}

#[test]
fn after_a_failure_that_may_pass_requests_wait_a_second_at_most_for_the_next_try() {
    for error in [failed(500, None), failed(503, None), unreachable()] {
        let expected = [(250, 250), (500, 500), (1_000, 1_000), (1_000, 2_000), (1_000, 4_000)];
        assert_eq!(pauses(&error, 5), expected.map(|(asked, unasked)| (ms(asked), ms(unasked))));
        assert_eq!(pauses(&error, 100).last(), Some(&(s(1), s(30))));
    }
}

#[test]
fn a_refused_client_and_a_429_keep_pauses_that_double_to_half_a_minute() {
    let unusable = TokenError::Unusable { reason: "it has no access_token" };
    for error in [refused(), failed(429, None), unusable] {
        let expected = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].map(ms);
        assert_eq!(pauses(&error, 9), expected.map(|pause| (pause, pause)));
    }
}

#[test]
fn what_the_endpoint_asks_for_is_waited_for_within_reason() {
    for status in [429, 503] {
        let pause = |seconds| pauses(&failed(status, Some(s(seconds))), 1)[0];
        assert_eq!(pause(60), (s(60), s(60)));
        assert_eq!(pause(86_400), (LONGEST_ASKED_PAUSE, LONGEST_ASKED_PAUSE));
        assert_eq!(pause(0), (FIRST_PAUSE, FIRST_PAUSE), "never at once");
    }
    // An endpoint in trouble that knows when it is back is believed, however long it was away.
    assert_eq!(pauses(&failed(503, Some(s(2))), 20).last(), Some(&(s(2), s(30))));
}

#[test]
fn a_token_ends_the_row_of_failures() {
    let (mut status, now) = (TokenStatus::default(), start());
    for _ in 0..5 {
        fail(&mut status, unreachable(), ms(1), now);
    }
    status.begun(now);
    status.received(token(s(3_600)), now);
    assert!(status.failure.is_none());
    fail(&mut status, unreachable(), Duration::ZERO, now);
    assert_eq!(status.failure.expect("it failed").next_asked_try(), now + FIRST_PAUSE);
}

#[test]
fn there_is_one_fetch_at_a_time_and_none_in_a_pause() {
    let (mut status, now) = (TokenStatus::default(), start());
    assert!(status.may_try(now));
    status.begun(now);
    assert!(!status.may_try(now + s(60)));
    status.has_failed(unreachable(), now);
    assert!(!status.may_try(now + ms(249)));
    assert!(status.may_try(now + ms(250)));
    status.begun(now);
    status.interrupted();
    assert!(status.may_try(now + ms(250)), "its actor died over it");
}

#[test]
fn a_token_is_renewed_ahead_of_its_end_and_a_short_one_at_half_its_life() {
    let now = start();
    for (lifetime, expected) in [(s(3_600), s(3_540)), (s(90), s(45)), (s(2), s(1))] {
        let mut status = TokenStatus::default();
        assert_eq!(status.unasked_at(MARGIN, now), Some(now));
        status.received(token(lifetime), now);
        assert_eq!(status.unasked_at(MARGIN, now), Some(now + expected));
    }
}

#[test]
fn an_endpoint_that_is_down_is_tried_on_though_nobody_asks_but_no_client_logs_in_for_nobody() {
    let now = start();
    for (error, goes_on) in [(unreachable(), true), (failed(429, None), true), (refused(), false)] {
        let mut status = TokenStatus::default();
        fail(&mut status, error.clone(), Duration::ZERO, now);
        assert_eq!(status.unasked_at(MARGIN, now).is_some(), goes_on, "{error}");
        status.received(token(s(100)), now);
        fail(&mut status, error, Duration::ZERO, now);
        assert_eq!(status.unasked_at(MARGIN, now), Some(now + FIRST_PAUSE), "a token is renewed");
    }
}

#[test]
fn a_token_that_was_refused_stays_in_use_until_a_later_one_is_there() {
    let (mut status, now) = (TokenStatus::default(), start());
    status.received(token(s(3_600)), now);
    assert!(status.later_than(1, now).is_none());
    assert_eq!(status.valid(now).expect("it is valid").token.generation, 1);
    status.begun(now);
    assert_eq!(status.valid(now).expect("it is valid").token.generation, 1);
    status.received(token(s(3_600)), now);
    assert_eq!(status.later_than(1, now).expect("a later one").token.generation, 2);
    assert!(status.later_than(1, now + s(3_600)).is_none(), "it has ended");
}

#[test]
fn a_request_waits_for_the_first_try_and_for_each_next_one_that_fits() {
    let (mut status, now) = (TokenStatus::default(), start());
    let may_wait = |status: &TokenStatus, time| !status.is_vain_to_wait(now + time, now);
    assert!(may_wait(&status, ms(1)));
    status.begun(now);
    assert!(may_wait(&status, ms(1)));
    status.has_failed(unreachable(), now);
    assert!(may_wait(&status, ms(251)));
    assert!(!may_wait(&status, ms(250)));
    let error = status.backing_off(now).expect("it failed");
    let expected =
        "the token endpoint cannot be reached: connection refused; the next try is in 250 ms";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_try_that_would_take_as_long_as_the_last_one_does_not_fit() {
    let (mut status, began) = (TokenStatus::default(), start());
    fail(&mut status, unreachable(), s(5), began);
    let now = began + s(5);
    let may_wait = |status: &TokenStatus, now, time| !status.is_vain_to_wait(now + time, now);
    assert!(!may_wait(&status, now, s(5)));
    assert!(may_wait(&status, now, ms(5_251)));
    // Under way since then.
    let next = now + s(1);
    status.begun(next);
    assert!(!may_wait(&status, next, s(3)));
    assert!(may_wait(&status, next + s(3), s(3)));
    assert!(may_wait(&status, next + s(6), ms(1)), "it may end any moment");
    let error = status.backing_off(next).expect("it failed");
    assert!(error.to_string().ends_with("it is being tried again"), "{error}");
}

#[test]
fn a_lasting_failure_is_an_answer_at_once_until_there_is_another_try() {
    let (mut status, now) = (TokenStatus::default(), start());
    fail(&mut status, refused(), Duration::ZERO, now);
    assert!(status.is_vain_to_wait(now + s(60), now));
    let later = now + FIRST_PAUSE;
    assert!(!status.is_vain_to_wait(later + s(60), later), "it may be mended by now");
}

#[test]
fn an_endpoint_is_down_once_the_pauses_have_reached_their_length_until_a_token_comes() {
    let (mut status, now) = (TokenStatus::default(), start());
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(status.failed_if_down());
        fail(&mut status, unreachable(), Duration::ZERO, now);
    }
    seen.push(status.failed_if_down());
    assert_eq!(seen, [None, None, None, Some(3), Some(4)]);
    status.received(token(s(60)), now);
    assert_eq!(status.failed_if_down(), None);
}

#[test]
fn the_same_failure_again_is_no_news() {
    let (mut status, now) = (TokenStatus::default(), start());
    assert!(status.is_untried() && status.is_news(&failed(503, None)));
    fail(&mut status, failed(503, None), Duration::ZERO, now);
    assert!(!status.is_untried());
    assert!(!status.is_news(&failed(503, Some(s(1)))));
    assert!(status.is_news(&failed(500, None)));
}

fn any_error() -> impl Strategy<Value = TokenError> {
    let asked = proptest::option::of((0_u64..1_000).prop_map(s));
    prop_oneof![
        (prop_oneof![Just(429_u16), 500_u16..=599], asked)
            .prop_map(|(status, asked)| failed(status, asked)),
        Just(unreachable()),
        Just(refused()),
    ]
}

proptest! {
    #[test]
    fn no_pause_is_ever_shorter_than_asked_or_longer_than_it_may_be(
        errors in proptest::collection::vec(any_error(), 1..40),
    ) {
        let (mut status, now) = (TokenStatus::default(), start());
        for error in errors {
            fail(&mut status, error.clone(), Duration::ZERO, now);
            let failure = status.failure.as_ref().expect("it failed");
            let (asked, unasked) = (failure.next_asked_try() - now, failure.next_unasked_try() - now);
            let wanted = error.retry_after().unwrap_or_default().min(LONGEST_ASKED_PAUSE);
            prop_assert!(FIRST_PAUSE <= asked && asked <= unasked);
            prop_assert!(wanted <= asked);
            prop_assert!(unasked <= wanted.max(LONGEST_PAUSE));
            if error.may_pass_soon() {
                prop_assert!(asked <= wanted.max(LONGEST_PAUSE_IN_DEMAND));
            }
        }
    }
}

#[test]
fn the_first_odd_reply_after_an_outage_does_not_wait_as_long_as_the_outage_was() {
    let (mut now, mut status) = (start(), TokenStatus::default());
    for _ in 0..15 {
        status.begun(now);
        status.has_failed(failed(503, None), now);
        now = status.pause_ends(now).expect("a pause");
    }
    for expected in [FIRST_PAUSE, 2 * FIRST_PAUSE] {
        status.begun(now);
        status.has_failed(TokenError::Unusable { reason: "it is not a JSON token reply" }, now);
        assert_eq!(status.pause_ends(now), Some(now + expected));
    }
}
