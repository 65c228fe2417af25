//! The state of the process at one moment, as plain numbers, for whoever exposes it.

use crate::model::circuit::Circuit;
use crate::model::id::Id;

/// The state of the process's parts at one moment.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// One a source.
    pub sources: Vec<SourceGauge>,
    /// One a credential with tokens.
    pub credentials: Vec<CredentialGauge>,
    /// How often each actor was started again.
    pub restarts: Vec<(String, u64)>,
    /// How many actors of each name have not answered for 5 s, over all workers.
    pub silent: Vec<(String, usize)>,
    /// The configuration.
    pub config: ConfigGauge,
}

/// The configuration in force, and how the last reload went.
#[derive(Debug, Clone, Default)]
pub struct ConfigGauge {
    /// Whether the last reload put its configuration in force; the first load counts as one.
    pub last_reload_succeeded: bool,
    /// When the configuration in force was put in force, seconds since the epoch (Unix).
    pub last_success: f64,
    /// The hash of the configuration in force, secrets left out.
    pub hash: String,
}

/// The state of one source.
#[derive(Debug, Clone)]
pub struct SourceGauge {
    /// The source.
    pub source: Id,
    /// Calls under way.
    pub in_flight: usize,
    /// The circuit breaker.
    pub breaker: Circuit,
}

impl SourceGauge {
    /// Takes another part of the same source in: the breaker is that of the worst part.
    pub fn add(&mut self, in_flight: usize, breaker: Circuit) {
        self.in_flight += in_flight;
        if badness(breaker) > badness(self.breaker) {
            self.breaker = breaker;
        }
    }
}

fn badness(breaker: Circuit) -> u8 {
    match breaker {
        Circuit::Closed => 0,
        Circuit::HalfOpen => 1,
        Circuit::Open { .. } => 2,
    }
}

/// The state of one credential with tokens.
#[derive(Debug, Clone)]
pub struct CredentialGauge {
    /// The credential.
    pub credential: Id,
    /// How long the token is still valid, seconds; absent: there is none.
    pub expires_in: Option<f64>,
    /// Tokens received since the start.
    pub received: u64,
    /// Token requests that failed since the start.
    pub failed: u64,
}

/// Makes a text of everything that is measured. Implemented by the metrics.
pub trait Exposition: Send + Sync {
    /// The text, in the format that its content type says.
    fn expose(&self, gauges: &Gauges) -> String;

    /// How often each source came to each outcome since the start.
    fn outcomes(&self) -> Vec<OutcomeCount>;
}

/// How often a source came to one outcome since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeCount {
    /// The source.
    pub source: String,
    /// The outcome.
    pub outcome: String,
    /// How often.
    pub count: u64,
}
