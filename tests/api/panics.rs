//! Makes the program panic or hang where a bug might, from outside of it: in what it logs. A fetch
//! of a source tells when it begins, and whoever takes that up may panic.

use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What these panics say.
pub const MESSAGE: &str = "asked to panic";
/// The part of the program that tells of each fetch, before anything is sent.
const FETCHES: &str = "tributary::policy::source_pipeline";
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
    deed: Deed,
}

#[derive(Clone, Copy)]
enum Deed {
    Panic,
    Block(Duration),
}

/// So many next fetches of this source from this endpoint panic before anything is sent.
pub fn next_fetches(times: usize, source: &str, endpoint: &str) {
    fetches(times, source, endpoint, Deed::Panic);
}

/// The next fetch of this source from this endpoint holds its thread up for so long.
pub fn next_fetch_blocks(time: Duration, source: &str, endpoint: &str) {
    fetches(1, source, endpoint, Deed::Block(time));
}

fn fetches(times: usize, source: &str, endpoint: &str, deed: Deed) {
    let (source, endpoint) = (source.to_owned(), endpoint.to_owned());
    set(Trap { part: FETCHES, source, endpoint, times, deed });
}

/// What opens the circuit of the source with this name next panics, with its call done.
pub fn next_opening_of_the_circuit(source: &str) {
    let (source, endpoint, deed) = (source.to_owned(), String::new(), Deed::Panic);
    set(Trap { part: CIRCUITS, source, endpoint, times: 1, deed });
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

/// What is to happen at this event, if anything is; it will not again.
fn deed_at(part: &str, told: &Told) -> Option<Deed> {
    let mut to_come = to_come();
    let met = to_come.iter_mut().find(|trap| {
        let is_from = trap.endpoint.is_empty() || trap.endpoint == told.endpoint;
        trap.part == part && trap.source == told.source && is_from
    });
    let deed = met.map(|trap| {
        trap.times -= 1;
        trap.deed
    });
    to_come.retain(|trap| trap.times > 0);
    deed
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
        match deed_at(event.metadata().target(), &told) {
            Some(Deed::Panic) => panic!("{MESSAGE}"),
            Some(Deed::Block(time)) => std::thread::sleep(time),
            None => {}
        }
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
