//! With paused time: the clock moves only when everybody waits.

mod paces;
mod properties;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{BUCKETS_LEFT, Bucket, Limiter, LimiterSnapshot, MANY_BUCKETS, MOST_BUCKETS};
use crate::clock;
use crate::policy::rate_limit::rate_limit_spec::RateLimitSpec;
use crate::policy::rate_limit::throttled::Throttled;
use paces::pace;

fn spec(requests: u32, per_ms: u64, burst: u32, max_wait_ms: u64) -> RateLimitSpec {
    RateLimitSpec {
        requests: NonZeroU32::new(requests).unwrap(),
        per: Duration::from_millis(per_ms),
        burst: NonZeroU32::new(burst).unwrap(),
        key: None,
        max_wait: Duration::from_millis(max_wait_ms),
    }
}

fn limiter(spec: impl Into<Option<RateLimitSpec>>) -> Limiter {
    Limiter::new("crm", spec.into())
}

fn in_ms(ms: u64) -> std::time::Instant {
    clock::now() + Duration::from_millis(ms)
}

/// Waits for a permit and sends the request at once.
async fn send(bucket: &Arc<Bucket>, deadline: std::time::Instant) -> Result<(), Throttled> {
    bucket.acquire(deadline).await?.sent();
    Ok(())
}

/// When each of `count` waiters, which came one after the other, got its permit, in ms.
async fn permits(limiter: &Limiter, count: usize) -> Vec<(usize, u128)> {
    let start = Instant::now();
    let mut waiters = JoinSet::new();
    for number in 0..count {
        let bucket = limiter.bucket(None);
        let deadline = in_ms(60_000);
        waiters.spawn(async move {
            send(&bucket, deadline).await.unwrap();
            (number, start.elapsed().as_millis())
        });
        tokio::task::yield_now().await;
    }
    waiters.join_all().await
}

/// The same, without the numbers and in order of time.
async fn times(limiter: &Limiter, count: usize) -> Vec<u128> {
    let mut times: Vec<_> = permits(limiter, count).await.into_iter().map(|(_, at)| at).collect();
    times.sort_unstable();
    times
}

#[track_caller]
fn assert_close(times: &[u128], expected: &[u128]) {
    assert_eq!(times.len(), expected.len());
    for (time, expected) in times.iter().zip(expected) {
        assert!(
            (*expected..expected + 5).contains(time),
            "{time} instead of {expected}: {times:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_rest_all_go_at_once_and_never_more_in_any_such_time() {
    let limiter = limiter(spec(50, 1_000, 50, 10_000));
    // 30 ms are put on top, because not all ways to the upstream take the same time.
    let expected = [[0; 50], [1_030; 50], [2_060; 50]].concat();
    assert_close(&times(&limiter, 150).await, &expected);
}

#[tokio::test(start_paused = true)]
async fn fifty_callers_at_once_do_not_wait_for_a_limit_of_three_hundred_a_minute() {
    let limiter = limiter(spec(300, 60_000, 300, 0));
    assert_eq!(times(&limiter, 50).await, [0; 50]);
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_at_once_and_the_rest_evenly_spread() {
    let limiter = limiter(spec(5, 1_000, 2, 10_000));
    // Two at once and then one each 200 ms, but five in a second at most.
    assert_close(&times(&limiter, 8).await, &[0, 0, 200, 400, 600, 1_030, 1_030, 1_230]);
}

#[tokio::test(start_paused = true)]
async fn a_burst_above_the_limit_goes_at_once_and_the_rest_evenly_spread() {
    let limiter = limiter(spec(5, 1_000, 9, 10_000));
    let expected = [[0; 9].as_slice(), &[200, 400, 600, 800, 1_000, 1_200]].concat();
    assert_close(&times(&limiter, 15).await, &expected);
}

#[tokio::test(start_paused = true)]
async fn a_request_counts_from_when_it_leaves() {
    let bucket = limiter(spec(1, 1_000, 1, 10_000)).bucket(None);
    let start = Instant::now();
    let connecting = bucket.acquire(in_ms(1)).await.unwrap();
    let next = Arc::clone(&bucket);
    let waiter = tokio::spawn(async move { send(&next, in_ms(10_000)).await });
    clock::sleep_until(in_ms(3_000)).await;
    assert!(!waiter.is_finished(), "the first may leave at any moment");
    connecting.sent();
    waiter.await.unwrap().unwrap();
    assert_close(&[start.elapsed().as_millis()], &[4_030]);
}

#[tokio::test(start_paused = true)]
async fn a_permit_whose_request_was_not_sent_is_the_next_ones_at_once() {
    let bucket = limiter(spec(1, 60_000, 1, 90_000)).bucket(None);
    let unsent = bucket.acquire(in_ms(1)).await.unwrap();
    let next = Arc::clone(&bucket);
    let waiter = tokio::spawn(async move { send(&next, in_ms(90_000)).await });
    tokio::task::yield_now().await;
    let start = Instant::now();
    drop(unsent);
    waiter.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    // That one was sent: it counts.
    assert!(matches!(bucket.acquire(in_ms(50_000)).await, Err(Throttled::ByUs { .. })));
}

#[tokio::test(start_paused = true)]
async fn permits_come_in_the_order_of_arrival() {
    let limiter = limiter(spec(100, 1_000, 1, 10_000));
    let mut order = permits(&limiter, 20).await;
    order.sort_by_key(|&(_, time)| time);
    let order: Vec<_> = order.into_iter().map(|(number, _)| number).collect();
    assert_eq!(order, (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_cannot_come_in_time_is_refused_at_once() {
    let limiter = limiter(spec(1, 1_000, 1, 500));
    let bucket = limiter.bucket(None);
    send(&bucket, in_ms(60_000)).await.unwrap();
    let before = Instant::now();
    let refused = send(&bucket, in_ms(60_000)).await.unwrap_err();
    assert!(matches!(refused, Throttled::ByUs { wait } if wait > Duration::from_millis(900)));
    assert_eq!(before.elapsed(), Duration::ZERO, "nothing was waited for");
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_refuses_those_whose_turn_comes_too_late() {
    // One permit each 100 ms, and 250 ms of patience: two can wait.
    let limiter = Arc::new(limiter(spec(10, 1_000, 1, 250)));
    let mut waiters = JoinSet::new();
    for _ in 0..6 {
        let bucket = limiter.bucket(None);
        waiters.spawn(async move { send(&bucket, in_ms(60_000)).await.is_ok() });
        tokio::task::yield_now().await;
    }
    let permitted = waiters.join_all().await.into_iter().filter(|permitted| *permitted).count();
    assert_eq!(permitted, 3, "one at once, two after a wait");
}

#[tokio::test(start_paused = true)]
async fn a_window_refuses_those_who_do_not_fit_into_the_next_one_in_time() {
    let limiter = Arc::new(limiter(spec(10, 1_000, 10, 1_500)));
    let start = Instant::now();
    let mut waiters = JoinSet::new();
    for _ in 0..30 {
        let bucket = limiter.bucket(None);
        waiters.spawn(async move {
            (send(&bucket, in_ms(60_000)).await.is_ok(), start.elapsed().as_millis())
        });
        tokio::task::yield_now().await;
    }
    let answers = waiters.join_all().await;
    let times = |wanted: bool| -> Vec<_> {
        answers.iter().filter(|(is_ok, _)| *is_ok == wanted).map(|(_, at)| *at).collect()
    };
    assert_close(&times(true), &[[0; 10], [1_030; 10]].concat());
    assert_eq!(times(false), [0; 10], "nothing was waited for");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_gives_up_makes_room_for_the_next() {
    let limiter = limiter(spec(1, 1_000, 1, 1_500));
    let bucket = limiter.bucket(None);
    send(&bucket, in_ms(60_000)).await.unwrap();
    let given_up = Arc::clone(&bucket);
    let task = tokio::spawn(async move { send(&given_up, in_ms(60_000)).await });
    tokio::task::yield_now().await;
    assert!(send(&bucket, in_ms(60_000)).await.is_err(), "the second in the queue is too late");
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    send(&bucket, in_ms(60_000)).await.expect("it is the first in the queue now");
}

#[tokio::test(start_paused = true)]
async fn one_keys_exhaustion_does_not_touch_another() {
    let limiter = limiter(spec(1, 60_000, 1, 0));
    send(&limiter.bucket(Some("a")), in_ms(1_000)).await.unwrap();
    send(&limiter.bucket(Some("a")), in_ms(1_000)).await.unwrap_err();
    send(&limiter.bucket(Some("b")), in_ms(1_000)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_everybody_back_and_says_whose_word_it_was() {
    let limiter = limiter(None);
    let bucket = limiter.bucket(None);
    bucket.heed(|hold| hold.pause(in_ms(2_000), "retry-after"));
    bucket.heed(|hold| hold.pause(in_ms(500), "retry-after"));
    let refused = send(&bucket, in_ms(1_000)).await.unwrap_err();
    assert_eq!(refused, Throttled::ByUpstream { wait: Duration::from_secs(2) });
    let start = Instant::now();
    send(&bucket, in_ms(5_000)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2), "a shorter pause does not end a longer one");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_counts_those_who_wait_and_tells_the_longest_hold_of_all_keys() {
    let limiter = Arc::new(limiter(spec(1, 60_000, 1, 90_000)));
    assert_eq!(limiter.snapshot(clock::now()), LimiterSnapshot::default());
    send(&limiter.bucket(None), in_ms(1_000)).await.unwrap();
    let bucket = limiter.bucket(None);
    let waiter = tokio::spawn(async move { send(&bucket, in_ms(100_000)).await });
    tokio::task::yield_now().await;
    limiter.bucket(Some("a")).heed(|hold| hold.pause(in_ms(500), "retry-after"));
    limiter.bucket(Some("b")).heed(pace(Duration::from_millis(100), in_ms(2_000)));
    let held_for = Some((Duration::from_secs(2), "ratelimit"));
    let expected = LimiterSnapshot { waiting: 1, held_for, keys: 2 };
    assert_eq!(limiter.snapshot(clock::now()), expected);
    waiter.await.unwrap().unwrap();
    assert_eq!(limiter.snapshot(clock::now()), LimiterSnapshot { keys: 2, ..Default::default() });
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_told_to_go_slow_is_not_forgotten() {
    let limiter = limiter(None);
    let slow = limiter.bucket(Some("slow"));
    slow.heed(pace(Duration::from_secs(1), in_ms(10_000)));
    send(&slow, in_ms(1)).await.unwrap();
    for key in 0..MANY_BUCKETS {
        limiter.bucket(Some(&format!("key {key}")));
    }
    assert!(Arc::ptr_eq(&slow, &limiter.bucket(Some("slow"))));
}

#[tokio::test(start_paused = true)]
async fn keys_at_rest_are_forgotten_when_there_are_many() {
    let limiter = limiter(spec(1_000, 1_000, 1, 0));
    for key in 0..MANY_BUCKETS {
        send(&limiter.bucket(Some(&key.to_string())), in_ms(1_000)).await.unwrap();
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    limiter.bucket(Some("0")).heed(pace(Duration::from_millis(100), in_ms(1_000)));
    limiter.bucket(Some("one more"));
    assert_eq!(limiter.snapshot(clock::now()).keys, 2, "the upstream's word is kept in mind");
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_only_looked_at_are_forgotten_as_if_nobody_did() {
    let limiter = limiter(spec(1_000, 1_000, 1, 0));
    for key in 0..MANY_BUCKETS {
        limiter.bucket(Some(&key.to_string()));
    }
    // A snapshot has begun, and goes on while others call.
    let looked_at = limiter.keyed_now();
    limiter.bucket(Some("one more"));
    assert_eq!(limiter.snapshot(clock::now()).keys, 1);
    assert!(looked_at.iter().all(|bucket| bucket.upgrade().is_none()));
}

#[tokio::test(start_paused = true)]
async fn of_too_many_keys_those_unused_the_longest_begin_anew() {
    let limiter = limiter(spec(1, 3_600_000, 1, 0));
    let in_use = limiter.bucket(Some("in use"));
    for key in 0..MOST_BUCKETS {
        tokio::time::advance(Duration::from_millis(1)).await;
        send(&limiter.bucket(Some(&key.to_string())), in_ms(1_000)).await.unwrap();
    }
    let keys = limiter.snapshot(clock::now()).keys;
    assert!((BUCKETS_LEFT..MOST_BUCKETS).contains(&keys), "{keys}");
    assert!(Arc::ptr_eq(&in_use, &limiter.bucket(Some("in use"))), "its calls would have two");
    let newest = limiter.bucket(Some(&(MOST_BUCKETS - 1).to_string()));
    assert!(send(&newest, in_ms(1_000)).await.is_err(), "what was used last is kept in mind");
    assert!(send(&limiter.bucket(Some("0")), in_ms(1_000)).await.is_ok());
}
