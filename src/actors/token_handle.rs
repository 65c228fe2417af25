//! A credential as the sources see it: the token at hand, or a wait for the actor's next one.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use actix::{Addr, ArbiterHandle, Supervisor};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;

use super::supervision::{Restarts, SupervisedAddr};
use super::token::status::TokenStatus;
use super::token::{GetToken, TokenActor};
use crate::clock;
use crate::http::tls::{self, TlsSetupError};
use crate::model::id::Id;
use crate::policy::auth::credential_spec::client_credentials_spec::ClientCredentialsSpec;
use crate::policy::auth::{Token, TokenError, TokenProvider};

type TokenActorFactory = Box<dyn Fn() -> Addr<TokenActor> + Send + Sync>;

/// One credential of the process; cheap to clone, usable from every thread.
#[derive(Clone)]
pub struct TokenHandle {
    id: Id,
    status: watch::Receiver<TokenStatus>,
    actor: Arc<SupervisedAddr<TokenActor, TokenActorFactory>>,
    /// The longest that one token request takes.
    timeout: Duration,
    /// Until when the service is not ready without a first token; empty: it never waits for it.
    awaited_until: Arc<OnceLock<Instant>>,
}

impl TokenHandle {
    /// Starts the credential's actor on `arbiter`; it fetches the first token at once.
    ///
    /// # Errors
    /// [`TlsSetupError`] if the credential's extra certificates are not usable.
    pub fn start(
        id: Id,
        spec: ClientCredentialsSpec,
        arbiter: ArbiterHandle,
        restarts: Arc<Restarts>,
    ) -> Result<Self, TlsSetupError> {
        let timeout = spec.timeout;
        let spec = Arc::new(spec);
        let tls = tls::for_endpoint(&spec.endpoint, spec.extra_ca.as_deref())?;
        let (sender, status) = watch::channel(TokenStatus::default());
        let sender = Arc::new(sender);
        let actor_id = id.clone();
        let factory: TokenActorFactory = Box::new(move || {
            let (id, spec, sender) = (actor_id.clone(), Arc::clone(&spec), Arc::clone(&sender));
            let tls = tls.clone();
            Supervisor::start_in_arbiter(&arbiter, move |_| TokenActor::new(id, spec, tls, sender))
        });
        let name = format!("token {id}").into();
        let actor = Arc::new(SupervisedAddr::new(name, restarts, clock::now(), factory));
        Ok(Self { id, status, actor, timeout, awaited_until: Arc::default() })
    }

    /// The credential's name.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// Whether both lead to the same actor.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.actor, &other.actor)
    }

    /// What is known of the credential at present.
    pub fn status(&self) -> TokenStatus {
        self.status.borrow().clone()
    }

    /// The service is not ready until the first token is there, was tried in vain, or has had the
    /// time of one token request.
    pub fn await_first_token(&self) {
        self.awaited_until.get_or_init(|| clock::now() + self.timeout);
    }

    /// Whether the service is not ready because of this credential.
    pub fn is_awaited(&self, now: Instant) -> bool {
        let is_time_left = self.awaited_until.get().is_some_and(|until| now < *until);
        is_time_left && self.status.borrow().is_untried()
    }

    /// Waits for a token later than the generation `after`.
    async fn wait(&self, after: u64, deadline: Instant) -> Result<Token, TokenError> {
        let mut changes = self.status.clone();
        let failed_before = changes.borrow().failed_if_down();
        loop {
            let now = clock::now();
            let status = changes.borrow_and_update().clone();
            if let Some(current) = status.later_than(after, now) {
                return Ok(current.token.clone());
            }
            let has_waited = failed_before.is_some_and(|before| status.failed > before);
            let is_in_vain = has_waited || status.is_vain_to_wait(deadline, now);
            if let Some(error) = status.backing_off(now).filter(|_| is_in_vain) {
                if status.may_try(now) {
                    // The next request may have more luck.
                    self.renew(after);
                }
                return Err(error);
            }
            let news = match status.pause_ends(now) {
                Some(end) => clock::until(end, changes.changed()).await,
                None if self.tell(GetToken { after }).await => Some(changes.changed().await),
                None => None,
            };
            if let Some(Err(_)) = news {
                return Err(TokenError::TooLate);
            }
        }
    }

    /// Why no token came in time: a shortage of ours is not to look like a slow token endpoint.
    fn too_late(&self) -> TokenError {
        let failure = self.status().failure.map(|failure| failure.error);
        failure.filter(TokenError::is_shortage).unwrap_or(TokenError::TooLate)
    }

    /// Sends a message to the actor, and says whether it arrived; if the actor is down, waits
    /// until it may be started again.
    async fn tell(&self, message: GetToken) -> bool {
        match self.actor.addr(clock::now()) {
            Ok(actor) => actor.send(message).await.is_ok(),
            Err(down) => {
                clock::sleep_until(down.until).await;
                false
            }
        }
    }
}

impl TokenProvider for TokenHandle {
    fn at_hand(&self, now: Instant) -> Option<Token> {
        self.status.borrow().valid(now).map(|current| current.token.clone())
    }

    fn obtain(
        &self,
        after: u64,
        deadline: Instant,
    ) -> LocalBoxFuture<'_, Result<Token, TokenError>> {
        let in_time = clock::until(deadline, self.wait(after, deadline));
        in_time.map(|token| token.unwrap_or_else(|| Err(self.too_late()))).boxed_local()
    }

    fn renew(&self, after: u64) {
        let handle = self.clone();
        actix_rt::spawn(async move { while !handle.tell(GetToken { after }).await {} });
    }
}
