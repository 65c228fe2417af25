//! The flat reply of an action, made so that no other request waits for it.
//!
//! ```text
//! up to AT_ONCE of data     made at once, in the event loop
//! more                      made in a thread beside it, until the deadline, or for LEAST if that
//!                           is more: data can come at the deadline
//! ```
//!
//! What is not made by then is left out, as what is too large; one search by a `JSONPath` is not broken
//! off.

use std::time::Duration;

use actix_web::web;

use super::problem::Problem;
use crate::domain::aggregate::Aggregate;
use crate::domain::deadline::Deadline;
use crate::domain::fields::{FlatReply, OutputSpec};
use crate::upstream::clock;

/// So much data, bytes, is looked through in about a millisecond, whatever it is.
const AT_ONCE: usize = 16 * 1024;
/// Enough for nearly all data that a source may send.
const LEAST: Duration = Duration::from_millis(200);

/// The aggregate's flat reply of at most `max_reply` bytes.
///
/// # Errors
/// 500 for a fault of ours.
pub async fn flatten(
    output: &OutputSpec,
    aggregate: Aggregate,
    max_reply: usize,
    deadline: Deadline,
) -> Result<(Aggregate, FlatReply), Problem> {
    let size: usize = aggregate.replies.iter().map(|reply| reply.data.len()).sum();
    if size <= AT_ONCE {
        let reply = output.flatten(&aggregate, max_reply);
        return Ok((aggregate, reply));
    }
    let end = deadline.at().max(clock::now() + LEAST);
    let output = output.clone();
    let made = web::block(move || {
        let reply = output.flatten_until(&aggregate, max_reply, &|| clock::now() >= end);
        (aggregate, reply)
    });
    made.await.map_err(|_| Problem::internal())
}
