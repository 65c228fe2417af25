//! What is known of one credential's token, and when the next try to get one may be. Pure: `now`
//! comes in.

use std::time::{Duration, Instant};

use crate::policy::auth::client_credentials::NewToken;
use crate::policy::auth::{Token, TokenError};

/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause while requests wait for a token, after a failure that may pass.
const LONGEST_PAUSE_IN_DEMAND: Duration = Duration::from_secs(1);
/// An endpoint that asks for a longer pause is tried again after this long all the same.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_mins(5);

/// What everybody may know of a credential; survives the actor's restarts.
#[derive(Debug, Clone, Default)]
pub struct TokenStatus {
    /// How many token requests have failed since the start.
    pub failed: u64,
    /// The token at hand.
    pub current: Option<CurrentToken>,
    /// The last failure, if nothing succeeded since.
    pub failure: Option<Failure>,
    /// Counts the tokens so far.
    pub generation: u64,
    /// The latest generation that an upstream refused, and that is to be replaced for it.
    refused: u64,
    /// Fetches since the last token that failed in a way that may pass.
    failed_in_a_row: u32,
    /// The others since then: a refused client, an answer that holds no token. Apart, so that the
    /// first one after an outage does not wait as long as the outage was.
    refused_in_a_row: u32,
    /// When the fetch began that is under way.
    fetching_since: Option<Instant>,
}

/// A token and its end.
#[derive(Debug, Clone)]
pub struct CurrentToken {
    /// The token.
    pub token: Token,
    /// When it was received.
    pub issued: Instant,
    /// When it ends.
    pub expires: Instant,
}

/// Why there is no newer token, and when the next try may be.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What went wrong.
    pub error: TokenError,
    /// How long it took to fail.
    took: Duration,
    /// When the next try is if no request asks for a token before.
    unasked_at: Instant,
    /// No try before then, not even for requests that wait.
    retry_at: Instant,
}

impl Failure {
    /// When the next try is if there is a token as long as that takes.
    fn next_unasked_try(&self) -> Instant {
        self.unasked_at
    }

    /// When it is as soon as a request asks for it, which has no token.
    fn next_asked_try(&self) -> Instant {
        self.retry_at
    }
}

impl TokenStatus {
    /// The token at hand, if it has not ended.
    pub fn valid(&self, now: Instant) -> Option<&CurrentToken> {
        self.current.as_ref().filter(|current| current.expires > now)
    }

    /// The token at hand, if it has not ended and is later than this generation.
    pub fn later_than(&self, generation: u64, now: Instant) -> Option<&CurrentToken> {
        self.valid(now).filter(|current| current.token.generation > generation)
    }

    /// An upstream has refused the token of this generation.
    pub fn is_to_be_replaced(&mut self, generation: u64) {
        self.refused = self.refused.max(generation);
    }

    /// Whether an upstream has refused the token at hand, and none has replaced it yet.
    pub fn is_refused(&self, now: Instant) -> bool {
        self.valid(now).is_some_and(|current| current.token.generation <= self.refused)
    }

    /// When the next try is after a failure; a token that was refused is none.
    pub fn next_try(&self, now: Instant) -> Option<Instant> {
        let has_token = self.valid(now).is_some() && !self.is_refused(now);
        let failure = self.failure.as_ref()?;
        Some(if has_token { failure.next_unasked_try() } else { failure.next_asked_try() })
    }

    /// Whether no fetch has ended yet.
    pub fn is_untried(&self) -> bool {
        self.current.is_none() && self.failure.is_none()
    }

    /// Whether a fetch is under way.
    pub fn is_fetching(&self) -> bool {
        self.fetching_since.is_some()
    }

    /// Whether the endpoint may be asked at the request of somebody who needs a token.
    pub fn may_try(&self, now: Instant) -> bool {
        !self.is_fetching() && self.pause_ends(now).is_none()
    }

    /// When the endpoint may be asked again, if it is left alone at present.
    pub fn pause_ends(&self, now: Instant) -> Option<Instant> {
        self.failure.as_ref().map(|failure| failure.retry_at).filter(|end| now < *end)
    }

    /// When to try without being asked: ahead of the token's end; after a failure. `margin` is the
    /// time before the end. A client that was refused is tried on only as long as there is a token
    /// to renew: otherwise it does not try to log in for nobody.
    pub fn unasked_at(&self, margin: Duration, now: Instant) -> Option<Instant> {
        match (&self.failure, self.valid(now)) {
            (Some(failure), None) if failure.error.is_lasting() => None,
            (Some(failure), _) => Some(failure.unasked_at),
            (None, Some(current)) => Some(current.renew_at(margin)),
            (None, None) => Some(now),
        }
    }

    /// Whether it is in vain for a request with this deadline to wait for the next try: the failure
    /// does not pass by itself and nothing has been tried since, or the try does not end in time if
    /// it takes as long as the last one.
    pub fn is_vain_to_wait(&self, deadline: Instant, now: Instant) -> bool {
        let Some(failure) = &self.failure else { return false };
        let begins = self.fetching_since.unwrap_or_else(|| failure.retry_at.max(now));
        // One that takes longer than the last one did may end any moment.
        let ends = (begins + failure.took).max(now);
        ends >= deadline || (failure.error.is_lasting() && self.pause_ends(now).is_some())
    }

    /// How many fetches have failed so far, if the endpoint has been down for a while: the pauses
    /// have reached their length. A request that comes now is to wait for one try only; one that
    /// was there before it began waits on.
    pub fn failed_if_down(&self) -> Option<u64> {
        let last_pause = pause_after(self.failed_in_a_row.checked_sub(1)?);
        (last_pause >= LONGEST_PAUSE_IN_DEMAND).then_some(self.failed)
    }

    /// The last failure, and when the next try is.
    pub fn backing_off(&self, now: Instant) -> Option<TokenError> {
        self.failure.as_ref().map(|failure| TokenError::BackingOff {
            wait: failure.retry_at.saturating_duration_since(now),
            last: Box::new(failure.error.clone()),
        })
    }

    /// Whether the last fetch did not fail in the same way.
    pub fn is_news(&self, error: &TokenError) -> bool {
        let last = self.failure.as_ref().map(|failure| failure.error.to_string());
        last.is_none_or(|last| last != error.to_string())
    }

    /// A fetch begins.
    pub fn begun(&mut self, now: Instant) {
        self.fetching_since = Some(now);
    }

    /// The fetch that was under way, if there was one, will never end.
    pub fn interrupted(&mut self) {
        self.fetching_since = None;
    }

    /// The fetch that was under way has failed.
    pub fn has_failed(&mut self, error: TokenError, now: Instant) {
        let began = self.fetching_since.take().unwrap_or(now);
        let asked = error.retry_after().unwrap_or_default().min(LONGEST_ASKED_PAUSE);
        let may_pass = error.may_pass_soon();
        let in_a_row =
            if may_pass { &mut self.failed_in_a_row } else { &mut self.refused_in_a_row };
        let backoff = pause_after(*in_a_row);
        let in_demand = if may_pass { backoff.min(LONGEST_PAUSE_IN_DEMAND) } else { backoff };
        self.failed += 1;
        // A shortage of ours says nothing about the endpoint: the next try waits no longer for it.
        if !error.is_shortage() {
            *in_a_row = in_a_row.saturating_add(1);
        }
        self.failure = Some(Failure {
            error,
            took: now.saturating_duration_since(began),
            unasked_at: now + asked.max(backoff),
            retry_at: now + asked.max(in_demand),
        });
    }

    /// The fetch that was under way has brought a token.
    pub fn received(&mut self, new: NewToken, now: Instant) {
        self.fetching_since = None;
        self.generation += 1;
        let token = Token { generation: self.generation, authorization: new.authorization };
        self.current = Some(CurrentToken { token, issued: now, expires: now + new.lifetime });
        self.failure = None;
        self.failed_in_a_row = 0;
        self.refused_in_a_row = 0;
    }
}

impl CurrentToken {
    /// When to renew it; one that lives shorter than twice the margin, at half its life.
    fn renew_at(&self, margin: Duration) -> Instant {
        let lifetime = self.expires.saturating_duration_since(self.issued);
        self.issued + lifetime.saturating_sub(margin).max(lifetime / 2)
    }
}

fn pause_after(earlier_failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << earlier_failures.min(16)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
