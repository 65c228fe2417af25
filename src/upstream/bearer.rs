//! The token of an attempt: which one it is sent with, and what a 401 says of it.

use std::time::Instant;

use super::auth::{Auth, Token, TokenProvider};
use super::call_log::CallLog;
use super::clock;
use super::fetch::{Call, Tried};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::token_refusals::Refusal;
use crate::domain::trace::SpanKind;

impl Call<'_> {
    /// A token, where the source needs one.
    pub(super) async fn token(
        &self,
        tried: &Tried,
        log: &mut CallLog,
    ) -> Result<Option<Token>, Failure> {
        let Auth::Token(provider) = &self.source.auth else { return Ok(None) };
        let now = clock::now();
        let at_hand = provider.at_hand(now).filter(|token| token.generation > tried.refused);
        if at_hand.is_some() {
            return Ok(at_hand);
        }
        let token = provider.obtain(tried.refused, self.request.deadline.at()).await;
        log.span(SpanKind::Token, now);
        if token.is_err() && tried.new_tokens > 0 {
            self.source.shared.token_refusals().no_token_came(clock::now());
        }
        Ok(Some(token?))
    }

    /// What a 401 means, and sees to it that a new token is fetched if it counts.
    pub(super) fn token_refused(
        &self,
        provider: &dyn TokenProvider,
        generation: u64,
        tried: &Tried,
    ) -> Failure {
        let now = clock::now();
        if provider.at_hand(now).is_some_and(|token| token.generation > generation) {
            // That one was replaced in the meantime: there is nothing to learn.
            return token_refused();
        }
        let until = if tried.new_tokens > 0 {
            self.fresh_token_refused(now)
        } else {
            let refusal = self.source.shared.token_refusals().refused(generation, now);
            match refusal {
                Refusal::Counts => {
                    provider.renew(generation);
                    return token_refused();
                }
                Refusal::Ignored { until } => until,
            }
        };
        let renewal_in = until.saturating_duration_since(now);
        let detail = format!(
            "the upstream refused the token (401), as it did fresh ones of late; the next is fetched for it in {} ms at the earliest",
            renewal_in.as_millis()
        );
        Failure { request_sent: true, ..Failure::new(FailureKind::FreshTokenRefused, detail) }
    }

    /// Notes that the new token was refused as well; returns until when refusals do not count. That
    /// is logged when it begins, not each time.
    fn fresh_token_refused(&self, now: Instant) -> Instant {
        let window = self.source.shared.token_refusals().refused_again(now);
        if window.is_news {
            let source = self.source.shared.name();
            tracing::warn!(
                source,
                "the source refuses fresh tokens: it causes no new ones for a while"
            );
        }
        window.until
    }
}

fn token_refused() -> Failure {
    let detail = "the upstream refused the token (401)";
    Failure { request_sent: true, ..Failure::new(FailureKind::TokenRefused, detail) }
}
