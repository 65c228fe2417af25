//! Owns one OAuth credential: fetches its token once for everybody, ahead of its end.
//!
//! ```text
//!            fetch ok                 refresh_before_expiry, or refused
//! Missing ──────────────► Valid ──────────────────────────────────────► Renewing ─┐ fetch ok
//!    ▲                      ▲                                              │  │
//!    └──── its end comes ───┼──────────────────────────────────────────────┘  │
//!                           └─────────────────────────────────────────────────┘
//! ```
//! A failed fetch changes none of these: a valid token stays in use, and the next try waits,
//! longer after each failure. So does a token that an upstream refused, until the new one is
//! there: other upstreams may well take it.

pub mod status;

use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt as _;
use actix::{
    Actor, ActorContext as _, AsyncContext, Context, Handler, Message, SpawnHandle, Supervised,
    WrapFuture as _,
};
use tokio::sync::watch;
use tokio_rustls::rustls::ClientConfig;

use self::status::TokenStatus;
use crate::actors::observe::Observe;
use crate::clock;
use crate::http::client::HttpClientError;
use crate::model::id::Id;
use crate::policy::auth::TokenError;
use crate::policy::auth::client_credentials::{NewToken, TokenClient};
use crate::policy::auth::credential_spec::client_credentials_spec::ClientCredentialsSpec;

/// See to it that a later token is fetched, unless one is at hand or the endpoint is left alone.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct GetToken {
    /// The generation that will not do, because an upstream refused it; 0: any token will.
    pub after: u64,
}

/// Owns the credential's token.
pub struct TokenActor {
    id: Id,
    spec: Arc<ClientCredentialsSpec>,
    client: Result<TokenClient, HttpClientError>,
    status: Arc<watch::Sender<TokenStatus>>,
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
        Self { id, spec, client, status, planned: None }
    }
}

impl Actor for TokenActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // A planned refresh would keep an actor alive for ever that nobody asks any more.
        let status = Arc::clone(&self.status);
        let unwanted = async move { status.closed().await };
        ctx.spawn(unwanted.into_actor(self).map(|(), _, ctx| ctx.stop()));
        self.status.send_if_modified(|status| {
            // What an earlier actor had begun ended with it.
            status.interrupted();
            false
        });
        self.plan(ctx);
    }
}

impl Supervised for TokenActor {}

impl Handler<Observe> for TokenActor {
    type Result = ();

    fn handle(&mut self, observe: Observe, _: &mut Self::Context) {
        observe.answer();
    }
}

impl Handler<GetToken> for TokenActor {
    type Result = ();

    fn handle(&mut self, GetToken { after }: GetToken, ctx: &mut Self::Context) {
        let now = clock::now();
        self.status.send_if_modified(|status| {
            status.is_to_be_replaced(after);
            // It changes nothing for those who wait.
            false
        });
        let (is_there, may_try, is_refused) = {
            let status = self.status.borrow();
            let is_there = status.later_than(after, now).is_some();
            (is_there, status.may_try(now), status.valid(now).is_some())
        };
        if is_there || !may_try {
            return;
        }
        if is_refused {
            tracing::info!(credential = %self.id, "an upstream refused the token; fetching another");
        }
        self.refresh(ctx);
    }
}

impl TokenActor {
    /// Begins a fetch, unless one is under way.
    fn refresh(&mut self, ctx: &mut Context<Self>) {
        if self.status.borrow().is_fetching() {
            return;
        }
        if let Some(planned) = self.planned.take() {
            ctx.cancel_future(planned);
        }
        self.status.send_if_modified(|status| {
            status.begun(clock::now());
            // It changes nothing for those who wait.
            false
        });
        let fetch = match &self.client {
            Ok(client) => client.fetch(),
            Err(error) => return self.refreshed(Err(error.into()), ctx),
        };
        ctx.spawn(fetch.into_actor(self).map(|result, actor, ctx| actor.refreshed(result, ctx)));
    }

    /// Publishes what came of a fetch and plans the next one.
    fn refreshed(&mut self, result: Result<NewToken, TokenError>, ctx: &mut Context<Self>) {
        self.log(&result);
        let now = clock::now();
        self.status.send_modify(|status| match result {
            Ok(new) => status.received(new, now),
            Err(error) => status.has_failed(error, now),
        });
        self.plan(ctx);
    }

    /// Plans the next fetch that is due without being asked for.
    fn plan(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        let due = self.status.borrow().unasked_at(self.spec.refresh_before_expiry, now);
        match due.map(|due| due.saturating_duration_since(now)) {
            None => {}
            Some(Duration::ZERO) => self.refresh(ctx),
            Some(wait) => self.planned = Some(ctx.run_later(wait, Self::refresh)),
        }
    }

    /// A credential that gets no token is logged when that begins, changes or ends.
    fn log(&self, result: &Result<NewToken, TokenError>) {
        let (credential, status) = (&self.id, self.status.borrow());
        match result {
            Ok(new) => {
                let lifetime_s = new.lifetime.as_secs();
                if status.failure.is_some() {
                    tracing::info!(%credential, lifetime_s, "token received again");
                } else {
                    tracing::info!(%credential, lifetime_s, "token received");
                }
            }
            Err(error) if status.is_news(error) => {
                tracing::warn!(%credential, %error, "no token received");
            }
            Err(error) => tracing::debug!(%credential, %error, "still no token received"),
        }
    }
}
