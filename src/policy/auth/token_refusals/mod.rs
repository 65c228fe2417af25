//! Which of a source's refusals of a token (401) are taken for a sign that the token has ended.
//!
//! A token can end before its time: it is revoked, or its issuer ends idle ones. Then a new one
//! heals it. But an upstream may also refuse good tokens, all of them or for some ids only, and
//! must not cause a token call for each refusal: that would cost every other source of the
//! credential. What tells the two apart is what becomes of the same request with a new token.
//!
//! ```text
//!            a refusal: it counts                     the new token is refused too
//! Counting ───────────────────────► Trial ─────────────────────────────────────► Ignored
//!    ▲  ▲                            │  │                                           │
//!    │  └─── it is taken; none came ─┘  └─ neither, for 10 s ─┐                     │
//!    └────────────────────────────────────────────────────────┴─ 10 s, 20 s, … 60 s ┘
//! ```
//! Only a request that was refused before decides a trial: a source that refuses some ids takes
//! those of others all the time. Where none came to try the new token, because the time of each was
//! over before it was there, the next refusal counts at once, but only one in a minute: callers in a
//! hurry could cause a token call each otherwise.
//!
//! An upstream that refuses at random takes the same request with the next token, as if the token had
//! ended. So trials that heal are bounded as well: [`MOST_HEALED`] in [`FIRST_WINDOW`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long refusals do not count after a fresh token was refused for the first time; it doubles.
pub const FIRST_WINDOW: Duration = Duration::from_secs(10);
/// The longest time in which refusals do not count. A source that gave no cause for so long after
/// such a time begins with the first window again.
pub const LONGEST_WINDOW: Duration = Duration::from_mins(1);

/// So many trials may heal within [`FIRST_WINDOW`]; refusals do not count until that is over.
pub const MOST_HEALED: usize = 5;

/// What follows from a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The request is to be sent once more with a later token, which is to be fetched.
    Counts,
    /// No token is to be fetched.
    Ignored {
        /// When a refusal counts again.
        until: Instant,
    },
}

/// A time in which refusals do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its end.
    pub until: Instant,
    /// Whether it has just begun, as the first one in its row.
    pub is_news: bool,
}

/// The refusals of one source, for the process.
#[derive(Debug, Clone, Default)]
pub struct TokenRefusals {
    state: State,
    /// Fresh tokens refused in a row.
    in_a_row: u32,
    /// When the last window ends, or ended.
    last_window: Option<Instant>,
    /// When the latest trials healed, the oldest first: [`MOST_HEALED`] at most.
    healed: VecDeque<Instant>,
    /// When a request got no other token the last time.
    undecided: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Counting,
    /// A token later than the refused one is on its way or being tried.
    Trial { refused: u64, until: Instant },
    /// That one was refused as well.
    Ignored { until: Instant },
}

impl TokenRefusals {
    /// A request was refused with the newest token, of this generation.
    pub fn refused(&mut self, generation: u64, now: Instant) -> Refusal {
        match self.state {
            // Sent before the new token was there: it waits for the same one.
            State::Trial { refused, .. } if generation <= refused => {}
            State::Trial { until, .. } | State::Ignored { until } if now < until => {
                return Refusal::Ignored { until };
            }
            State::Counting | State::Trial { .. } | State::Ignored { .. } => {
                if let Some(until) = self.healed_too_often(now) {
                    return Refusal::Ignored { until };
                }
            }
        }
        self.state = State::Trial { refused: generation, until: now + FIRST_WINDOW };
        Refusal::Counts
    }

    /// A request that had been refused was taken with a later token: it was the token's fault.
    pub fn healed(&mut self, now: Instant) {
        // It does not end a window: others were refused with the fresh token all the same.
        let State::Trial { .. } = self.state else { return };
        let mut healed = std::mem::take(&mut self.healed);
        if healed.len() == MOST_HEALED {
            healed.pop_front();
        }
        healed.push_back(now);
        *self = Self { healed, undecided: self.undecided, ..Self::default() };
    }

    /// Until when no further trial begins, if too many have healed of late.
    fn healed_too_often(&self, now: Instant) -> Option<Instant> {
        let oldest = self.healed.front().filter(|_| self.healed.len() == MOST_HEALED)?;
        Some(*oldest + FIRST_WINDOW).filter(|until| now < *until)
    }

    /// A request that had been refused got no other token: nothing was learned.
    pub fn no_token_came(&mut self, now: Instant) {
        let State::Trial { .. } = self.state else { return };
        let last = self.undecided.replace(now);
        if last.is_none_or(|last| now >= last + LONGEST_WINDOW) {
            self.state = State::Counting;
        }
    }

    /// A request that had been refused was refused with the newest token too.
    pub fn refused_again(&mut self, now: Instant) -> Window {
        if let Some(until) = self.ignored_until(now) {
            return Window { until, is_news: false };
        }
        let goes_on = self.last_window.is_some_and(|end| now < end + LONGEST_WINDOW);
        self.in_a_row = if goes_on { self.in_a_row.saturating_add(1) } else { 1 };
        let window = FIRST_WINDOW.saturating_mul(1 << (self.in_a_row - 1).min(16));
        let until = now + window.min(LONGEST_WINDOW);
        self.state = State::Ignored { until };
        self.last_window = Some(until);
        Window { until, is_news: !goes_on }
    }

    /// Until when refusals do not count, if a fresh token was refused and that time is not over.
    pub fn ignored_until(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Ignored { until } if now < until => Some(until),
            State::Counting | State::Trial { .. } | State::Ignored { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
