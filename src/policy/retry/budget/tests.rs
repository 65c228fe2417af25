use super::*;
use crate::model::time::test_clock::{ms, s, start};
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

fn budget(ratio: f64, min_per_second: u32) -> RetryBudget {
    RetryBudget::try_new(ratio, min_per_second, s(10)).unwrap()
}

/// How many of `tries` withdrawals at `now` are allowed.
fn withdraw(budget: &mut RetryBudget, tries: u32, now: Instant) -> u32 {
    (0..tries).map(|_| u32::from(budget.try_withdraw(now))).sum()
}

#[test]
fn requests_pay_for_retries() {
    let now = start();
    let mut budget = budget(0.2, 0);
    assert!(!budget.try_withdraw(now));
    for _ in 0..50 {
        budget.record_request(now);
    }
    assert_eq!(withdraw(&mut budget, 100, now), 10);
}

#[test]
fn what_leaves_the_window_pays_no_longer() {
    let now = start();
    let mut budget = budget(0.2, 0);
    for _ in 0..50 {
        budget.record_request(now);
    }
    assert_eq!(withdraw(&mut budget, 100, now + s(10)), 0);
}

#[test]
fn the_floor_is_granted_by_the_second_and_not_as_a_burst() {
    let now = start();
    let mut budget = budget(0.2, 3);
    assert_eq!(withdraw(&mut budget, 100, now), 3);
    assert_eq!(withdraw(&mut budget, 100, now + ms(999)), 0);
    assert_eq!(withdraw(&mut budget, 100, now + s(1)), 3);
    assert_eq!(withdraw(&mut budget, 100, now + s(9)), 3);
}

#[test]
fn the_floor_is_no_extra_on_top_of_the_share() {
    let now = start();
    let mut budget = budget(0.2, 3);
    for _ in 0..50 {
        budget.record_request(now);
    }
    assert_eq!(withdraw(&mut budget, 100, now), 10);
    assert_eq!(withdraw(&mut budget, 100, now + s(1)), 3);
}

#[test]
fn a_snapshot_takes_nothing() {
    let now = start();
    let mut budget = budget(0.2, 1);
    budget.record_request(now);
    let fresh = RetryBudgetSnapshot { requests: 1, retries: 0, refused: 0, is_spent: false };
    assert_eq!(budget.snapshot(now), fresh);
    assert_eq!(budget.snapshot(now), fresh);
    assert_eq!(withdraw(&mut budget, 3, now), 1);
    let spent = RetryBudgetSnapshot { requests: 1, retries: 1, refused: 2, is_spent: true };
    assert_eq!(budget.snapshot(now), spent);
}

#[test]
fn bad_numbers_are_refused_with_what_is_allowed() {
    for ratio in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(RetryBudget::try_new(ratio, 3, s(10)).is_err(), "{ratio}");
    }
    let error = RetryBudget::try_new(2.0, 3, s(10)).unwrap_err().to_string();
    assert_eq!(error, "ratio must be 0 to 1 retries for each request, but is 2");
    assert!(RetryBudget::try_new(0.2, 1001, s(10)).is_err());
    for window in [Duration::ZERO, ms(1500), ms(500), s(61), Duration::MAX] {
        assert!(RetryBudget::try_new(0.2, 3, window).is_err(), "{window:?}");
    }
}

/// Calls that an upstream receives, and requests that there were, while it is down for 60 s under
/// 100 requests a second with up to three attempts each. `offset` is where in a second of the
/// window the outage begins; 20 healthy seconds precede it.
fn outage(mut budget: RetryBudget, offset: Duration) -> (u32, u32) {
    let begin = start();
    let down_from = begin + s(20) + offset;
    let down_until = down_from + s(60);
    // When an attempt ends, and how many were made of its request.
    let mut ends = BinaryHeap::new();
    let (mut calls, mut requests) = (0, 0);
    for number in 0..10_000_u32 {
        let arrives = begin + ms(10) * number;
        while let Some(&Reverse((ended, attempts))) = ends.peek()
            && ended <= arrives
        {
            ends.pop();
            if attempts < 3 && ended < down_until && budget.try_withdraw(ended) {
                calls += 1;
                let backoff = ms(20 + u64::from(number * 7919 % 400));
                ends.push(Reverse((ended + backoff, attempts + 1)));
            }
        }
        budget.record_request(arrives);
        if (down_from..down_until).contains(&arrives) {
            requests += 1;
            calls += 1;
            ends.push(Reverse((arrives + ms(15), 1)));
        }
    }
    (calls, requests)
}

#[test]
fn an_outage_raises_the_calls_by_at_most_a_quarter() {
    for offset in (0..1000).step_by(50) {
        let (calls, requests) = outage(budget(0.2, 3), ms(offset));
        assert_eq!(requests, 6000);
        let factor = f64::from(calls) / f64::from(requests);
        assert!(factor <= 1.25, "offset {offset} ms: {factor}");
        assert!(factor >= 1.15, "the budget is used as well: {factor}");
    }
}

#[test]
fn without_a_budget_the_same_outage_would_triple_the_calls() {
    let (calls, requests) = outage(budget(1.0, 1000), Duration::ZERO);
    assert!(f64::from(calls) / f64::from(requests) > 2.9);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Request,
    Retry,
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Request),
        4 => Just(Step::Retry),
        2 => (0_u64..400).prop_map(Step::Wait),
        1 => (400_u64..15_000).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn every_retry_is_paid_by_the_share_or_by_the_floor(
        steps in proptest::collection::vec(any_step(), 1..400),
        ratio in 0.0_f64..=1.0, min_per_second in 0_u32..5, window in 1_u64..=20,
    ) {
        let mut budget = RetryBudget::try_new(ratio, min_per_second, s(window)).unwrap();
        let begin = start();
        let mut now = begin;
        let (mut requests, mut retries) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Wait(time) => now += ms(time),
                Step::Request => {
                    budget.record_request(now);
                    requests.push(now);
                }
                Step::Retry => {
                    let refused_before = budget.snapshot(now).refused;
                    let is_allowed = budget.try_withdraw(now);
                    if is_allowed {
                        retries.push(now);
                    } else {
                        prop_assert_eq!(budget.snapshot(now).refused, refused_before + 1);
                    }
                    let within = |times: &[Instant], reach: Duration| {
                        let recent = times.iter().filter(|at| now - **at < reach).count();
                        u32::try_from(recent).unwrap()
                    };
                    // Buckets reach back between one bucket less than the window and all of it.
                    let sure = within(&retries, s(window - 1) + ms(1));
                    let paying = within(&requests, s(window));
                    let is_within_share = f64::from(sure) <= ratio * f64::from(paying);
                    let is_within_floor = within(&retries, s(1)) <= min_per_second;
                    prop_assert!(!is_allowed || is_within_share || is_within_floor);
                    prop_assert!(is_allowed || within(&retries, s(1)) >= min_per_second);
                }
            }
        }
        let share = ratio * f64::from(u32::try_from(requests.len()).unwrap());
        let floor = f64::from(min_per_second) * ((now - begin).as_secs_f64() + 1.0).ceil();
        prop_assert!(f64::from(u32::try_from(retries.len()).unwrap()) <= share + floor);
    }
}
