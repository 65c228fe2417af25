//! What befalls a whole upstream, the token endpoint or the actors for a while.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tributary::simulator::{Behaviour, Latency, Reply, Upstream};

use crate::SOURCES;
use crate::harness::TestApp;

/// Tokens live at least this long: with all of them revoked at once there would be little to see.
const TOKEN_LIFE: Duration = Duration::from_secs(6);
/// An actor that has crashed may still be missed this long afterwards: one that does so again
/// soon after its restart is started again later and later, after 5 s at most.
const AFTERMATH: Duration = Duration::from_millis(5_300);
const MS: fn(u64) -> Duration = Duration::from_millis;

/// The kinds of trouble that revoke tokens.
const REVOCATIONS: std::ops::Range<usize> = 1..4;

/// Makes trouble, and remembers it.
pub struct Trouble<'a> {
    app: &'a TestApp,
    /// When actors were made to panic, and of which source.
    crashes: Mutex<Vec<(Instant, &'static str)>>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    last_revocation: Mutex<Option<Instant>>,
}

impl<'a> Trouble<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        let trouble = Self {
            app,
            crashes: Mutex::default(),
            counts: Mutex::default(),
            last_revocation: Mutex::default(),
        };
        for upstream in trouble.upstreams() {
            upstream.set_latency(usual_latency());
        }
        trouble
    }

    /// How often each kind of trouble came.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().expect("no panic under the lock").clone()
    }

    /// Whether a crash of this source explains a fault of ours in this time.
    pub fn crashed(&self, source: &str, from: Instant, to: Instant) -> bool {
        let crashes = self.crashes.lock().expect("no panic under the lock");
        let explains =
            |(at, of): &(Instant, &str)| *of == source && *at <= to && from <= *at + AFTERMATH;
        crashes.iter().any(explains)
    }

    /// One trouble after the other, with a calm moment between them. Afterwards all is well.
    pub fn run(&self, stop: &AtomicBool) {
        let mut random = fastrand::Rng::with_seed(7);
        let mut order: Vec<usize> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            if order.is_empty() {
                order = (0..9).collect();
                random.shuffle(&mut order);
            }
            let which = random.usize(..SOURCES.len());
            let kind = order.pop().unwrap_or_default();
            if REVOCATIONS.contains(&kind) && self.is_token_young() {
                continue;
            }
            let name = self.make(kind, which);
            *self.counts.lock().expect("no panic under the lock").entry(name).or_default() += 1;
            std::thread::sleep(MS(400));
        }
        for upstream in self.upstreams() {
            upstream.set_latency(Latency::None);
        }
    }

    fn upstreams(&self) -> [&'a Upstream; 3] {
        let sim = &self.app.sim;
        [sim.users(), sim.crm(), sim.orders()]
    }

    fn make(&self, kind: usize, which: usize) -> &'static str {
        let upstream = self.upstreams()[which];
        let tokens = self.app.sim.oauth();
        match kind {
            0 => {
                self.crash(SOURCES[which]);
                "actors panic"
            }
            1 => {
                self.revoke_tokens();
                "tokens revoked"
            }
            2 => {
                tokens.set_behaviour(Behaviour::status(503));
                self.revoke_tokens();
                calm_after(tokens, MS(500));
                "tokens revoked, token endpoint answers 503"
            }
            3 => {
                tokens.set_behaviour(Behaviour::Hang);
                self.revoke_tokens();
                calm_after(tokens, MS(500));
                "tokens revoked, token endpoint hangs"
            }
            4 => {
                upstream.close_connections();
                "upstream closes all connections"
            }
            5 => {
                upstream.set_behaviour(Behaviour::status(503));
                calm_after(upstream, MS(400));
                "upstream answers 503"
            }
            6 => {
                upstream.set_behaviour(Behaviour::Hang);
                calm_after(upstream, MS(400));
                "upstream hangs"
            }
            7 => {
                upstream.set_behaviour(Reply::status(429).with_header("retry-after", "1"));
                calm_after(upstream, MS(200));
                "upstream answers 429, Retry-After: 1"
            }
            _ => {
                let slow = MS(400);
                upstream.set_latency(Latency::Tail { base: MS(5), probability: 0.2, slow });
                std::thread::sleep(MS(500));
                upstream.set_latency(usual_latency());
                "every fifth answer takes 400 ms"
            }
        }
    }

    fn is_token_young(&self) -> bool {
        let last = self.last_revocation.lock().expect("no panic under the lock");
        last.is_some_and(|last| last.elapsed() < TOKEN_LIFE)
    }

    fn revoke_tokens(&self) {
        self.app.sim.oauth_settings().revoke_all();
        *self.last_revocation.lock().expect("no panic under the lock") = Some(Instant::now());
    }

    fn crash(&self, source: &'static str) {
        let mut crashes = self.crashes.lock().expect("no panic under the lock");
        crashes.push((Instant::now(), source));
        let excess = crashes.len().saturating_sub(20);
        crashes.drain(..excess);
        drop(crashes);
        self.app.next_fetches_panic(2, source);
    }
}

fn usual_latency() -> Latency {
    Latency::Lognormal { median: MS(8), sigma: 0.6 }
}

fn calm_after(upstream: &Upstream, time: Duration) {
    std::thread::sleep(time);
    upstream.set_behaviour(Behaviour::Normal);
}
