//! What a policy is.

use crate::model::failure::Failure;
use crate::policy::fetch_context::Context;

/// Something that answers: the exchange with the upstream, or a policy around another step.
///
/// - It lives in one thread and is shared there by all fetches of its source.
/// - Dropping the future is the only way to cancel it. Whatever a step holds, it holds in a guard.
/// - It ends by `cx.deadline`, and begins no wait that cannot.
pub(crate) trait Step<In> {
    /// What it answers.
    type Out;

    /// Whether a call would be refused at once, as far as can be told without waiting. Takes nothing.
    ///
    /// # Errors
    /// The failure that the call would end with.
    fn ready(&self) -> Result<(), Failure>;

    /// Answers `input`.
    ///
    /// # Errors
    /// Why there is no answer.
    async fn call(&self, input: &In, cx: &Context<'_>) -> Result<Self::Out, Failure>;
}
