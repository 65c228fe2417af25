use super::*;
use crate::model::time::test_clock::{ms, s, start};
use proptest::prelude::*;

/// Jitter of zero.
const MIDDLE: f64 = 0.5;

const SPEC: BreakerSpec = BreakerSpec {
    window: Duration::from_secs(10),
    min_requests: 4,
    failure_ratio: 0.5,
    open_for: Duration::from_secs(5),
    max_open_for: Duration::from_mins(1),
    probes: 1,
};

fn breaker(probes: u32) -> Breaker {
    Breaker::new(BreakerSpec { probes, ..SPEC })
}

fn succeed(breaker: &mut Breaker, now: Instant) {
    let permit = breaker.try_acquire(now).unwrap();
    breaker.on_success(permit, now);
}

fn fail(breaker: &mut Breaker, now: Instant) {
    let permit = breaker.try_acquire(now).unwrap();
    breaker.on_failure(permit, now, MIDDLE);
}

/// Opens a closed breaker and says until when.
fn trip(breaker: &mut Breaker, now: Instant) -> Instant {
    for _ in 0..SPEC.min_requests {
        fail(breaker, now);
    }
    match breaker.circuit(now) {
        Circuit::Open { until } => until,
        Circuit::Closed | Circuit::HalfOpen => panic!("not open"),
    }
}

#[test]
fn too_few_requests_never_open_it() {
    let now = start();
    let mut breaker = breaker(1);
    for _ in 0..3 {
        fail(&mut breaker, now);
    }
    assert_eq!(breaker.circuit(now), Circuit::Closed);
}

#[test]
fn it_opens_at_the_ratio_and_not_below() {
    let now = start();
    let mut breaker = breaker(1);
    for _ in 0..6 {
        succeed(&mut breaker, now);
    }
    for _ in 0..5 {
        fail(&mut breaker, now);
    }
    assert_eq!(breaker.circuit(now), Circuit::Closed, "5 of 11");
    fail(&mut breaker, now);
    assert_eq!(breaker.circuit(now), Circuit::Open { until: now + s(5) }, "6 of 12");
}

#[test]
fn failures_that_left_the_window_do_not_count() {
    let now = start();
    let mut breaker = breaker(1);
    for _ in 0..3 {
        fail(&mut breaker, now);
    }
    fail(&mut breaker, now + s(10));
    assert_eq!(breaker.circuit(now + s(10)), Circuit::Closed);
    assert_eq!(breaker.snapshot(now + s(10)).failures, 1);
}

#[test]
fn open_rejects_until_its_time_and_then_lets_a_probe_pass() {
    let now = start();
    let mut breaker = breaker(1);
    let until = trip(&mut breaker, now);
    assert_eq!(breaker.try_acquire(now + ms(4999)), Err(Rejected { until }));
    let probe = breaker.try_acquire(until).unwrap();
    assert!(probe.is_probe());
    assert_eq!(breaker.try_acquire(until), Err(Rejected { until: until + s(5) }));
    breaker.on_success(probe, until);
    assert_eq!(breaker.circuit(until), Circuit::Closed);
}

#[test]
fn as_many_successes_as_probes_close_it() {
    let now = start();
    let mut breaker = breaker(3);
    let until = trip(&mut breaker, now);
    succeed(&mut breaker, until);
    succeed(&mut breaker, until);
    assert_eq!(breaker.circuit(until), Circuit::HalfOpen);
    succeed(&mut breaker, until);
    assert_eq!(breaker.circuit(until), Circuit::Closed);
    let snapshot = breaker.snapshot(until);
    assert_eq!((snapshot.successes, snapshot.failures), (0, 0), "closed with a clean slate");
}

#[test]
fn each_re_opening_doubles_the_time_up_to_the_longest() {
    let mut now = start();
    let mut breaker = breaker(1);
    let mut times = Vec::new();
    let mut until = trip(&mut breaker, now);
    for _ in 0..6 {
        times.push((until - now).as_secs());
        now = until;
        fail(&mut breaker, now);
        let Circuit::Open { until: next } = breaker.circuit(now) else { panic!("not open") };
        until = next;
    }
    assert_eq!(times, [5, 10, 20, 40, 60, 60]);
    assert_eq!(breaker.snapshot(now).openings, 7);
}

#[test]
fn the_time_starts_anew_only_after_a_window_in_the_closed_state() {
    let now = start();
    let mut breaker = breaker(1);
    let closed = trip(&mut breaker, now);
    succeed(&mut breaker, closed);
    let early = closed + s(9);
    let until = trip(&mut breaker, early);
    assert_eq!(until - early, s(10), "it had not stayed closed for a window");
    succeed(&mut breaker, until);
    let late = until + s(10);
    assert_eq!(trip(&mut breaker, late) - late, s(5));
}

#[test]
fn the_time_open_is_spread_by_a_tenth() {
    for (unit, time) in [(0.0, ms(4500)), (1.0, ms(5500))] {
        let now = start();
        let mut breaker = breaker(1);
        for _ in 0..3 {
            fail(&mut breaker, now);
        }
        let permit = breaker.try_acquire(now).unwrap();
        breaker.on_failure(permit, now, unit);
        assert_eq!(breaker.circuit(now), Circuit::Open { until: now + time });
    }
}

#[test]
fn results_of_an_earlier_state_change_nothing() {
    let now = start();
    let mut breaker = breaker(1);
    let [good, bad, nothing] = [0; 3].map(|_| breaker.try_acquire(now).unwrap());
    let until = trip(&mut breaker, now);
    let probe = breaker.try_acquire(until).unwrap();
    let before = breaker.snapshot(until);
    breaker.on_success(good, until);
    breaker.on_failure(bad, until, MIDDLE);
    breaker.on_neutral(nothing);
    assert_eq!(breaker.snapshot(until), before);
    breaker.on_success(probe, until);
    assert_eq!(breaker.circuit(until), Circuit::Closed);
}

#[test]
fn a_neutral_result_gives_the_place_back_without_a_verdict() {
    let now = start();
    let mut breaker = breaker(1);
    let until = trip(&mut breaker, now);
    let probe = breaker.try_acquire(until).unwrap();
    breaker.on_neutral(probe);
    assert_eq!(breaker.circuit(until), Circuit::HalfOpen);
    succeed(&mut breaker, until);
    assert_eq!(breaker.circuit(until), Circuit::Closed);
    let permit = breaker.try_acquire(until).unwrap();
    breaker.on_neutral(permit);
    assert_eq!(breaker.snapshot(until).successes, 0);
}

#[test]
fn a_probe_that_never_comes_back_is_given_up() {
    let now = start();
    let mut breaker = breaker(1);
    let until = trip(&mut breaker, now);
    let lost = breaker.try_acquire(until).unwrap();
    assert!(breaker.try_acquire(until + ms(4999)).is_err());
    let other = breaker.try_acquire(until + s(5)).unwrap();
    assert_eq!(breaker.snapshot(until + s(5)).probes_in_flight, 1);
    // It comes back after all: its verdict counts, and it frees nobody else's place.
    breaker.on_failure(lost, until + s(6), MIDDLE);
    assert_eq!(breaker.circuit(until + s(6)), Circuit::Open { until: until + s(16) });
    breaker.on_success(other, until + s(6));
    assert_eq!(breaker.circuit(until + s(6)), Circuit::Open { until: until + s(16) });
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Wait(u64),
    Ask,
    Succeed(usize),
    Fail(usize, f64),
    Nothing(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0_u64..3000).prop_map(Step::Wait),
        6 => Just(Step::Ask),
        2 => any::<usize>().prop_map(Step::Succeed),
        4 => (any::<usize>(), 0.0_f64..1.0).prop_map(|(which, unit)| Step::Fail(which, unit)),
        1 => any::<usize>().prop_map(Step::Nothing),
    ]
}

/// A permit in somebody's hands, and when it was given out.
type Held = Vec<(Permit, Instant)>;

fn take(held: &mut Held, which: usize) -> Option<Permit> {
    (!held.is_empty()).then(|| held.swap_remove(which % held.len()).0)
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_laws(
        steps in proptest::collection::vec(any_step(), 1..300), probes in 1_u32..4,
    ) {
        let mut breaker = breaker(probes);
        let mut now = start();
        let mut held: Held = Vec::new();
        for step in steps {
            let before = breaker.circuit(now);
            match step {
                Step::Wait(time) => now += ms(time),
                Step::Ask => {
                    let answer = breaker.try_acquire(now);
                    match before {
                        Circuit::Closed => prop_assert!(!answer.as_ref().unwrap().is_probe()),
                        Circuit::Open { until } => prop_assert_eq!(&answer, &Err(Rejected { until })),
                        Circuit::HalfOpen => {
                            let is_lawful = match &answer {
                                Ok(permit) => permit.is_probe(),
                                Err(rejected) => rejected.until > now,
                            };
                            prop_assert!(is_lawful);
                        }
                    }
                    held.extend(answer.ok().map(|permit| (permit, now)));
                }
                Step::Succeed(which) => {
                    if let Some(permit) = take(&mut held, which) {
                        breaker.on_success(permit, now);
                    }
                }
                Step::Fail(which, unit) => {
                    if let Some(permit) = take(&mut held, which) {
                        breaker.on_failure(permit, now, unit);
                    }
                }
                Step::Nothing(which) => {
                    if let Some(permit) = take(&mut held, which) {
                        breaker.on_neutral(permit);
                        prop_assert_eq!(breaker.circuit(now), before);
                    }
                }
            }
            let alive = held.iter().filter(|(permit, since)| {
                permit.is_probe() && permit.epoch == breaker.epoch && now - *since < SPEC.open_for
            }).count();
            prop_assert!(alive <= probes as usize, "never more probes than allowed");
            prop_assert_eq!(breaker.snapshot(now).probes_in_flight as usize, alive);
            if let Circuit::Open { until } = breaker.circuit(now) {
                prop_assert!(until - now <= SPEC.max_open_for.mul_f64(1.1));
                if !matches!(before, Circuit::Open { .. }) {
                    prop_assert!(until - now >= SPEC.open_for.mul_f64(0.9));
                }
            }
        }
    }

    #[test]
    fn it_always_recovers_once_the_upstream_does(
        steps in proptest::collection::vec(any_step(), 0..200), probes in 1_u32..4,
    ) {
        let mut breaker = breaker(probes);
        let mut now = start();
        for step in steps {
            // Passes that are neither handed back nor dropped in order: all of them are lost.
            match step {
                Step::Wait(time) => now += ms(time),
                Step::Ask | Step::Succeed(_) | Step::Nothing(_) => drop(breaker.try_acquire(now)),
                Step::Fail(_, unit) => {
                    if let Ok(permit) = breaker.try_acquire(now) {
                        breaker.on_failure(permit, now, unit);
                    }
                }
            }
        }
        now += SPEC.max_open_for.mul_f64(1.1);
        for _ in 0..probes {
            succeed(&mut breaker, now);
        }
        prop_assert_eq!(breaker.circuit(now), Circuit::Closed);
    }
}
