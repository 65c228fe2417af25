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
/// work and with it the connections it uses.
pub struct Cancellable<T>(LocalBoxFuture<'static, T>);

impl<T> Cancellable<T> {
    /// An answer from `work`. If that panics, the asker gets none; where it must have one,
    /// [`or_if_it_panics`] makes it a value.
    pub fn new(work: impl Future<Output = T> + 'static) -> Self {
        Self(work.boxed_local())
    }
}

/// What `work` comes to, or `instead` if it panics: a bug costs one answer, never the thread.
///
/// Not an `async fn`: that would keep room for `work` twice, as its argument and as what it waits
/// for, and all of it is copied whenever the future is moved.
pub fn or_if_it_panics<T>(
    work: impl Future<Output = T>,
    instead: impl FnOnce() -> T,
) -> impl Future<Output = T> {
    AssertUnwindSafe(work).catch_unwind().map(|answer| answer.unwrap_or_else(|_| instead()))
}

impl<A, M, T> MessageResponse<A, M> for Cancellable<T>
where
    A: Actor,
    M: Message<Result = T>,
    T: 'static,
{
    fn handle(self, _: &mut A::Context, reply_to: Option<OneshotSender<T>>) {
        let Some(mut reply_to) = reply_to else { return };
        actix_rt::spawn(async move {
            let answer = tokio::select! {
                biased;
                answer = self.0 => answer,
                () = reply_to.closed() => return,
            };
            // The receiver may have gone in this very moment; then nobody wants the answer.
            drop(reply_to.send(answer));
        });
    }
}
