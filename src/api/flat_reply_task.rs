//! The flat reply of an action, made so that no other request waits for it.
//!
//! ```text
//! up to AT_ONCE of data     made at once, in the event loop
//! more                      made in a thread beside it, until the deadline, or for LEAST if that
//!                           is more: data can come at the deadline
//! ```
//!
//! Half of the processors make such replies at a time, so that the event loops have the others. What is
//! not made by then is left out, as what is too large; one search by a `JSONPath` is not broken off.

use std::sync::LazyLock;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::web;
use tokio::sync::Semaphore;

use crate::api::problem::Problem;
use crate::clock;
use crate::model::action::fields::{FlatReply, OutputSpec};
use crate::model::reply::aggregate::Aggregate;
use crate::model::time::deadline::Deadline;

/// So much data, bytes, is looked through in about a millisecond, whatever it is.
const AT_ONCE: usize = 16 * 1024;
/// Enough for nearly all data that a source may send.
const LEAST: Duration = Duration::from_millis(200);
/// How many are made at a time in threads of their own, in the whole process.
static THREADS: LazyLock<Semaphore> = LazyLock::new(|| {
    Semaphore::new(available_parallelism().map_or(1, |all| all.get().div_ceil(2)))
});

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
    let Some(Ok(thread)) = clock::until(end, THREADS.acquire()).await else {
        let reply = output.flatten_until(&aggregate, max_reply, &|| true);
        return Ok((aggregate, reply));
    };
    let output = output.clone();
    let made = web::block(move || {
        let reply = output.flatten_until(&aggregate, max_reply, &|| clock::now() >= end);
        drop(thread);
        (aggregate, reply)
    });
    made.await.map_err(|_| Problem::internal())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::action::fields::{Extraction, FieldPath, FieldSpec, FieldType};
    use crate::model::id::{Id, InputName};
    use crate::model::inputs::Conversion;
    use crate::model::inputs::InputKind;
    use crate::model::json::Json;
    use crate::model::record::target::Target;
    use crate::model::reply::outcome::{Outcome, SourceReply};

    /// The one field of an action: all numbers of the source.
    fn output() -> OutputSpec {
        let kind = FieldType { scalar: InputKind::Integer, is_array: true };
        let field = FieldSpec {
            name: InputName::try_new("numbers").unwrap(),
            from: Id::try_new("crm").unwrap(),
            extraction: Extraction::Path(FieldPath::try_new("").unwrap()),
            conversion: Conversion::Strict,
            kind,
            default: kind.natural_default(),
            title: None,
            description: None,
        };
        OutputSpec { fields: vec![field] }
    }

    /// More than is made at once.
    fn much() -> Aggregate {
        let reply = SourceReply {
            source: Id::try_new("crm").unwrap(),
            target: Target::sample().into(),
            outcome: Outcome::Ok,
            status: 200,
            error: None,
            attempts: 1,
            latency: Duration::from_millis(1),
            data: Json::from_value(&json!(vec![1; AT_ONCE])),
        };
        let latency = Duration::from_millis(1);
        Aggregate { echoed: vec![], replies: vec![reply], latency, flow_latency_ms: None }
    }

    #[tokio::test(start_paused = true)]
    async fn while_others_are_made_a_reply_waits_for_a_thread_and_says_what_it_got_none_for() {
        let began = clock::now();
        let over = Deadline::from(began);
        let all = u32::try_from(THREADS.available_permits()).unwrap();
        let others = THREADS.acquire_many(all).await.unwrap();
        let (_, reply) = flatten(&output(), much(), 1 << 20, over).await.unwrap();
        assert_eq!(clock::now() - began, LEAST);
        let json: Value = serde_json::from_slice(&reply.json).unwrap();
        assert_eq!((&json["numbers"], &json["complete"]), (&json!([]), &json!(false)));
        assert_eq!(reply.left_out.len(), 1);

        drop(others);
        let (_, reply) = flatten(&output(), much(), 1 << 20, over).await.unwrap();
        assert!(reply.complete && reply.left_out.is_empty());
        assert_eq!(THREADS.available_permits(), all as usize, "it is given back");
    }
}
