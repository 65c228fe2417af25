//! A credential as the sources see it: the token at hand, or a wait for the actor's next one.

use std::sync::Arc;
use std::time::Instant;

use actix::{Addr, ArbiterHandle, Supervisor};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;

use super::supervision::{Respawning, Restarts};
use super::token::{GetToken, InvalidateToken, TokenActor, TokenStatus};
use crate::domain::credential::ClientCredentialsSpec;
use crate::domain::ids::Id;
use crate::upstream::auth::{Token, TokenError, TokenProvider};
use crate::upstream::clock;
use crate::upstream::tls::{self, TlsSetupError};

type TokenActorFactory = Box<dyn Fn() -> Addr<TokenActor> + Send + Sync>;

/// One credential of the process; cheap to clone, usable from every thread.
#[derive(Clone)]
pub struct TokenHandle {
    id: Id,
    status: watch::Receiver<TokenStatus>,
    actor: Arc<Respawning<TokenActor, TokenActorFactory>>,
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
        let actor = Arc::new(Respawning::new(name, restarts, clock::now(), factory));
        Ok(Self { id, status, actor })
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

    /// Waits for a token later than the generation `after`.
    async fn wait(&self, after: u64, deadline: Instant) -> Result<Token, TokenError> {
        let mut changes = self.status.clone();
        loop {
            let now = clock::now();
            let status = changes.borrow_and_update().clone();
            if let Some(current) = status.valid(now).filter(|c| c.token.generation > after) {
                return Ok(current.token.clone());
            }
            if let Some(failure) = status.failure.filter(|failure| failure.retry_at > now) {
                if failure.retry_at >= deadline || failure.error.is_lasting() {
                    let wait = failure.retry_at - now;
                    return Err(TokenError::BackingOff { wait, last: Box::new(failure.error) });
                }
                clock::sleep_until(failure.retry_at).await;
            }
            if self.tell(GetToken).await && changes.changed().await.is_err() {
                return Err(TokenError::TooLate);
            }
        }
    }

    /// Sends a message to the actor, and says whether it arrived; if the actor is down, waits
    /// until it may be started again.
    async fn tell<M>(&self, message: M) -> bool
    where
        M: actix::Message<Result = ()> + Send + 'static,
        TokenActor: actix::Handler<M>,
    {
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
        in_time.map(|token| token.unwrap_or(Err(TokenError::TooLate))).boxed_local()
    }

    fn invalidate(&self, generation: u64, was_good: bool) {
        let handle = self.clone();
        let refused = InvalidateToken { generation, was_good };
        actix_rt::spawn(async move { while !handle.tell(refused).await {} });
    }
}
