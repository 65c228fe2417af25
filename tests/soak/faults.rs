//! How an upstream may treat one request, and what may come of it. A customer's id says it for
//! each upstream: `c-7.g-reset.c-none.o-drip.`

use std::time::Duration;

use tributary::simulator::{Behaviour, Reply, Simulator, Then};

/// How an upstream treats all attempts of one request.
pub struct Fault {
    /// How it is called in a customer's id.
    pub name: &'static str,
    behaviour: fn() -> Behaviour,
    /// What may come of it; empty: the upstream's own answer, only sent in an odd way.
    pub outcomes: &'static [&'static str],
}

impl Fault {
    /// Whether the status of the upstream's own answer arrives, only its body does not. A 404 is
    /// a definite answer with its head; nobody needs its body.
    pub fn spoils_only_the_body(&self) -> bool {
        ["stall", "short", "cut", "half"].contains(&self.name)
    }
}

/// No fault at all; then the upstream does what it does to everybody at present.
pub const NONE: &str = "none";

const MS: fn(u64) -> Duration = Duration::from_millis;
/// The customer in what an upstream sends without being asked.
pub const NOBODY: &str = "nobody-has-asked-for-me";

/// Faults of which the right answer comes.
pub const FAULTS: [Fault; 19] = [
    answered("slow", || Behaviour::Delay(MS(100))),
    answered("interim", || {
        Behaviour::Interim(vec![
            b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
            b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_vec(),
        ])
    }),
    answered("chunked", || Behaviour::Chunked),
    answered("drip", || Behaviour::Drip { bytes_per_write: 100, every: MS(2) }),
    answered("until_close", || Behaviour::NoLength { complete: true }),
    fails("reset", || Behaviour::Reset, &["connect_failed"]),
    fails("close", || Behaviour::Close, &["connect_failed"]),
    fails("500", || Behaviour::status(500), &["upstream_error"]),
    fails("503", || Reply::status(503).with_header("retry-after", "0").into(), &["upstream_error"]),
    fails("429", || Reply::status(429).with_header("retry-after", "0").into(), &["rate_limited"]),
    fails("400", || Behaviour::status(400), &["rejected"]),
    fails("hang", || Behaviour::Hang, &["timeout"]),
    fails("stall", || Behaviour::DripBody { bytes_per_write: 1, every: MS(20) }, &["timeout"]),
    fails("short", || Behaviour::ShortContentLength, &["connect_failed", "bad_payload"]),
    fails("cut", || Behaviour::CutChunked, &["connect_failed", "bad_payload"]),
    fails("half", || Behaviour::NoLength { complete: false }, &["bad_payload"]),
    fails("html", || Reply::status(200).with_body("<html>").into(), &["bad_payload"]),
    fails(
        "upgrade",
        || Behaviour::Raw {
            bytes: b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n".to_vec(),
            then: Then::KeepOpen,
        },
        &["connect_failed"],
    ),
    fails("poison", poison, &["upstream_error"]),
];

const fn answered(name: &'static str, behaviour: fn() -> Behaviour) -> Fault {
    Fault { name, behaviour, outcomes: &[] }
}

const fn fails(
    name: &'static str,
    behaviour: fn() -> Behaviour,
    outcomes: &'static [&'static str],
) -> Fault {
    Fault { name, behaviour, outcomes }
}

/// An error, and behind it a whole reply that must never become anybody's answer.
fn poison() -> Behaviour {
    let body = format!("{{\"id\":\"{NOBODY}\"}}");
    let unasked = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Behaviour::Raw { bytes: unasked.into_bytes(), then: Then::KeepOpen }
}

/// Tells the upstreams which part of an id means what.
pub fn install(sim: &Simulator) {
    for (upstream, letter) in [sim.users(), sim.crm(), sim.orders()].into_iter().zip(LETTERS) {
        for fault in &FAULTS {
            upstream.set_behaviour_for(&needle(letter, fault.name), (fault.behaviour)());
        }
    }
}

/// One letter for each of the sources.
const LETTERS: [char; 3] = ['g', 'c', 'o'];

fn needle(letter: char, fault: &str) -> String {
    format!(".{letter}-{fault}.")
}

/// The id of a customer with these faults, one for each of the sources.
pub fn customer(prefix: &str, number: u64, faults: [Option<&Fault>; 3]) -> String {
    let parts = LETTERS
        .iter()
        .zip(faults)
        .map(|(letter, fault)| format!("{letter}-{}.", fault.map_or(NONE, |fault| fault.name)));
    format!("{prefix}-{number}.{}", parts.collect::<String>())
}
