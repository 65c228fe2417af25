//! Proves who we are, and once more with a new token after a 401. No other step knows of tokens.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use awc::http::header::AUTHORIZATION;

use crate::clock;
use crate::http::client::Response;
use crate::model::failure::{Again, Failure, FailureKind};
use crate::model::record::span::SpanKind;
use crate::policy::auth::token_refusals::{Refusal, TokenRefusals};
use crate::policy::auth::{Auth, Token, TokenProvider};
use crate::policy::fetch_context::{Context, Credential, MINIMUM_USEFUL};
use crate::policy::lock::lock;
use crate::policy::request::Request;
use crate::policy::step::Step;

/// Sends each request with the source's credential.
pub(crate) struct Authorized<S> {
    /// The source's name, for the log.
    source: String,
    auth: Auth,
    /// What its refusals of tokens are worth; for the process.
    refusals: Arc<Mutex<TokenRefusals>>,
    resend: Resend,
    inner: S,
}

/// When a request is sent once more with a new token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resend {
    /// After any status that says that the token has ended: it does no harm if it was processed.
    AfterAny,
    /// After a 401 only, by which nothing was processed (RFC 9110 section 15.5.2).
    AfterUnauthorized,
}

/// Which token a request is sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenUse {
    /// Its first.
    First,
    /// A later one: it was refused with the one before.
    AfterRefusal,
}

impl<S: Step<Request, Out = Response>> Authorized<S> {
    pub(crate) fn new(
        source: String,
        auth: Auth,
        refusals: Arc<Mutex<TokenRefusals>>,
        resend: Resend,
        inner: S,
    ) -> Self {
        Self { source, auth, refusals, resend, inner }
    }

    /// One attempt with a token, which is waited for if none is at hand.
    async fn with_token(
        &self,
        tokens: &dyn TokenProvider,
        request: &Request,
        cx: &Context<'_>,
    ) -> Result<Response, Failure> {
        // While the circuit is open, no token is waited for.
        self.inner.ready()?;
        let use_of_token =
            if cx.refused_token() == 0 { TokenUse::First } else { TokenUse::AfterRefusal };
        let token = self.token(tokens, cx).await?;
        let credential =
            Credential { name: &AUTHORIZATION, value: &token.authorization, may_have_ended: true };
        match self.inner.call(request, &cx.signed(credential)).await {
            Err(failure) if failure.kind == FailureKind::TokenRefused => {
                cx.token_refused(token.generation);
                Err(self.judge(failure, tokens, token.generation, use_of_token))
            }
            result => {
                if use_of_token == TokenUse::AfterRefusal && tells_of_the_token(&result) {
                    lock(&self.refusals).healed(clock::now());
                }
                result
            }
        }
    }

    /// A token that this request was not refused with.
    async fn token(&self, tokens: &dyn TokenProvider, cx: &Context<'_>) -> Result<Token, Failure> {
        let refused = cx.refused_token();
        let at_hand = tokens.at_hand(clock::now()).filter(|token| token.generation > refused);
        if let Some(token) = at_hand {
            return Ok(token);
        }
        let token = {
            let _span = cx.span(SpanKind::Token);
            tokens.obtain(refused, cx.deadline.at()).await
        };
        if token.is_err() && refused > 0 {
            lock(&self.refusals).no_token_came(clock::now());
        }
        Ok(token?)
    }

    /// Whether a request that was refused in this way may be sent once more.
    fn may_resend(&self, refused: &Failure) -> bool {
        // Any other status than 401 stands in the failure.
        self.resend == Resend::AfterAny || refused.status.is_none()
    }

    /// What a 401 means, and sees to it that a new token is fetched if it counts.
    fn judge(
        &self,
        failure: Failure,
        tokens: &dyn TokenProvider,
        generation: u64,
        use_of_token: TokenUse,
    ) -> Failure {
        let now = clock::now();
        if tokens.at_hand(now).is_some_and(|token| token.generation > generation) {
            // That one was replaced in the meantime: there is nothing to learn.
            return failure;
        }
        let until = match use_of_token {
            TokenUse::AfterRefusal => self.fresh_token_refused(now),
            TokenUse::First => {
                let refusal = lock(&self.refusals).refused(generation, now);
                match refusal {
                    Refusal::Counts => {
                        tokens.renew(generation);
                        return failure;
                    }
                    Refusal::Ignored { until } => until,
                }
            }
        };
        let detail = format!(
            "{}, as it did fresh ones of late; the next is fetched for it in {} ms at the earliest",
            failure.detail,
            until.saturating_duration_since(now).as_millis()
        );
        Failure { kind: FailureKind::FreshTokenRefused, detail: detail.into(), ..failure }
    }

    /// Notes that the new token was refused as well; returns until when refusals do not count. That
    /// is logged when it begins, not each time.
    fn fresh_token_refused(&self, now: Instant) -> Instant {
        let window = lock(&self.refusals).refused_again(now);
        if window.is_news {
            tracing::warn!(
                source = self.source,
                "the source refuses fresh tokens: it causes no new ones for a while"
            );
        }
        window.until
    }
}

/// What an upstream in trouble says tells nothing of the token, nor does a reply that is not taken.
fn tells_of_the_token(result: &Result<Response, Failure>) -> bool {
    let status = match result {
        Ok(response) => Some(response.status),
        Err(failure) => failure.status,
    };
    status.is_some_and(|status| status < 500 && status != 429)
}

impl<S: Step<Request, Out = Response>> Step<Request> for Authorized<S> {
    type Out = Response;

    fn ready(&self) -> Result<(), Failure> {
        self.inner.ready()
    }

    async fn call(&self, request: &Request, cx: &Context<'_>) -> Result<Response, Failure> {
        let tokens = match &self.auth {
            Auth::None => return self.inner.call(request, cx).await,
            Auth::Header { name, value } => {
                let credential = Credential { name, value, may_have_ended: false };
                return self.inner.call(request, &cx.signed(credential)).await;
            }
            Auth::Token(tokens) => tokens.as_ref(),
        };
        let is_first = cx.refused_token() == 0;
        let refused = match self.with_token(tokens, request, cx).await {
            Err(failure) if failure.facts().again == Again::WithNewToken => failure,
            result => return result,
        };
        // There is one for each request, and one at the last moment is of no use.
        if !is_first
            || !self.may_resend(&refused)
            || !cx.deadline.fits(clock::now(), MINIMUM_USEFUL)
        {
            return Err(refused);
        }
        match self.with_token(tokens, request, cx).await {
            Err(failure) if is_without_token(&failure) => Err(no_other_token(&refused, &failure)),
            // Nothing came of it: that the token was refused still stands.
            Err(failure) if failure.facts().again == Again::NotAttempted => Err(refused),
            result => result,
        }
    }
}

fn is_without_token(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::NoToken | FailureKind::NoTokenForShortage)
}

/// The upstream refused the token, but it is the token endpoint that has to be mended.
fn no_other_token(refused: &Failure, failure: &Failure) -> Failure {
    let is_shortage = failure.kind == FailureKind::NoTokenForShortage;
    let kind = if is_shortage { failure.kind } else { FailureKind::NoOtherToken };
    let why = failure.detail.strip_prefix(crate::policy::auth::NO_TOKEN).unwrap_or(&failure.detail);
    let detail = format!("{}, and no other came: {why}", refused.detail);
    Failure { request_sent: true, ..Failure::new(kind, detail) }
}

#[cfg(test)]
mod tests;
