//! With paused time: the clock moves only when everybody waits.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Limiter, LimiterSnapshot, MANY_LANES, Refused};
use crate::domain::source::RateLimitSpec;
use crate::upstream::clock;

fn spec(requests: u32, per_ms: u64, burst: u32, max_wait_ms: u64) -> RateLimitSpec {
    RateLimitSpec {
        requests: NonZeroU32::new(requests).unwrap(),
        per: Duration::from_millis(per_ms),
        burst: NonZeroU32::new(burst).unwrap(),
        key: None,
        max_wait: Duration::from_millis(max_wait_ms),
    }
}

fn in_ms(ms: u64) -> std::time::Instant {
    clock::now() + Duration::from_millis(ms)
}

/// When each of `count` waiters, which came one after the other, got its permit, in ms.
async fn permits(limiter: &Limiter, count: usize) -> Vec<(usize, u128)> {
    let start = Instant::now();
    let mut waiters = JoinSet::new();
    for number in 0..count {
        let lane = limiter.lane(None);
        let deadline = in_ms(60_000);
        waiters.spawn(async move {
            lane.acquire(deadline).await.unwrap();
            (number, start.elapsed().as_millis())
        });
        tokio::task::yield_now().await;
    }
    waiters.join_all().await
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_at_once_and_the_rest_evenly_spread() {
    let limiter = Limiter::new(Some(spec(10, 1_000, 2, 10_000)));
    let times: Vec<_> = permits(&limiter, 5).await.into_iter().map(|(_, time)| time).collect();
    for (time, expected) in times.into_iter().zip([0, 0, 100, 200, 300]) {
        assert!((expected..expected + 5).contains(&time), "{time} ms instead of {expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn permits_come_in_the_order_of_arrival() {
    let limiter = Limiter::new(Some(spec(100, 1_000, 1, 10_000)));
    let mut order = permits(&limiter, 20).await;
    order.sort_by_key(|&(_, time)| time);
    let order: Vec<_> = order.into_iter().map(|(number, _)| number).collect();
    assert_eq!(order, (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_cannot_come_in_time_is_refused_at_once() {
    let limiter = Limiter::new(Some(spec(1, 1_000, 1, 500)));
    let lane = limiter.lane(None);
    lane.acquire(in_ms(60_000)).await.unwrap();
    let before = Instant::now();
    let refused = lane.acquire(in_ms(60_000)).await.unwrap_err();
    assert!(matches!(refused, Refused::OwnLimit { wait } if wait > Duration::from_millis(900)));
    assert_eq!(before.elapsed(), Duration::ZERO, "nothing was waited for");
}

#[tokio::test(start_paused = true)]
async fn a_long_line_refuses_those_whose_turn_comes_too_late() {
    // One permit each 100 ms, and 250 ms of patience: two can wait.
    let limiter = Arc::new(Limiter::new(Some(spec(10, 1_000, 1, 250))));
    let mut waiters = JoinSet::new();
    for _ in 0..6 {
        let lane = limiter.lane(None);
        waiters.spawn(async move { lane.acquire(in_ms(60_000)).await.is_ok() });
        tokio::task::yield_now().await;
    }
    let permitted = waiters.join_all().await.into_iter().filter(|permitted| *permitted).count();
    assert_eq!(permitted, 3, "one at once, two after a wait");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_gives_up_makes_room_for_the_next() {
    let limiter = Limiter::new(Some(spec(1, 1_000, 1, 1_500)));
    let lane = limiter.lane(None);
    lane.acquire(in_ms(60_000)).await.unwrap();
    let given_up = Arc::clone(&lane);
    let task = tokio::spawn(async move { given_up.acquire(in_ms(60_000)).await });
    tokio::task::yield_now().await;
    assert!(lane.acquire(in_ms(60_000)).await.is_err(), "the second in the line is too late");
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    lane.acquire(in_ms(60_000)).await.expect("it is the first in the line now");
}

#[tokio::test(start_paused = true)]
async fn one_keys_exhaustion_does_not_touch_another() {
    let limiter = Limiter::new(Some(spec(1, 60_000, 1, 0)));
    limiter.lane(Some("a")).acquire(in_ms(1_000)).await.unwrap();
    limiter.lane(Some("a")).acquire(in_ms(1_000)).await.unwrap_err();
    limiter.lane(Some("b")).acquire(in_ms(1_000)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_everybody_back_and_says_whose_word_it_was() {
    let limiter = Limiter::new(None);
    let lane = limiter.lane(None);
    lane.pause(in_ms(2_000));
    lane.pause(in_ms(500));
    let refused = lane.acquire(in_ms(1_000)).await.unwrap_err();
    assert_eq!(refused, Refused::UpstreamsWord { wait: Duration::from_secs(2) });
    let start = Instant::now();
    lane.acquire(in_ms(5_000)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2), "a shorter pause does not end a longer one");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_counts_those_who_wait_and_tells_the_longest_hold_of_all_keys() {
    let limiter = Arc::new(Limiter::new(Some(spec(1, 60_000, 1, 90_000))));
    assert_eq!(limiter.snapshot(clock::now()), LimiterSnapshot::default());
    limiter.lane(None).acquire(in_ms(1_000)).await.unwrap();
    let lane = limiter.lane(None);
    let waiter = tokio::spawn(async move { lane.acquire(in_ms(100_000)).await });
    tokio::task::yield_now().await;
    limiter.lane(Some("a")).pause(in_ms(500));
    limiter.lane(Some("b")).pace(Duration::from_millis(100), in_ms(2_000));
    let held_for = Some(Duration::from_secs(2));
    let expected = LimiterSnapshot { waiting: 1, held_for, keys: 2 };
    assert_eq!(limiter.snapshot(clock::now()), expected);
    waiter.await.unwrap().unwrap();
    assert_eq!(limiter.snapshot(clock::now()), LimiterSnapshot { keys: 2, ..Default::default() });
}

#[tokio::test(start_paused = true)]
async fn a_pace_spreads_permits_until_it_ends() {
    let limiter = Limiter::new(None);
    limiter.lane(None).pace(Duration::from_millis(100), in_ms(250));
    let times: Vec<_> = permits(&limiter, 6).await.into_iter().map(|(_, time)| time).collect();
    assert!(times[1] >= 100 && times[2] >= 200, "{times:?}");
    assert!(times[5] <= 300, "after its end there is no pace: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pace_that_leaves_no_room_in_time_refuses_at_once_and_says_whose_word_it_was() {
    let lane = Limiter::new(None).lane(None);
    lane.pace(Duration::from_secs(1), in_ms(60_000));
    lane.acquire(in_ms(1)).await.unwrap();
    let (waiting, start) = (Arc::clone(&lane), Instant::now());
    let waiter = tokio::spawn(async move { waiting.acquire(in_ms(10_000)).await });
    tokio::task::yield_now().await;
    let refused = lane.acquire(in_ms(1_500)).await.unwrap_err();
    assert!(matches!(refused, Refused::UpstreamsWord { .. }), "{refused:?}");
    assert_eq!(start.elapsed().as_millis(), 0);
    waiter.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_told_to_go_slow_is_not_forgotten() {
    let limiter = Limiter::new(None);
    let slow = limiter.lane(Some("slow"));
    slow.pace(Duration::from_secs(1), in_ms(10_000));
    slow.acquire(in_ms(1)).await.unwrap();
    for key in 0..MANY_LANES {
        limiter.lane(Some(&format!("key {key}")));
    }
    assert!(Arc::ptr_eq(&slow, &limiter.lane(Some("slow"))));
}

#[tokio::test(start_paused = true)]
async fn a_paced_line_refuses_those_whose_turn_comes_too_late() {
    // One permit each 100 ms, and 350 ms of patience: after the first at once, three can wait.
    let limiter = Arc::new(Limiter::new(None));
    limiter.lane(None).pace(Duration::from_millis(100), in_ms(10_000));
    let before = Instant::now();
    let mut waiters = JoinSet::new();
    for _ in 0..10 {
        let lane = limiter.lane(None);
        waiters.spawn(async move { (lane.acquire(in_ms(350)).await, Instant::now()) });
        tokio::task::yield_now().await;
    }
    let answers = waiters.join_all().await;
    let refused: Vec<_> = answers.iter().filter(|(permit, _)| permit.is_err()).collect();
    assert_eq!(refused.len(), 6);
    for (permit, at) in refused {
        assert_eq!(*at, before, "nothing was waited for");
        assert!(matches!(permit, Err(Refused::UpstreamsWord { .. })), "{permit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pace_that_ends_soon_refuses_nobody_who_can_go_after_it() {
    let limiter = Arc::new(Limiter::new(None));
    limiter.lane(None).pace(Duration::from_millis(100), in_ms(250));
    let mut waiters = JoinSet::new();
    for _ in 0..50 {
        let lane = limiter.lane(None);
        waiters.spawn(async move { lane.acquire(in_ms(400)).await.is_ok() });
        tokio::task::yield_now().await;
    }
    assert!(waiters.join_all().await.into_iter().all(|permitted| permitted));
}

#[tokio::test(start_paused = true)]
async fn keys_at_rest_are_forgotten_when_there_are_many() {
    let limiter = Limiter::new(Some(spec(1_000, 1_000, 1, 0)));
    for key in 0..MANY_LANES {
        limiter.lane(Some(&key.to_string())).acquire(in_ms(1_000)).await.unwrap();
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    limiter.lane(Some("0")).pace(Duration::from_millis(100), in_ms(1_000));
    limiter.lane(Some("one more"));
    assert_eq!(limiter.keyed.lock().unwrap().len(), 2, "the upstream's word is kept in mind");
}
