use super::*;
use crate::model::time::test_clock::{ms, start};

fn crm() -> Id {
    Id::try_new("crm").expect("an id")
}

fn recording() -> (Arc<Progress>, Recorder, Instant) {
    let progress = Arc::new(Progress::default());
    let now = start();
    let recorder = progress.recorder(crm(), Target::sample().into(), now);
    (progress, recorder, now)
}

fn new_attempt(span_id: u64, resend: u32) -> NewAttempt {
    NewAttempt { span_id, resend, is_probe: false }
}

fn gone() -> Failure {
    Failure::new(FailureKind::NotWaitedFor, "not waited for: the caller went away")
}

#[test]
fn what_is_given_up_half_way_has_its_attempts_and_ends_at_that_moment() {
    let (progress, recorder, now) = recording();
    let first = recorder.begin_attempt(new_attempt(7, 0), now);
    recorder.end_attempt(first, Some(503), Some(FailureKind::Unavailable), now + ms(10));
    let _second =
        recorder.begin_attempt(NewAttempt { is_probe: true, ..new_attempt(8, 1) }, now + ms(20));
    let records = progress.give_up(&gone(), now + ms(50));
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!((record.attempts, record.outcome), (2, Outcome::Skipped));
    assert_eq!(record.error.as_deref(), Some("not waited for: the caller went away"));
    assert_eq!(record.latency, ms(50));
    let told: Vec<_> = record
        .spans
        .iter()
        .filter_map(|span| Some((span.attempt()?, span.end)))
        .map(|(attempt, end)| (attempt.span_id, attempt.failure, attempt.is_probe, end - now))
        .collect();
    let expected = [
        (7, Some(FailureKind::Unavailable), false, ms(10)),
        (8, Some(FailureKind::NotWaitedFor), true, ms(50)),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_source_that_had_answered_keeps_its_outcome_when_the_others_are_given_up() {
    let (progress, recorder, now) = recording();
    let attempt = recorder.begin_attempt(new_attempt(7, 0), now);
    recorder.end_attempt(attempt, Some(200), None, now + ms(10));
    recorder.finish(Outcome::Ok, 200, None, ms(10));
    let record = progress.give_up(&gone(), now + ms(50)).remove(0);
    assert_eq!((record.outcome, record.status, record.error), (Outcome::Ok, 200, None));
    assert_eq!((record.latency, record.spans.len()), (ms(10), 1));
}

#[test]
fn what_comes_after_the_end_changes_nothing() {
    let (progress, recorder, now) = recording();
    let attempt = recorder.begin_attempt(new_attempt(7, 0), now);
    recorder.close(FailureKind::Timeout, now + ms(10));
    recorder.end_attempt(attempt, Some(200), None, now + ms(20));
    recorder.attempt_failed(FailureKind::Rejected);
    recorder.breaker_changed(BreakerChange::Opened);
    recorder.begin_attempt(new_attempt(8, 1), now + ms(20));
    recorder.note(SpanKind::Connect, now, now + ms(20));
    assert_eq!(recorder.attempts(), 1);
    let spans = progress.take(&crm()).spans;
    assert_eq!(spans.len(), 1);
    let attempt = spans[0].attempt().expect("the attempt");
    assert_eq!((attempt.failure, attempt.breaker), (Some(FailureKind::Timeout), None));
    assert_eq!(spans[0].end, now + ms(10));
}

#[test]
fn a_wait_that_took_no_time_is_none_but_a_token_is_always_told_of() {
    let (progress, recorder, now) = recording();
    for kind in [SpanKind::RateLimit, SpanKind::Backoff, SpanKind::Pause, SpanKind::Token] {
        let wait = recorder.begin(kind, now);
        recorder.end(wait, now + Duration::from_micros(99));
    }
    let wait = recorder.begin(SpanKind::RateLimit, now);
    recorder.end(wait, now + Duration::from_micros(100));
    let kinds: Vec<_> = progress.take(&crm()).spans.into_iter().map(|span| span.kind).collect();
    assert_eq!(kinds, [SpanKind::Token, SpanKind::RateLimit]);
}

#[test]
fn what_becomes_known_of_an_attempt_later_is_added_to_the_one_that_has_just_ended() {
    let (progress, recorder, now) = recording();
    // Two at a time: the one that began first ends last.
    let first = recorder.begin_attempt(new_attempt(7, 0), now);
    let second = recorder.begin_attempt(new_attempt(8, 0), now);
    recorder.end_attempt(second, Some(429), None, now + ms(1));
    recorder.attempt_failed(FailureKind::Throttled);
    recorder.end_attempt(first, Some(200), None, now + ms(2));
    recorder.breaker_changed(BreakerChange::Closed);
    let spans = progress.take(&crm()).spans;
    let told: Vec<_> = spans
        .iter()
        .filter_map(Span::attempt)
        .map(|attempt| (attempt.number, attempt.failure, attempt.breaker))
        .collect();
    let expected =
        [(1, None, Some(BreakerChange::Closed)), (2, Some(FailureKind::Throttled), None)];
    assert_eq!(told, expected);
}
