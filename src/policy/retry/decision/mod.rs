//! The retry decision: after a failed attempt, whether there is another one, and when.
//!
//! One pure function decides, [`decide`], and asks in this order: may a failure of this class be
//! retried at all, is an attempt left, may the request be repeated, is there time, and at the very
//! end, because the question takes something out of it, does the retry budget allow it.

use super::backoff::Backoff;
use crate::model::failure::{Again, Failure, GiveUp};
use crate::model::time::deadline::Deadline;
use crate::model::time::jitter;
use std::time::{Duration, Instant};
use thiserror::Error;

/// The most attempts that a policy may allow.
pub const MOST_ATTEMPTS: u32 = 20;

/// Jitter on top of a wait that the upstream asked for, as a divisor: up to a tenth of it.
const RETRY_AFTER_JITTER: u32 = 10;

/// Where the request stands after the failed attempt.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// Attempts made so far, the failed one included, the one with a new token not.
    pub attempts_made: u32,
    /// Whether the upstream may safely receive the request twice (RFC 9110, section 9.2.2).
    pub repeatable: bool,
    /// When the answer must be there.
    pub deadline: Deadline,
    /// The present.
    pub now: Instant,
    /// The shortest time in which an attempt can be of any use.
    pub minimum_useful: Duration,
}

/// Why a retry policy is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RetryPolicyError {
    /// `max_attempts` is zero or above [`MOST_ATTEMPTS`].
    #[error(
        "max_attempts must be 1 to {MOST_ATTEMPTS}, the first attempt included, but is {found}"
    )]
    MaxAttempts {
        /// The number given.
        found: u32,
    },
}

/// How often a request may be tried, and the waits in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    max_attempts: u32,
    backoff: Backoff,
}

impl RetryPolicy {
    /// `max_attempts` counts the first attempt too, but not the one with a new token after a 401.
    ///
    /// # Errors
    /// If `max_attempts` is not 1 to [`MOST_ATTEMPTS`].
    pub fn try_new(max_attempts: u32, backoff: Backoff) -> Result<Self, RetryPolicyError> {
        if (1..=MOST_ATTEMPTS).contains(&max_attempts) {
            Ok(Self { max_attempts, backoff })
        } else {
            Err(RetryPolicyError::MaxAttempts { found: max_attempts })
        }
    }

    /// The most attempts, the first included.
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// The waits where the upstream asks for none.
    pub fn backoff(&self) -> Backoff {
        self.backoff
    }
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Wait this long, then try again.
    RetryAfter(Duration),
    /// The failure stands.
    GiveUp(GiveUp),
}

/// Decides about the attempt after `failure`. `unit` is a random number in `[0, 1)`.
/// `budget_allows` is called at most once, and only if everything else speaks for a retry.
///
/// Outside the budget is also what the upstream had no work with: a restart may meet any number of
/// requests at once, and none of them needs to be lost.
pub fn decide(
    failure: &Failure,
    situation: Situation,
    policy: &RetryPolicy,
    unit: f64,
    budget_allows: &mut dyn FnMut() -> bool,
) -> Decision {
    match plan(failure, situation, policy, unit) {
        Ok(wait) if failure.facts().again == Again::OutsideBudget || budget_allows() => {
            Decision::RetryAfter(wait)
        }
        Ok(_) => Decision::GiveUp(GiveUp::BudgetSpent),
        Err(reason) => Decision::GiveUp(reason),
    }
}

/// The wait before the retry that would be made if the budget had no say.
fn plan(
    failure: &Failure,
    situation: Situation,
    policy: &RetryPolicy,
    unit: f64,
) -> Result<Duration, GiveUp> {
    match failure.facts().again {
        // The one attempt with a new token is made where tokens are known.
        Again::Never | Again::NotAttempted | Again::WithNewToken => return Err(GiveUp::Final),
        Again::Later | Again::OutsideBudget => {}
    }
    if situation.attempts_made >= policy.max_attempts {
        return Err(GiveUp::AttemptsUsedUp);
    }
    if failure.request_sent && !situation.repeatable {
        return Err(GiveUp::NotRepeatable);
    }
    wait_before_retry(failure, situation, policy, unit)
}

fn wait_before_retry(
    failure: &Failure,
    situation: Situation,
    policy: &RetryPolicy,
    unit: f64,
) -> Result<Duration, GiveUp> {
    let Some(wait) = failure.retry_after else {
        return backoff_wait(situation, policy.backoff, unit);
    };
    let spread = wait.saturating_add(jitter::share(wait / RETRY_AFTER_JITTER, unit));
    if fits(situation, spread) {
        Ok(spread)
    } else if fits(situation, wait) {
        // The upstream's wait is binding, our jitter is not.
        Ok(wait)
    } else {
        Err(GiveUp::NoTimeLeft { wait })
    }
}

fn backoff_wait(situation: Situation, backoff: Backoff, unit: f64) -> Result<Duration, GiveUp> {
    let retry_number = situation.attempts_made;
    let left = situation.deadline.remaining(situation.now);
    let room = left.saturating_sub(situation.minimum_useful);
    backoff
        .delay_within(room, retry_number, unit)
        .filter(|wait| fits(situation, *wait))
        .ok_or_else(|| GiveUp::NoTimeLeft { wait: backoff.delay(retry_number, unit) })
}

/// Whether a useful attempt after `wait` ends before the deadline.
fn fits(situation: Situation, wait: Duration) -> bool {
    situation.deadline.fits(situation.now, wait.saturating_add(situation.minimum_useful))
}

#[cfg(test)]
mod tests;
