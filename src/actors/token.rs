//! Owns one OAuth credential: fetches its token once for everybody, ahead of its end.
//!
//! ```text
//!            fetch ok                      refresh_before_expiry
//! Missing ──────────────► Valid ──────────────────────────────────► Expiring ─┐ fetch ok
//!    ▲  ▲                   ▲ │ an upstream refused it                 │      │
//!    │  └─ its end comes ───┼─┼───────────────────────────────────────┘      │
//!    │                      └─┼──────────────────────────────────────────────┘
//!    └────────────────────────┘
//! ```
//! A failed fetch changes none of these: a valid token stays in use, and the next try waits,
//! longer after each failure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::fut::ActorFutureExt as _;
use actix::{
    Actor, ActorContext as _, AsyncContext, Context, Handler, Message, SpawnHandle, Supervised,
    WrapFuture as _,
};
use tokio::sync::watch;
use tokio_rustls::rustls::ClientConfig;

use crate::domain::credential::ClientCredentialsSpec;
use crate::domain::ids::Id;
use crate::upstream::auth::client_credentials::{NewToken, TokenClient};
use crate::upstream::auth::{Token, TokenError};
use crate::upstream::clock;
use crate::upstream::origin::OriginError;

/// The wait after the first failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// An endpoint that asks for a longer wait is tried again after this long all the same.
const LONGEST_ASKED_WAIT: Duration = Duration::from_mins(5);
/// A token refused within this time of its issue, or within half its life if that is shorter, was
/// no good from the start.
const YOUNG: Duration = Duration::from_secs(5);

/// See to it that a token is fetched, unless one is at hand or the endpoint is left alone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct GetToken;

/// An upstream refused the token of this generation.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct InvalidateToken {
    /// The refused token's generation; a later token stays.
    pub generation: u64,
    /// The same upstream had taken it before: it has ended, as tokens do.
    pub was_good: bool,
}

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
    /// Fetches that failed since the last token.
    failed_in_a_row: u32,
    /// Tokens in a row that an upstream refused right after their issue.
    refused_young_in_a_row: u32,
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

impl CurrentToken {
    /// Whether it was in use for long enough that it must have been good.
    fn stood_the_test(&self, now: Instant) -> bool {
        let half_its_life = self.expires.saturating_duration_since(self.issued) / 2;
        now.saturating_duration_since(self.issued) >= YOUNG.min(half_its_life)
    }
}

/// Why there is no newer token, and when the next try may be.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What went wrong.
    pub error: TokenError,
    /// No try before then.
    pub retry_at: Instant,
}

impl TokenStatus {
    /// The token at hand, if it has not ended.
    pub fn valid(&self, now: Instant) -> Option<&CurrentToken> {
        self.current.as_ref().filter(|current| current.expires > now)
    }

    /// Whether the last fetch did not fail in the same way.
    fn is_news(&self, error: &TokenError) -> bool {
        let last = self.failure.as_ref().map(|failure| failure.error.to_string());
        last.is_none_or(|last| last != error.to_string())
    }

    fn has_failed(&mut self, error: TokenError, now: Instant) {
        self.failed += 1;
        let asked = error.retry_after().unwrap_or_default().min(LONGEST_ASKED_WAIT);
        let wait = asked.max(wait_after(self.failed_in_a_row));
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        self.failure = Some(Failure { error, retry_at: now + wait });
    }

    fn received(&mut self, new: NewToken, now: Instant) {
        if self.current.as_ref().is_some_and(|current| current.stood_the_test(now)) {
            self.refused_young_in_a_row = 0;
        }
        self.generation += 1;
        let token = Token { generation: self.generation, authorization: new.authorization };
        self.current = Some(CurrentToken { token, issued: now, expires: now + new.lifetime });
        self.failure = None;
        self.failed_in_a_row = 0;
    }

    /// Drops the token if it is of that generation, and says whether it was.
    ///
    /// An upstream that refuses every token fresh from its issue must not make us hammer the
    /// token endpoint: from the second one in a row on, the next fetch waits.
    fn refused(&mut self, refused: InvalidateToken, now: Instant) -> bool {
        let is_it = |current: &mut CurrentToken| current.token.generation == refused.generation;
        let Some(token) = self.current.take_if(is_it) else { return false };
        if refused.was_good || token.stood_the_test(now) {
            self.refused_young_in_a_row = 0;
            return true;
        }
        if let Some(earlier) = self.refused_young_in_a_row.checked_sub(1) {
            let retry_at = now + wait_after(earlier);
            self.failure = Some(Failure { error: TokenError::RefusedByUpstream, retry_at });
        }
        self.refused_young_in_a_row = self.refused_young_in_a_row.saturating_add(1);
        true
    }
}

fn wait_after(earlier_failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << earlier_failures.min(16)).min(LONGEST_WAIT)
}

/// Owns the credential's token.
pub struct TokenActor {
    id: Id,
    spec: Arc<ClientCredentialsSpec>,
    client: Result<TokenClient, OriginError>,
    status: Arc<watch::Sender<TokenStatus>>,
    refreshing: bool,
    /// The planned next fetch.
    planned: Option<SpawnHandle>,
}

impl TokenActor {
    /// An actor that publishes its tokens through `status`.
    pub fn new(
        id: Id,
        spec: Arc<ClientCredentialsSpec>,
        tls: Option<Arc<ClientConfig>>,
        status: Arc<watch::Sender<TokenStatus>>,
    ) -> Self {
        let client = TokenClient::try_new(Arc::clone(&spec), tls);
        Self { id, spec, client, status, refreshing: false, planned: None }
    }
}

impl Actor for TokenActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // A planned refresh would keep an actor alive for ever that nobody asks any more.
        let status = Arc::clone(&self.status);
        let unwanted = async move { status.closed().await };
        ctx.spawn(unwanted.into_actor(self).map(|(), _, ctx| ctx.stop()));
        self.refresh(ctx);
    }
}

impl Supervised for TokenActor {}

impl Handler<GetToken> for TokenActor {
    type Result = ();

    fn handle(&mut self, GetToken: GetToken, ctx: &mut Self::Context) {
        if self.status.borrow().valid(clock::now()).is_none() {
            self.refresh(ctx);
        }
    }
}

impl Handler<InvalidateToken> for TokenActor {
    type Result = ();

    fn handle(&mut self, refused: InvalidateToken, ctx: &mut Self::Context) {
        let now = clock::now();
        let dropped = self.status.send_if_modified(|status| status.refused(refused, now));
        if dropped {
            tracing::info!(credential = %self.id, "an upstream refused the token; fetching another");
            self.refresh(ctx);
        }
    }
}

impl TokenActor {
    /// Begins a fetch, unless one is under way or the endpoint is left alone at present.
    fn refresh(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        let waiting = self.status.borrow().failure.as_ref().is_some_and(|f| f.retry_at > now);
        if self.refreshing || waiting {
            return;
        }
        self.refreshing = true;
        if let Some(planned) = self.planned.take() {
            ctx.cancel_future(planned);
        }
        let fetch = match &self.client {
            Ok(client) => client.fetch(),
            Err(error) => return self.refreshed(Err(error.into()), ctx),
        };
        ctx.spawn(fetch.into_actor(self).map(|result, actor, ctx| actor.refreshed(result, ctx)));
    }

    /// Publishes what came of a fetch and plans the next one.
    fn refreshed(&mut self, result: Result<NewToken, TokenError>, ctx: &mut Context<Self>) {
        self.refreshing = false;
        let now = clock::now();
        let next = match result {
            Ok(new) => {
                let lifetime = new.lifetime;
                let had_failed = self.status.borrow().failure.is_some();
                self.status.send_modify(|status| status.received(new, now));
                let lifetime_s = lifetime.as_secs();
                if had_failed {
                    tracing::info!(credential = %self.id, lifetime_s, "token received again");
                } else {
                    tracing::info!(credential = %self.id, lifetime_s, "token received");
                }
                next_refresh(lifetime, self.spec.refresh_before_expiry)
            }
            Err(error) => {
                if self.status.borrow().is_news(&error) {
                    tracing::warn!(credential = %self.id, %error, "no token received");
                } else {
                    tracing::debug!(credential = %self.id, %error, "still no token received");
                }
                self.status.send_modify(|status| status.has_failed(error, now));
                // Only a token that is still in use is worth trying for without being asked.
                if self.status.borrow().valid(now).is_none() {
                    return;
                }
                self.status.borrow().failure.as_ref().map_or(LONGEST_WAIT, |f| f.retry_at - now)
            }
        };
        self.planned = Some(ctx.run_later(next, Self::refresh));
    }
}

/// A token that lives shorter than twice the margin is renewed at half its life.
fn next_refresh(lifetime: Duration, margin: Duration) -> Duration {
    lifetime.saturating_sub(margin).max(lifetime / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use awc::http::header::HeaderValue;

    fn token() -> NewToken {
        let authorization = HeaderValue::from_static("Bearer t");
        NewToken { authorization, lifetime: Duration::from_hours(1) }
    }

    fn young(generation: u64) -> InvalidateToken {
        InvalidateToken { generation, was_good: false }
    }

    /// A status whose latest token was refused as soon as it came, so many times in a row.
    fn refused_young(times: u64, now: Instant) -> TokenStatus {
        let mut status = TokenStatus::default();
        for generation in 1..=times {
            status.received(token(), now);
            assert!(status.refused(young(generation), now));
        }
        status
    }

    #[test]
    fn from_the_second_young_token_refused_in_a_row_on_the_next_waits_longer_and_longer() {
        let now = clock::now();
        let wait = |times| {
            let status = refused_young(times, now);
            status.failure.map_or(Duration::ZERO, |failure| failure.retry_at - now)
        };
        assert_eq!(wait(1), Duration::ZERO);
        assert_eq!(wait(2), FIRST_WAIT);
        assert_eq!(wait(3), 2 * FIRST_WAIT);
        assert_eq!(wait(100), LONGEST_WAIT);
    }

    #[test]
    fn a_token_that_was_in_use_to_its_end_breaks_the_row() {
        let now = clock::now();
        let mut status = refused_young(1, now);
        status.received(token(), now);
        let later = now + Duration::from_hours(1);
        status.received(token(), later);
        assert!(status.refused(young(3), later));
        assert!(status.failure.is_none(), "it is the first in its row");
    }

    #[test]
    fn a_token_whose_whole_life_is_short_breaks_the_row_as_well() {
        let now = clock::now();
        let mut status = refused_young(1, now);
        let short = || NewToken { lifetime: Duration::from_secs(2), ..token() };
        status.received(short(), now);
        let renewed = now + Duration::from_secs(1);
        status.received(short(), renewed);
        assert!(status.refused(young(3), renewed));
        assert!(status.failure.is_none(), "it is the first in its row");
        status.received(short(), renewed);
        assert!(status.refused(young(4), renewed));
        assert!(status.failure.is_some(), "it is the second");
    }

    #[test]
    fn what_the_endpoint_asks_for_is_waited_for_within_reason() {
        let now = clock::now();
        let wait = |seconds| {
            let mut status = TokenStatus::default();
            let retry_after = Some(Duration::from_secs(seconds));
            status.has_failed(TokenError::Failed { status: 429, retry_after }, now);
            status.failure.expect("it failed").retry_at - now
        };
        assert_eq!(wait(60), Duration::from_mins(1));
        assert_eq!(wait(86_400), LONGEST_ASKED_WAIT);
        assert_eq!(wait(0), FIRST_WAIT, "never at once");
    }

    #[test]
    fn a_young_token_that_its_upstream_had_taken_is_no_sign_of_bad_tokens() {
        let now = clock::now();
        let mut status = refused_young(1, now);
        for generation in 2..10 {
            status.received(token(), now);
            assert!(status.refused(InvalidateToken { generation, was_good: true }, now));
            assert!(status.failure.is_none(), "the next fetch need not wait");
        }
    }

    #[test]
    fn an_old_generation_is_not_refused_again() {
        let now = clock::now();
        let mut status = refused_young(1, now);
        status.received(token(), now);
        assert!(!status.refused(young(1), now));
        assert!(status.valid(now).is_some());
    }
}
