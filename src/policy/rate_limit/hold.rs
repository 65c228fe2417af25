//! The upstream's own word: until when it wants nothing, and how far apart it wants what comes.

use std::time::{Duration, Instant};

/// What holds calls back at present, if anything does.
#[derive(Debug, Default)]
pub(super) struct Hold {
    pause: Option<Pause>,
    pace: Option<Pace>,
}

/// Nothing is let through before `until`.
#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    /// The header that asked for it.
    header: &'static str,
    /// When one call may try whether it is over. A pause that only follows from what the upstream says
    /// of its budget may be longer than meant.
    probe_at: Option<Instant>,
    /// Whether that call is on its way.
    is_probed: bool,
}

/// Until `until`, calls are at least `interval` apart, the next one not before `next`.
#[derive(Debug, Clone, Copy)]
struct Pace {
    interval: Duration,
    until: Instant,
    next: Instant,
    header: &'static str,
}

impl Hold {
    /// The upstream asked for a pause until then. An earlier end does not shorten one.
    pub(super) fn pause(&mut self, until: Instant, header: &'static str) {
        self.pause_with(until, header, None);
    }

    /// The same, where the pause only follows from what the upstream says of its budget: at half of
    /// it one call tries whether it is over.
    pub(super) fn pause_by_budget(&mut self, now: Instant, until: Instant, header: &'static str) {
        let half = until.saturating_duration_since(now) / 2;
        self.pause_with(until, header, Some(now + half));
    }

    fn pause_with(&mut self, until: Instant, header: &'static str, probe_at: Option<Instant>) {
        if self.pause.is_none_or(|pause| pause.until <= until) {
            self.pause = Some(Pause { until, header, probe_at, is_probed: false });
        }
    }

    /// The call that tried whether a pause is over says that it is.
    pub(super) fn probe_succeeded(&mut self) {
        self.pause = self.pause.filter(|pause| !pause.is_probed);
    }

    /// Until then, calls are at least `interval` apart.
    pub(super) fn pace(
        &mut self,
        now: Instant,
        interval: Duration,
        until: Instant,
        header: &'static str,
    ) {
        let next = self.pace.map_or(now, |pace| pace.next);
        self.pace = Some(Pace { interval, until, next, header });
    }

    /// Whether a call may go now, else when to ask again.
    pub(super) fn check(&self, now: Instant) -> Result<(), Instant> {
        if let Some(pause) = self.pause_at(now).filter(|pause| !pause.lets_probe(now)) {
            return Err(pause.ends_for_next());
        }
        match self.pace_at(now).filter(|pace| pace.next > now) {
            Some(pace) => Err(pace.next.min(pace.until)),
            None => Ok(()),
        }
    }

    /// A call goes.
    pub(super) fn went(&mut self, now: Instant) {
        if let Some(pause) = self.pause.as_mut().filter(|pause| pause.until > now) {
            pause.probe_at = None;
            pause.is_probed = true;
        }
        self.pace = self.pace_at(now).map(|pace| Pace { next: now + pace.interval, ..pace });
    }

    /// From when on somebody with so many ahead can go at the earliest.
    pub(super) fn turn(&self, now: Instant, ahead: u32) -> (Instant, Option<Instant>) {
        let pause = self.pause_at(now);
        let end = match (pause, ahead) {
            (Some(pause), 0) => pause.ends_for_next(),
            (Some(pause), _) => pause.until,
            (None, _) => now,
        };
        let from = end.max(now);
        // Once the pace has ended, the queue moves as fast as the limit itself allows.
        let by_pace = self.pace_at(now).map(|pace| {
            (pace.next.max(from) + pace.interval.saturating_mul(ahead)).min(pace.until)
        });
        (from, by_pace)
    }

    /// Until when calls are held back and by which header's word, if they are.
    pub(super) fn until(&self, now: Instant) -> Option<(Instant, &'static str)> {
        let pause = self.pause_at(now).map(|pause| (pause.until, pause.header));
        let pace = self.pace_at(now).map(|pace| (pace.until, pace.header));
        [pause, pace].into_iter().flatten().max_by_key(|(until, _)| *until)
    }

    fn pause_at(&self, now: Instant) -> Option<Pause> {
        self.pause.filter(|pause| pause.until > now)
    }

    fn pace_at(&self, now: Instant) -> Option<Pace> {
        self.pace.filter(|pace| pace.until > now)
    }
}

impl Pause {
    fn lets_probe(&self, now: Instant) -> bool {
        self.probe_at.is_some_and(|at| at <= now)
    }

    /// When the next call may go.
    fn ends_for_next(&self) -> Instant {
        self.probe_at.map_or(self.until, |at| at.min(self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::test_clock::{ms, start};

    /// So many milliseconds after a beginning.
    fn clock() -> impl Fn(u64) -> Instant {
        let beginning = start();
        move |millis| beginning + ms(millis)
    }

    #[test]
    fn an_earlier_end_does_not_shorten_a_pause() {
        let (at, mut hold) = (clock(), Hold::default());
        assert_eq!(hold.check(at(0)), Ok(()));
        hold.pause(at(100), "retry-after");
        hold.pause(at(50), "ratelimit");
        assert_eq!(hold.check(at(60)), Err(at(100)));
        assert_eq!(hold.until(at(60)), Some((at(100), "retry-after")));
        assert_eq!(hold.check(at(100)), Ok(()));
        assert_eq!(hold.until(at(100)), None);
    }

    #[test]
    fn at_half_of_a_pause_that_was_not_asked_for_one_call_tries_whether_it_is_over() {
        let (at, mut hold) = (clock(), Hold::default());
        hold.pause_by_budget(at(0), at(100), "ratelimit");
        assert_eq!(hold.check(at(10)), Err(at(50)));
        assert_eq!((hold.turn(at(10), 0).0, hold.turn(at(10), 1).0), (at(50), at(100)));
        assert_eq!(hold.check(at(50)), Ok(()));
        hold.went(at(50));
        assert_eq!(hold.check(at(51)), Err(at(100)), "one only");
        hold.probe_succeeded();
        assert_eq!(hold.check(at(52)), Ok(()));
    }

    #[test]
    fn nothing_but_its_own_probe_ends_a_pause_early() {
        let (at, mut hold) = (clock(), Hold::default());
        hold.pause_by_budget(at(0), at(100), "ratelimit");
        // The answer of a call that was on its way before.
        hold.probe_succeeded();
        assert_eq!(hold.check(at(10)), Err(at(50)));
        hold.went(at(50));
        // The probe is told that there is nothing left either.
        hold.pause_by_budget(at(60), at(160), "ratelimit");
        hold.probe_succeeded();
        assert_eq!(hold.check(at(61)), Err(at(110)));
        let mut asked_for = Hold::default();
        asked_for.pause(at(100), "retry-after");
        asked_for.probe_succeeded();
        assert_eq!(asked_for.check(at(99)), Err(at(100)));
    }

    #[test]
    fn a_pace_keeps_calls_apart_until_it_ends() {
        let (at, mut hold) = (clock(), Hold::default());
        hold.pace(at(0), ms(10), at(100), "ratelimit");
        assert_eq!(hold.check(at(0)), Ok(()));
        hold.went(at(0));
        assert_eq!(hold.check(at(3)), Err(at(10)));
        assert_eq!(hold.turn(at(3), 2), (at(3), Some(at(30))));
        assert_eq!(hold.turn(at(3), 50), (at(3), Some(at(100))));
        assert_eq!(hold.check(at(100)), Ok(()));
    }
}
