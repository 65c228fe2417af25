//! The handle of one simulated upstream: what it is told to do, and what it has seen.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::behaviour::Behaviour;
use super::canned_reply::Reply;
use super::latency::{Latency, SplitMix64};
use super::playback::Plan;
use super::received::Received;

/// How many requests an upstream remembers.
const REMEMBERED: usize = 10_000;

/// What an upstream normally says to a request.
pub(super) type Answer = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

/// One simulated upstream. Clones are handles of the same upstream; all methods return at once.
#[derive(Clone)]
pub struct Upstream {
    shared: Arc<Shared>,
}

struct Shared {
    scheme: &'static str,
    addr: SocketAddr,
    answer: Answer,
    instructions: Mutex<Instructions>,
    received: Mutex<VecDeque<Received>>,
    counts: watch::Sender<Counts>,
    /// Changes when every open connection is to be closed.
    closing: watch::Sender<()>,
}

/// What the upstream was told to do.
struct Instructions {
    latency: Latency,
    default: Behaviour,
    script: VecDeque<Behaviour>,
    by_needle: Vec<(String, Behaviour)>,
    random: SplitMix64,
}

/// What an upstream has counted since its start or the last [`Upstream::clear`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests whose head was read completely.
    pub hits: usize,
    /// Connections that are open now.
    pub open_connections: usize,
    /// Connections that were accepted, those of a failed TLS handshake included.
    pub total_connections: usize,
    /// Requests that were begun and are neither answered completely nor given up by the client.
    pub in_progress: usize,
    /// The most requests that were in progress at the same time.
    pub peak_in_progress: usize,
}

impl Upstream {
    pub(super) fn new(
        scheme: &'static str,
        addr: SocketAddr,
        latency: Latency,
        seed: u64,
        answer: Answer,
    ) -> Self {
        let instructions = Instructions {
            latency,
            default: Behaviour::Normal,
            script: VecDeque::new(),
            by_needle: Vec::new(),
            random: SplitMix64::new(seed),
        };
        Self {
            shared: Arc::new(Shared {
                scheme,
                addr,
                answer,
                instructions: Mutex::new(instructions),
                received: Mutex::new(VecDeque::new()),
                counts: watch::Sender::new(Counts::default()),
                closing: watch::Sender::new(()),
            }),
        }
    }

    /// Scheme, address and port without a slash at the end: `http://127.0.0.1:40123`.
    pub fn base_url(&self) -> String {
        format!("{}://{}", self.shared.scheme, self.shared.addr)
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// How long it takes before it answers, from the next request on.
    pub fn set_latency(&self, latency: Latency) {
        self.instructions().latency = latency;
    }

    /// What it does with every request that neither the script nor a needle decides.
    pub fn set_behaviour(&self, behaviour: impl Into<Behaviour>) {
        self.instructions().default = behaviour.into();
    }

    /// Appends to the script: one behaviour for each coming request that no needle decides, in the
    /// order in which the requests arrive; after that the default again.
    pub fn script<B: Into<Behaviour>>(&self, behaviours: impl IntoIterator<Item = B>) {
        let behaviours = behaviours.into_iter().map(Into::into);
        self.instructions().script.extend(behaviours);
    }

    /// What it does with every request whose raw target or body contains `needle`. Goes before the
    /// script and the default. Of several needles that fit, the one that was set first counts;
    /// setting a needle again replaces its behaviour.
    pub fn set_behaviour_for(&self, needle: &str, behaviour: impl Into<Behaviour>) {
        let mut instructions = self.instructions();
        let behaviour = behaviour.into();
        match instructions.by_needle.iter_mut().find(|(known, _)| known == needle) {
            Some((_, known)) => *known = behaviour,
            None => instructions.by_needle.push((needle.to_owned(), behaviour)),
        }
    }

    /// Back to normal: no default, script or needle any more. The latency stays.
    pub fn reset_behaviour(&self) {
        let mut instructions = self.instructions();
        instructions.default = Behaviour::Normal;
        instructions.script.clear();
        instructions.by_needle.clear();
    }

    /// Closes every open connection, idle or not (FIN), as a server does that is restarted or
    /// tidies up its idle connections. New ones are accepted as before.
    pub fn close_connections(&self) {
        self.shared.closing.send_replace(());
    }

    /// Requests received: counted as soon as the head was read completely.
    pub fn hits(&self) -> usize {
        self.counts().hits
    }

    /// The last 10,000 requests that were read completely, oldest first. A request is here before
    /// the first byte of its reply is sent.
    pub fn received(&self) -> Vec<Received> {
        self.log().iter().cloned().collect()
    }

    /// The newest of [`Upstream::received`].
    pub fn last_received(&self) -> Option<Received> {
        self.log().back().cloned()
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.counts().open_connections
    }

    /// Connections accepted so far.
    pub fn total_connections(&self) -> usize {
        self.counts().total_connections
    }

    /// Requests in progress now. Goes down a moment after the client has got the last byte, or
    /// after it has closed the connection: wait for it with [`Upstream::wait_until`].
    pub fn in_progress(&self) -> usize {
        self.counts().in_progress
    }

    /// The most requests that were in progress at the same time.
    pub fn peak_in_progress(&self) -> usize {
        self.counts().peak_in_progress
    }

    /// All the numbers at one moment.
    pub fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// Waits until the counts fulfil a condition, without polling; works in any async runtime.
    /// Waits for ever if they never do: put a timeout around it.
    pub async fn wait_until(&self, mut condition: impl FnMut(&Counts) -> bool) {
        let mut counts = self.shared.counts.subscribe();
        // Fails only when the sender is gone, and `self` holds it.
        let _ = counts.wait_for(|counts| condition(counts)).await;
    }

    /// Forgets what was received and counted. What is open or in progress stays counted. What the
    /// upstream was told to do stays as well: see [`Upstream::reset_behaviour`].
    pub fn clear(&self) {
        self.log().clear();
        self.shared.counts.send_modify(|counts| {
            counts.hits = 0;
            counts.total_connections = 0;
            counts.peak_in_progress = counts.in_progress;
        });
    }

    /// Records the request and decides what is done about it.
    pub(super) fn plan(&self, request: Received) -> Plan {
        let (behaviour, latency) = self.instructions().next(&request);
        let plan = behaviour.plan(latency, &|| (self.shared.answer)(&request));
        let mut log = self.log();
        if log.len() == REMEMBERED {
            log.pop_front();
        }
        log.push_back(request);
        plan
    }

    pub(super) fn connection_opened(&self) -> OpenConnection {
        self.shared.counts.send_modify(|counts| {
            counts.open_connections += 1;
            counts.total_connections += 1;
        });
        OpenConnection { upstream: self.clone() }
    }

    pub(super) fn request_begun(&self) -> RequestInProgress {
        self.shared.counts.send_modify(|counts| {
            counts.hits += 1;
            counts.in_progress += 1;
            counts.peak_in_progress = counts.peak_in_progress.max(counts.in_progress);
        });
        RequestInProgress { upstream: self.clone() }
    }

    /// Changes when the connection is to be closed.
    pub(super) fn closing(&self) -> watch::Receiver<()> {
        self.shared.closing.subscribe()
    }

    // The locks are held for single statements that cannot panic: a poisoned one is still sound.

    fn instructions(&self) -> MutexGuard<'_, Instructions> {
        let instructions = self.shared.instructions.lock();
        instructions.unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, VecDeque<Received>> {
        let received = self.shared.received.lock();
        received.unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Upstream")
            .field("base_url", &self.base_url())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Instructions {
    /// What is done with this request, and the latency drawn for it.
    fn next(&mut self, request: &Received) -> (Behaviour, std::time::Duration) {
        let latency = self.latency.sample(&mut self.random);
        let by_needle = self
            .by_needle
            .iter()
            .find(|(needle, _)| request.contains(needle))
            .map(|(_, behaviour)| behaviour.clone());
        let behaviour =
            by_needle.or_else(|| self.script.pop_front()).unwrap_or_else(|| self.default.clone());
        (behaviour, latency)
    }
}

/// Counts one connection as open until it is dropped.
pub(super) struct OpenConnection {
    upstream: Upstream,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let counts = &self.upstream.shared.counts;
        counts.send_modify(|counts| counts.open_connections -= 1);
    }
}

/// Counts one request as in progress until it is dropped.
pub(super) struct RequestInProgress {
    upstream: Upstream,
}

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        let counts = &self.upstream.shared.counts;
        counts.send_modify(|counts| counts.in_progress -= 1);
    }
}

#[cfg(test)]
mod tests;
