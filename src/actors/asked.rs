//! One source of a request: asked, waited for or given up, and the reply that comes of it.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::actors::source_actor::SourceHandle;
use crate::clock;
use crate::model::failure::{Failure, FailureKind};
use crate::model::id::Id;
use crate::model::record::recorder::{Progress, Recorder};
use crate::model::record::span::SpanKind;
use crate::model::reply::outcome::{Outcome, SourceReply};
use crate::policy::answer::Answer;
use crate::policy::request::FetchRequest;

/// One source of a request. It keeps the record of what is done, which the fetch only writes to: a
/// fetch that is given up has been recorded all the same.
pub(super) struct Asked {
    source: Rc<SourceHandle>,
    recorder: Recorder,
    /// When the request arrived.
    started: Instant,
}

impl Asked {
    /// This source, not asked yet, of a request that arrived at `started`.
    pub(super) fn new(
        source: &Rc<SourceHandle>,
        progress: &Arc<Progress>,
        started: Instant,
    ) -> Self {
        let (id, target) = (source.spec().id.clone(), Arc::clone(source.target()));
        let recorder = progress.recorder(id, target, started);
        Self { source: Rc::clone(source), recorder, started }
    }

    /// The source's name.
    pub(super) fn id(&self) -> &Id {
        &self.source.spec().id
    }

    /// Where what it does is written down.
    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Asks it.
    pub(super) fn ask(&self, request: FetchRequest) -> impl Future<Output = SourceReply> + use<'_> {
        let ready_since = request.ready_since;
        if ready_since > self.started {
            self.recorder.note(SpanKind::Dependencies, self.started, ready_since);
        }
        let answer = self.source.ask(request);
        async move { self.reply(answer.await, ready_since) }
    }

    /// The reply of a source that ran out of time without a word.
    pub(super) fn late(&self) -> SourceReply {
        self.give_up(Failure::timeout())
    }

    /// The reply of a source that was never asked, because it waited for `other` until the deadline.
    pub(super) fn unasked(&self, other: &Id) -> SourceReply {
        let detail = format!("not asked: {other} had not answered in time");
        self.give_up(Failure::new(FailureKind::Unasked, detail))
    }

    /// The reply of a source that was not waited for, because a required one had failed.
    pub(super) fn abandoned(&self) -> SourceReply {
        let detail = "not waited for: a required source failed";
        self.give_up(Failure::new(FailureKind::NotWaitedFor, detail))
    }

    /// The reply of a source that met a fault of ours.
    pub(super) fn internal(&self) -> SourceReply {
        self.give_up(Failure::internal())
    }

    fn give_up(&self, failure: Failure) -> SourceReply {
        self.recorder.close(failure.kind, clock::now());
        self.reply(Err(failure), self.started)
    }

    fn reply(&self, answer: Result<Answer, Failure>, ready_since: Instant) -> SourceReply {
        let now = clock::now();
        let spec = self.source.spec();
        let (outcome, status, error, data) = match answer {
            Ok(Answer::Data { status, data }) => (Outcome::Ok, status, None, data),
            Ok(Answer::Empty { status }) => (
                Outcome::NotFound,
                status,
                Some(Cow::Borrowed("not found")),
                spec.empty_data.clone(),
            ),
            Ok(Answer::Part { data, why }) => {
                (Outcome::Truncated, Outcome::Truncated.default_status(), Some(why), data)
            }
            Err(failure) => (
                failure.facts().outcome,
                failure.shown_status(),
                Some(failure.explain(now.saturating_duration_since(ready_since))),
                spec.fallback.clone(),
            ),
        };
        let latency = now.saturating_duration_since(self.started);
        self.recorder.finish(outcome, status, error.clone(), latency);
        let attempts = self.recorder.attempts();
        let (source, target) = (spec.id.clone(), Arc::clone(self.source.target()));
        SourceReply { source, target, outcome, status, error, attempts, latency, data }
    }
}
