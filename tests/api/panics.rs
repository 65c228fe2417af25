//! Makes the program panic where a bug might, from outside of it: in what it logs. A fetch of a
//! source tells when it begins, and whoever takes that up may panic.

use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What these panics say.
pub const MESSAGE: &str = "asked to panic";
/// The part of the program that tells of each fetch, before anything is sent.
const FETCHES: &str = "tributary::policy::pipeline";
/// The part that tells when a circuit opens, after a call.
const CIRCUITS: &str = "tributary::policy::breaker::guarded";

/// The panics that are still to come.
static TO_COME: Mutex<Vec<Trap>> = Mutex::new(Vec::new());

struct Trap {
    part: &'static str,
    source: String,
    /// Host and port of the upstream; tests have sources of the same name. Empty: any.
    endpoint: String,
    times: usize,
}

/// So many next fetches of this source from this endpoint panic before anything is sent.
pub fn next_fetches(times: usize, source: &str, endpoint: &str) {
    set(Trap { part: FETCHES, source: source.to_owned(), endpoint: endpoint.to_owned(), times });
}

/// What opens the circuit of the source with this name next panics, with its call done.
pub fn next_opening_of_the_circuit(source: &str) {
    set(Trap { part: CIRCUITS, source: source.to_owned(), endpoint: String::new(), times: 1 });
}

fn set(trap: Trap) {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        tracing::subscriber::set_global_default(Traps).expect("no other one is in these tests");
    });
    to_come().push(trap);
}

fn to_come() -> MutexGuard<'static, Vec<Trap>> {
    TO_COME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this event is one that is to panic; it will not again.
fn is_to_panic(part: &str, told: &Told) -> bool {
    let mut to_come = to_come();
    let met = to_come.iter_mut().find(|trap| {
        let is_from = trap.endpoint.is_empty() || trap.endpoint == told.endpoint;
        trap.part == part && trap.source == told.source && is_from
    });
    let is_met = met.map(|trap| trap.times -= 1).is_some();
    to_come.retain(|trap| trap.times > 0);
    is_met
}

/// Takes up what those parts log.
struct Traps;

impl Subscriber for Traps {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let (part, level) = (metadata.target(), metadata.level());
        (part == FETCHES && *level == Level::TRACE) || (part == CIRCUITS && *level == Level::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        let mut told = Told::default();
        event.record(&mut told);
        assert!(!is_to_panic(event.metadata().target(), &told), "{MESSAGE}");
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Told {
    source: String,
    endpoint: String,
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "source" => value.clone_into(&mut self.source),
            "endpoint" => value.clone_into(&mut self.endpoint),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
