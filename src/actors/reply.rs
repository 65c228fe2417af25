//! A handler's answer that is worked out in a task of its own and given up when nobody waits.

use std::panic::AssertUnwindSafe;

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, Message};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

/// The future of an answer.
///
/// Neither the actor's mailbox nor its context holds the work: a context polls everything it
/// holds on each wake. Dropping the sender's side (a caller that went away, a deadline) drops the
/// work and with it the connections it uses. A panic inside becomes the `on_panic` value.
pub struct Cancellable<T> {
    work: LocalBoxFuture<'static, T>,
    on_panic: Box<dyn FnOnce() -> T>,
}

impl<T> Cancellable<T> {
    /// An answer from `work`, or from `on_panic` should it panic.
    pub fn new(
        work: impl Future<Output = T> + 'static,
        on_panic: impl FnOnce() -> T + 'static,
    ) -> Self {
        Self { work: work.boxed_local(), on_panic: Box::new(on_panic) }
    }
}

impl<A, M, T> MessageResponse<A, M> for Cancellable<T>
where
    A: Actor,
    M: Message<Result = T>,
    T: 'static,
{
    fn handle(self, _: &mut A::Context, reply_to: Option<OneshotSender<T>>) {
        let Some(mut reply_to) = reply_to else { return };
        let Self { work, on_panic } = self;
        actix_rt::spawn(async move {
            let answer = tokio::select! {
                biased;
                answer = AssertUnwindSafe(work).catch_unwind() => answer,
                () = reply_to.closed() => return,
            };
            let answer = answer.unwrap_or_else(|_| on_panic());
            // The receiver may have gone in this very moment; then nobody wants the answer.
            drop(reply_to.send(answer));
        });
    }
}
