//! What holds for any pattern of arrivals.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::{limiter, spec};
use crate::clock;

/// tokio's timers are exact to a millisecond.
const TICK: Duration = Duration::from_millis(2);

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy)]
struct Call {
    /// After the one before.
    pause: Duration,
    /// How long it waits for a permit at most.
    patience: Duration,
    /// From the permit to the request's leaving.
    connecting: Duration,
    /// Whether the request leaves at all.
    is_sent: bool,
}

fn any_call() -> impl Strategy<Value = Call> {
    (0_u64..200, 0_u64..3_000, 0_u64..50, 0_u32..4).prop_map(
        |(pause, patience, connecting, dice)| Call {
            pause: ms(pause),
            patience: ms(patience),
            connecting: ms(connecting),
            is_sent: dice > 0,
        },
    )
}

/// Calls that are all patient and sent at once.
fn plain_call() -> impl Strategy<Value = Call> {
    any_call().prop_map(|call| Call { connecting: ms(0), is_sent: true, ..call })
}

/// What became of one call.
#[derive(Debug, Clone, Copy)]
struct Seen {
    number: usize,
    arrived: Instant,
    /// When it had its permit, or was refused.
    answered: Instant,
    is_permitted: bool,
    sent: Option<Instant>,
}

/// Plays the calls; what became of them in the order of their answers.
fn play(requests: u32, per: u64, burst: u32, max_wait: u64, calls: &[Call]) -> Vec<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let bucket = limiter(spec(requests, per, burst, max_wait)).bucket(None);
    let seen = Arc::new(Mutex::new(Vec::new()));
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (number, call) in calls.iter().copied().enumerate() {
            clock::sleep_until(clock::now() + call.pause).await;
            let (bucket, seen, arrived) = (Arc::clone(&bucket), Arc::clone(&seen), clock::now());
            tasks.spawn(async move {
                let permit = bucket.acquire(clock::now() + call.patience).await;
                let (answered, is_permitted) = (clock::now(), permit.is_ok());
                let index = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(Seen { number, arrived, answered, is_permitted, sent: None });
                    seen.len() - 1
                };
                let Ok(permit) = permit else { return };
                clock::sleep_until(clock::now() + call.connecting).await;
                if call.is_sent {
                    permit.sent();
                    seen.lock().unwrap()[index].sent = Some(clock::now());
                }
            });
            tokio::task::yield_now().await;
        }
        tasks.join_all().await;
    });
    let seen = seen.lock().unwrap();
    seen.clone()
}

/// A limit, the time it is for, and a burst of at most the limit.
fn any_limit() -> impl Strategy<Value = (u32, u64, u32)> {
    (1_u32..9, 50_u64..2_000).prop_flat_map(|(requests, per)| {
        (Just(requests), Just(per), prop_oneof![Just(requests), 1..=requests])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn never_more_than_the_limit_leave_in_any_window_and_never_more_than_the_burst_at_once(
        (requests, per, burst) in any_limit(),
        calls in proptest::collection::vec(any_call(), 1..60),
    ) {
        let seen = play(requests, per, burst, 3_000, &calls);
        let mut sent: Vec<_> = seen.iter().filter_map(|call| call.sent).collect();
        sent.sort_unstable();
        for (early, late) in sent.iter().zip(sent.iter().skip(requests as usize)) {
            prop_assert!(*late - *early >= ms(per), "{early:?} {late:?}");
        }
        let permits: Vec<_> =
            seen.iter().filter(|call| call.is_permitted).map(|call| call.answered).collect();
        for (early, late) in permits.iter().zip(permits.iter().skip(burst as usize)) {
            let is_kept = *late - *early + TICK >= ms(per) / requests;
            prop_assert!(burst == requests || is_kept, "{early:?} {late:?}");
        }
    }

    #[test]
    fn permits_come_in_order_of_arrival_and_not_after_the_callers_patience(
        (requests, per, burst) in any_limit(),
        calls in proptest::collection::vec(any_call(), 1..60),
    ) {
        let seen = play(requests, per, burst, 2_000, &calls);
        let permitted: Vec<_> =
            seen.iter().filter(|call| call.is_permitted).map(|call| call.number).collect();
        prop_assert!(permitted.is_sorted(), "{permitted:?}");
        for call in &seen {
            let patience = calls[call.number].patience.min(ms(2_000));
            prop_assert!(call.answered - call.arrived <= patience + TICK, "{call:?}");
        }
    }

    /// A permit comes as soon as window, burst and those in front allow it, and a call is refused only
    /// if its turn would have come too late, should all those who wait in front of it take theirs.
    #[test]
    fn nobody_waits_or_is_refused_in_vain(
        (requests, per, burst) in any_limit(),
        calls in proptest::collection::vec(plain_call(), 1..60),
    ) {
        let mut seen = play(requests, per, burst, 2_000, &calls);
        seen.sort_unstable_by_key(|call| call.number);
        let window = ms(per) + (ms(per) / 32).min(ms(30));
        let interval = ms(per) / requests;
        // When the next one can go, after those who went at these times.
        let next = |gone: &[Instant], arrived: Instant| {
            let out = gone.len().checked_sub(requests as usize).map(|index| gone[index] + window);
            // When all tokens are there again; the next one is there so much earlier.
            let full = gone.iter().copied().reduce(|full, at| (full + interval).max(at));
            let token = full.and_then(|full| (full + interval).checked_sub(interval * (burst - 1)));
            let all = [gone.last().copied(), out, token.filter(|_| burst < requests)];
            all.into_iter().flatten().fold(arrived, Instant::max)
        };
        for (index, call) in seen.iter().enumerate() {
            let permits = seen[..index].iter().filter(|earlier| earlier.is_permitted);
            if call.is_permitted {
                let gone: Vec<_> = permits.map(|earlier| earlier.answered).collect();
                let possible = next(&gone, call.arrived);
                prop_assert!(call.answered <= possible + TICK, "{call:?} could go at {possible:?}");
                continue;
            }
            let waiting = seen[..index].iter().filter(|earlier| earlier.answered > call.arrived);
            let mut gone: Vec<_> =
                permits.map(|earlier| earlier.answered).filter(|at| *at <= call.arrived).collect();
            waiting.for_each(|_| gone.push(next(&gone, call.arrived)));
            let latest = call.arrived + calls[call.number].patience.min(ms(2_000));
            let turn = next(&gone, call.arrived);
            if call.answered == call.arrived {
                // governor counts whole tokens.
                let part = if burst < requests { interval } else { Duration::ZERO };
                prop_assert!(turn + part >= latest, "{call:?} could go at {turn:?}");
            } else {
                // Each timer on the way may have been late by a tick, but by no more.
                let late = TICK * u32::try_from(gone.len()).unwrap();
                prop_assert!(turn + late >= latest, "{call:?} could go at {turn:?}");
            }
        }
    }
}
