use super::*;
use crate::model::failure::FailureKind;
use crate::model::time::test_clock::{ms, s, start};
use proptest::prelude::*;

fn policy(max_attempts: u32) -> RetryPolicy {
    RetryPolicy::try_new(max_attempts, Backoff::try_new(ms(200), s(5)).unwrap()).unwrap()
}

/// A failure that is retried, unless a test changes something.
fn failure(kind: FailureKind) -> Failure {
    Failure { request_sent: true, ..Failure::new(kind, "") }
}

/// After the first attempt, with three seconds left.
fn situation() -> Situation {
    let now = start();
    Situation {
        attempts_made: 1,
        repeatable: true,
        deadline: Deadline::after(now, s(3)),
        now,
        minimum_useful: ms(10),
    }
}

fn decide_with_budget(failure: &Failure, situation: Situation) -> Decision {
    decide(failure, situation, &policy(3), 0.5, &mut || true)
}

#[test]
fn a_transient_failure_is_retried_after_backoff() {
    let first = decide_with_budget(&failure(FailureKind::Unavailable), situation());
    assert_eq!(first, Decision::RetryAfter(ms(150)));
    let second = Situation { attempts_made: 2, ..situation() };
    let second = decide_with_budget(&failure(FailureKind::Unavailable), second);
    assert_eq!(second, Decision::RetryAfter(ms(300)));
}

#[test]
fn three_attempts_span_what_a_restart_takes() {
    for (unit, expected) in [(0.0, ms(300)), (0.999_999, ms(600))] {
        let waits = [1, 2].map(|attempts_made| {
            let situation = Situation { attempts_made, ..situation() };
            match decide(
                &failure(FailureKind::Unavailable),
                situation,
                &policy(3),
                unit,
                &mut || true,
            ) {
                Decision::RetryAfter(wait) => wait,
                Decision::GiveUp(reason) => panic!("{reason:?}"),
            }
        });
        let span: Duration = waits.iter().sum();
        assert!(span.abs_diff(expected) < ms(1), "{span:?}");
    }
}

#[test]
fn a_backoff_gives_way_to_the_deadline() {
    let with_left = |left: Duration| {
        let now = start();
        let hurried = Situation { deadline: Deadline::after(now, left), now, ..situation() };
        decide_with_budget(&failure(FailureKind::Unavailable), hurried)
    };
    // 150 ms are drawn; the attempt after it is to have as long as the wait, and 10 ms more.
    assert_eq!(with_left(ms(310)), Decision::RetryAfter(ms(150)));
    assert_eq!(with_left(ms(110)), Decision::RetryAfter(ms(50)));
    assert_eq!(with_left(ms(50)), Decision::RetryAfter(ms(20)));
    // A tenth of 200 ms is the least.
    assert_eq!(with_left(ms(49)), Decision::GiveUp(GiveUp::NoTimeLeft { wait: ms(150) }));
}

#[test]
fn permanent_failures_timeouts_and_refused_tokens_are_final() {
    for kind in [FailureKind::Rejected, FailureKind::Timeout, FailureKind::TokenRefused] {
        let failure = Failure { request_sent: false, ..failure(kind) };
        assert_eq!(decide_with_budget(&failure, situation()), Decision::GiveUp(GiveUp::Final));
    }
}

#[test]
fn a_request_that_must_not_be_repeated_is_retried_only_if_nothing_was_sent() {
    let once_only = Situation { repeatable: false, ..situation() };
    for kind in [FailureKind::Unavailable, FailureKind::Throttled] {
        let sent = failure(kind);
        let not_sent = Failure { request_sent: false, ..sent.clone() };
        assert_eq!(decide_with_budget(&sent, once_only), Decision::GiveUp(GiveUp::NotRepeatable));
        assert_eq!(decide_with_budget(&not_sent, once_only), Decision::RetryAfter(ms(150)));
    }
}

#[test]
fn retry_after_replaces_backoff_with_up_to_a_tenth_on_top() {
    let failure = Failure { retry_after: Some(s(2)), ..failure(FailureKind::Throttled) };
    let wait = |unit| decide(&failure, situation(), &policy(3), unit, &mut || true);
    assert_eq!(wait(0.0), Decision::RetryAfter(s(2)));
    assert_eq!(wait(0.5), Decision::RetryAfter(ms(2100)));
    assert_eq!(wait(1.0), Decision::RetryAfter(ms(2200)));
}

#[test]
fn jitter_gives_way_where_only_the_bare_wait_fits() {
    let failure = Failure { retry_after: Some(ms(2900)), ..failure(FailureKind::Throttled) };
    assert_eq!(decide_with_budget(&failure, situation()), Decision::RetryAfter(ms(2900)));
}

#[test]
fn a_wait_that_cannot_end_in_time_is_not_begun() {
    let failure = Failure { retry_after: Some(s(42)), ..failure(FailureKind::Throttled) };
    let decision = decide_with_budget(&failure, situation());
    assert_eq!(decision, Decision::GiveUp(GiveUp::NoTimeLeft { wait: s(42) }));
}

#[test]
fn a_wait_that_leaves_no_useful_time_is_not_begun() {
    let failure = Failure { retry_after: Some(s(2)), ..failure(FailureKind::Unavailable) };
    let slow = Situation { minimum_useful: s(1), ..situation() };
    let decision = decide_with_budget(&failure, slow);
    assert_eq!(decision, Decision::GiveUp(GiveUp::NoTimeLeft { wait: s(2) }));
}

#[test]
fn a_spent_budget_ends_it() {
    for kind in [FailureKind::Unavailable, FailureKind::Throttled] {
        let decision = decide(&failure(kind), situation(), &policy(3), 0.5, &mut || false);
        assert_eq!(decision, Decision::GiveUp(GiveUp::BudgetSpent));
    }
}

#[test]
fn max_attempts_must_be_sensible() {
    let backoff = Backoff::try_new(ms(1), ms(1)).unwrap();
    assert_eq!(
        RetryPolicy::try_new(0, backoff).unwrap_err().to_string(),
        "max_attempts must be 1 to 20, the first attempt included, but is 0"
    );
    assert!(RetryPolicy::try_new(21, backoff).is_err());
    assert!(RetryPolicy::try_new(20, backoff).is_ok());
}

fn any_kind() -> impl Strategy<Value = FailureKind> {
    prop_oneof![
        Just(FailureKind::Unavailable),
        Just(FailureKind::NotConnected),
        Just(FailureKind::Throttled),
        Just(FailureKind::TokenRefused),
        Just(FailureKind::Rejected),
        Just(FailureKind::Timeout),
    ]
}

fn any_failure() -> impl Strategy<Value = Failure> {
    let retry_after = proptest::option::of((0_u64..5000).prop_map(ms));
    (any_kind(), retry_after, any::<bool>()).prop_map(|(kind, retry_after, request_sent)| Failure {
        retry_after,
        request_sent,
        ..Failure::new(kind, "")
    })
}

proptest! {
    /// Plays whole requests: every failure, every wait, up to the end.
    #[test]
    fn attempts_and_waits_keep_to_their_bounds(
        failures in proptest::collection::vec(any_failure(), 30),
        max_attempts in 1_u32..=20, time in 0_u64..20_000, repeatable in any::<bool>(),
        units in proptest::collection::vec(0.0_f64..1.0, 30), minimum_useful in 0_u64..500,
    ) {
        let begin = start();
        let deadline = Deadline::after(begin, ms(time));
        let mut now = begin;
        let (mut attempts, mut asked) = (0, 0);
        for (failure, unit) in failures.into_iter().zip(units) {
            attempts += 1;
            now += ms(20);
            let situation = Situation {
                attempts_made: attempts,
                repeatable,
                deadline,
                now,
                minimum_useful: ms(minimum_useful),
            };
            let asked_before = asked;
            let mut budget = || { asked += 1; true };
            let decision = decide(&failure, situation, &policy(max_attempts), unit, &mut budget);
            let is_budgeted = failure.kind != FailureKind::NotConnected;
            let is_retried = matches!(decision, Decision::RetryAfter(_));
            prop_assert_eq!(is_retried && is_budgeted, asked > asked_before);
            match decision {
                Decision::RetryAfter(wait) => {
                    prop_assert!(now + wait + ms(minimum_useful) < deadline.at());
                    prop_assert!(failure.retry_after.is_none_or(|asked_for| wait >= asked_for));
                    prop_assert!(repeatable || !failure.request_sent);
                    now += wait;
                }
                Decision::GiveUp(_) => break,
            }
        }
        prop_assert!(attempts <= max_attempts);
    }

    #[test]
    fn the_budget_is_asked_only_when_everything_else_says_yes(
        failure in any_failure(), attempts_made in 1_u32..5, repeatable in any::<bool>(),
        time in 0_u64..4000, unit in 0.0_f64..1.0,
    ) {
        let now = start();
        let deadline = Deadline::after(now, ms(time));
        let situation = Situation {
            attempts_made, repeatable, deadline, now, minimum_useful: ms(1),
        };
        let mut asked = 0;
        let refused = decide(&failure, situation, &policy(3), unit, &mut || { asked += 1; false });
        prop_assert_eq!(asked, u32::from(refused == Decision::GiveUp(GiveUp::BudgetSpent)));
        let allowed = decide(&failure, situation, &policy(3), unit, &mut || true);
        let is_budgeted = failure.kind != FailureKind::NotConnected;
        prop_assert_eq!(asked == 1, is_budgeted && matches!(allowed, Decision::RetryAfter(_)));
    }
}
