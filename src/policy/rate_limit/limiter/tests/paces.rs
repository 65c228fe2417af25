//! An upstream that wants calls to be so far apart.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{in_ms, limiter, permits, send};
use crate::clock;
use crate::policy::rate_limit::hold::Hold;
use crate::policy::rate_limit::throttled::Throttled;

/// The upstream's word that calls are to be so far apart until then.
pub(super) fn pace(interval: Duration, until: std::time::Instant) -> impl FnOnce(&mut Hold) {
    move |hold| hold.pace(clock::now(), interval, until, "ratelimit")
}

#[tokio::test(start_paused = true)]
async fn a_pace_spreads_permits_until_it_ends() {
    let limiter = limiter(None);
    limiter.bucket(None).heed(pace(Duration::from_millis(100), in_ms(250)));
    let times: Vec<_> = permits(&limiter, 6).await.into_iter().map(|(_, time)| time).collect();
    assert!(times[1] >= 100 && times[2] >= 200, "{times:?}");
    assert!(times[5] <= 300, "after its end there is no pace: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pace_that_leaves_no_room_in_time_refuses_at_once_and_says_whose_word_it_was() {
    let bucket = limiter(None).bucket(None);
    bucket.heed(pace(Duration::from_secs(1), in_ms(60_000)));
    send(&bucket, in_ms(1)).await.unwrap();
    let (waiting, start) = (Arc::clone(&bucket), Instant::now());
    let waiter = tokio::spawn(async move { send(&waiting, in_ms(10_000)).await });
    tokio::task::yield_now().await;
    let refused = send(&bucket, in_ms(1_500)).await.unwrap_err();
    assert!(matches!(refused, Throttled::ByUpstream { .. }), "{refused:?}");
    assert_eq!(start.elapsed().as_millis(), 0);
    waiter.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_paced_queue_refuses_those_whose_turn_comes_too_late() {
    // One permit each 100 ms, and 350 ms of patience: after the first at once, three can wait.
    let limiter = Arc::new(limiter(None));
    limiter.bucket(None).heed(pace(Duration::from_millis(100), in_ms(10_000)));
    let before = Instant::now();
    let mut waiters = JoinSet::new();
    for _ in 0..10 {
        let bucket = limiter.bucket(None);
        waiters.spawn(async move { (send(&bucket, in_ms(350)).await, Instant::now()) });
        tokio::task::yield_now().await;
    }
    let answers = waiters.join_all().await;
    let refused: Vec<_> = answers.iter().filter(|(permit, _)| permit.is_err()).collect();
    assert_eq!(refused.len(), 6);
    for (permit, at) in refused {
        assert_eq!(*at, before, "nothing was waited for");
        assert!(matches!(permit, Err(Throttled::ByUpstream { .. })), "{permit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pace_that_ends_soon_refuses_nobody_who_can_go_after_it() {
    let limiter = Arc::new(limiter(None));
    limiter.bucket(None).heed(pace(Duration::from_millis(100), in_ms(250)));
    let mut waiters = JoinSet::new();
    for _ in 0..50 {
        let bucket = limiter.bucket(None);
        waiters.spawn(async move { send(&bucket, in_ms(400)).await.is_ok() });
        tokio::task::yield_now().await;
    }
    assert!(waiters.join_all().await.into_iter().all(|permitted| permitted));
}
