use super::*;
use crate::model::time::test_clock::{ms, s, start};
use proptest::prelude::*;

/// A source that has refused a fresh token so many times in a row, each time as soon as its
/// refusals counted again; and when the last window ends.
fn refused_fresh(times: u32) -> (TokenRefusals, Instant) {
    let mut refusals = TokenRefusals::default();
    let mut now = start();
    for generation in 1..=u64::from(times) {
        assert_eq!(refusals.refused(generation, now), Refusal::Counts);
        now = refusals.refused_again(now).until;
    }
    (refusals, now)
}

#[test]
fn a_refusal_counts_and_so_do_those_that_came_with_it() {
    let (mut refusals, now) = (TokenRefusals::default(), start());
    for _ in 0..200 {
        assert_eq!(refusals.refused(7, now), Refusal::Counts);
    }
}

#[test]
fn a_token_that_heals_makes_the_next_refusal_count_at_once() {
    let (mut refusals, now) = (TokenRefusals::default(), start());
    for generation in 1..=MOST_HEALED as u64 {
        assert_eq!(refusals.refused(generation, now), Refusal::Counts);
        refusals.healed(now);
    }
}

#[test]
fn an_upstream_that_refuses_at_random_causes_five_tokens_in_ten_seconds_at_most() {
    let (mut refusals, begin) = (TokenRefusals::default(), start());
    let mut fetched = Vec::new();
    for step in 0..1_000 {
        let now = begin + ms(50) * step;
        if refusals.refused(fetched.len() as u64, now) == Refusal::Counts {
            fetched.push(now);
            refusals.healed(now + ms(1));
        }
    }
    assert_eq!(fetched.len(), 5 * MOST_HEALED);
    for six in fetched.windows(MOST_HEALED + 1) {
        assert!(six[MOST_HEALED] - six[0] >= FIRST_WINDOW);
    }
}

#[test]
fn while_the_new_token_is_tried_no_other_request_asks_for_another() {
    let (mut refusals, now) = (TokenRefusals::default(), start());
    assert_eq!(refusals.refused(1, now), Refusal::Counts);
    let until = now + FIRST_WINDOW;
    assert_eq!(refusals.refused(2, now + ms(1)), Refusal::Ignored { until });
    // Nobody learned what became of it: the time alone ends that.
    assert_eq!(refusals.refused(2, until), Refusal::Counts);
}

#[test]
fn a_refused_fresh_token_makes_refusals_not_count_for_ten_seconds_doubling_to_sixty() {
    let window = |times: u32| {
        let (mut refusals, then) = refused_fresh(times - 1);
        refusals.refused(u64::from(times), then);
        refusals.refused_again(then).until - then
    };
    let windows: Vec<_> = (1..=6).map(window).collect();
    assert_eq!(windows, [s(10), s(20), s(40), s(60), s(60), s(60)]);
    assert_eq!(window(1000), s(60));
}

#[test]
fn many_that_are_refused_again_together_begin_one_window() {
    let (mut refusals, now) = (TokenRefusals::default(), start());
    refusals.refused(1, now);
    let first = refusals.refused_again(now);
    let until = first.until;
    assert!(first.is_news);
    for later in [s(1), s(5), ms(9_999)] {
        assert_eq!(refusals.refused_again(now + later), Window { until, is_news: false });
        assert_eq!(refusals.refused(2, now + later), Refusal::Ignored { until });
        assert_eq!(refusals.ignored_until(now + later), Some(until));
    }
    assert_eq!(refusals.ignored_until(until), None);
    assert!(!refusals.refused_again(until).is_news, "it goes on");
}

#[test]
fn a_success_with_another_id_ends_no_window() {
    let (mut refusals, now) = (TokenRefusals::default(), start());
    refusals.refused(1, now);
    let until = refusals.refused_again(now).until;
    refusals.healed(now);
    assert_eq!(refusals.refused(2, now + ms(1)), Refusal::Ignored { until });
}

#[test]
fn the_window_is_short_again_after_a_quiet_minute_or_a_token_that_healed() {
    let (refusals, until) = refused_fresh(4);
    for (quiet, expected) in [(s(59), s(60)), (s(60), s(10))] {
        let mut refusals = refusals.clone();
        let later = until + quiet;
        assert_eq!(refusals.refused(5, later), Refusal::Counts);
        let window = refusals.refused_again(later);
        assert_eq!(window, Window { until: later + expected, is_news: expected == s(10) });
    }
    let mut refusals = refusals;
    refusals.refused(5, until);
    refusals.healed(until);
    refusals.refused(6, until);
    assert_eq!(refusals.refused_again(until), Window { until: until + s(10), is_news: true });
}

#[test]
fn where_no_new_token_came_the_next_refusal_counts_at_once() {
    let (mut refusals, now) = (TokenRefusals::default(), start());
    assert_eq!(refusals.refused(1, now), Refusal::Counts);
    refusals.no_token_came(now);
    assert_eq!(refusals.refused(2, now), Refusal::Counts);
    let until = refusals.refused_again(now).until;
    refusals.no_token_came(now);
    assert_eq!(refusals.refused(3, now), Refusal::Ignored { until }, "it ends no window");
}

#[test]
fn callers_who_never_wait_for_the_token_cause_one_in_ten_seconds_and_one_more_in_a_minute() {
    let (mut refusals, begin) = (TokenRefusals::default(), start());
    let mut fetched = Vec::new();
    for step in 0..480 {
        let now = begin + ms(250) * step;
        if refusals.refused(fetched.len() as u64, now) == Refusal::Counts {
            fetched.push(now);
            refusals.no_token_came(now + ms(200));
        }
    }
    assert!((12..=15).contains(&fetched.len()), "{} in two minutes", fetched.len());
}

/// What happens to a request: when it is sent, whether its id is one that the upstream refuses,
/// how long each of its exchanges takes.
fn any_request() -> impl Strategy<Value = (u64, bool, u64)> {
    (0_u64..200, proptest::bool::weighted(0.1), 1_u64..2_000)
}

/// Plays requests to a source that refuses some ids for ever and takes all others, several of them
/// at a time, and returns when tokens were fetched.
fn play(requests: &[(u64, bool, u64)], token_takes: Duration) -> Vec<Instant> {
    #[derive(Debug)]
    enum Event {
        First,
        Second,
    }
    let mut now = start();
    let mut events = Vec::new();
    for (gap, is_refused, takes) in requests {
        now += ms(*gap);
        if *is_refused {
            events.push((now + ms(*takes), now, Event::First, ms(*takes)));
        }
    }
    let (mut refusals, mut fetched) = (TokenRefusals::default(), Vec::<Instant>::new());
    let newest = |fetched: &[Instant], at: Instant| {
        1 + fetched.iter().filter(|began| **began + token_takes <= at).count() as u64
    };
    while let Some(next) = (0..events.len()).min_by_key(|i| events[*i].0) {
        let (answered, sent, event, takes) = events.remove(next);
        let generation = newest(&fetched, sent);
        if generation < newest(&fetched, answered) {
            // It is sent again with the newer token, as one that was refused before.
            if let Event::First = event {
                events.push((answered + takes, answered, Event::Second, takes));
            }
            continue;
        }
        match event {
            Event::First => {
                if refusals.refused(generation, answered) == Refusal::Counts {
                    let on_its_way =
                        fetched.last().filter(|began| **began + token_takes > answered);
                    let there = on_its_way.copied().unwrap_or(answered) + token_takes;
                    if on_its_way.is_none() {
                        fetched.push(answered);
                    }
                    events.push((there + takes, there, Event::Second, takes));
                }
            }
            Event::Second => {
                refusals.refused_again(answered);
            }
        }
    }
    fetched
}

proptest! {
    #[test]
    fn ids_that_are_refused_for_ever_cost_one_token_call_in_ten_seconds_at_most(
        requests in proptest::collection::vec(any_request(), 400), token_takes in 0_u64..5_000,
    ) {
        let fetched = play(&requests, ms(token_takes));
        prop_assert_eq!(fetched.is_empty(), requests.iter().all(|(_, is_refused, _)| !is_refused));
        for pair in fetched.windows(2) {
            prop_assert!(pair[1] - pair[0] >= FIRST_WINDOW, "{:?}", pair[1] - pair[0]);
        }
    }
}
