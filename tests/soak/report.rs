//! The numbers of a run, what they must be, and their table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::process::Process;
use crate::verdict::Seen;
use crate::{DEADLINE, SOURCES};

/// A reply that is this much later than its deadline counts as late.
const LATE: Duration = Duration::from_millis(50);
/// No reply may be this much later, however busy the machine is with other things.
const TOO_LATE: Duration = Duration::from_millis(250);
/// How much more memory there may be at the end than after the warm-up.
const MEMORY_GROWTH_KIB: u64 = 32 * 1024;
/// What the pools may keep open when there is nothing to do: 10 a source, and one for tokens.
pub const MAX_KEPT_CONNECTIONS: usize = 31;

/// What the callers have counted.
#[derive(Debug, Default)]
pub struct Counts {
    pub requests: u64,
    pub wrong: usize,
    pub unanswered: u64,
    /// Callers that did not wait for their reply.
    pub went_away: u64,
    outcomes: BTreeMap<(usize, String), u64>,
    /// By the caller's clock, of requests with the action's deadline.
    took: Vec<Duration>,
    /// How much later than the deadline, where it was later; by the caller's clock.
    over: Vec<Duration>,
    /// The same by the service's clock.
    over_inside: Vec<Duration>,
}

impl Counts {
    /// Counts a right reply.
    pub fn right(&mut self, seen: &Seen, took: Duration, deadline: Duration) {
        for (index, outcome) in seen.outcomes.iter().enumerate() {
            *self.outcomes.entry((index, outcome.clone())).or_default() += 1;
        }
        if deadline == DEADLINE {
            self.took.push(took);
        }
        self.over.extend(took.checked_sub(deadline));
        self.over_inside.extend(seen.latency.checked_sub(deadline));
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.requests += other.requests;
        self.wrong += other.wrong;
        self.unanswered += other.unanswered;
        self.went_away += other.went_away;
        for (key, count) in other.outcomes {
            *self.outcomes.entry(key).or_default() += count;
        }
        self.took.extend(other.took);
        self.over.extend(other.over);
        self.over_inside.extend(other.over_inside);
        self
    }

    fn later_than(&self, limit: Duration) -> usize {
        self.over.iter().filter(|over| **over > limit).count()
    }

    fn share_of_ok(&self, source: usize) -> f64 {
        let of = |outcome: Option<&str>| -> u64 {
            let counted = self.outcomes.iter().filter(|((of, word), _)| {
                *of == source && outcome.is_none_or(|outcome| word == outcome)
            });
            counted.map(|(_, count)| count).sum()
        };
        ratio(of(Some("ok")), of(None))
    }
}

/// What was still there when nobody asked any more.
#[derive(Debug)]
pub struct Leaks {
    /// Calls under way, as `/v1/sources` tells.
    pub in_flight: u64,
    /// Requests under way, as the upstreams see it.
    pub in_progress: usize,
    pub kept_connections: usize,
    pub threads: usize,
    pub descriptors: usize,
}

impl Leaks {
    /// Whether there are none.
    pub fn none(&self) -> bool {
        self.in_flight == 0
            && self.in_progress == 0
            && self.kept_connections <= MAX_KEPT_CONNECTIONS
            && self.threads == 0
            && self.descriptors == 0
    }
}

/// One run.
#[derive(Debug)]
pub struct Report {
    pub seconds: f64,
    pub callers: usize,
    pub troubles: BTreeMap<&'static str, u64>,
    /// How often actors were started again.
    pub restarts: u64,
    pub counts: Counts,
    /// The process after the warm-up, and at the end of the load.
    pub warm: Process,
    pub hot: Process,
    pub leaks: Leaks,
    /// From the end of all trouble to the first complete reply.
    pub recovered_after: Duration,
}

impl Report {
    /// Panics unless the run was good.
    pub fn assert_good(&self) {
        let counts = &self.counts;
        assert!(counts.requests > 100, "hardly anything was asked");
        assert_eq!((counts.wrong, counts.unanswered), (0, 0), "wrong and unanswered");
        assert_eq!(counts.later_than(TOO_LATE), 0, "later than {TOO_LATE:?} after the deadline");
        assert!(self.leaks.none(), "{:?}", self.leaks);
        let growth = self.hot.memory_kib.saturating_sub(self.warm.memory_kib);
        assert!(growth <= MEMORY_GROWTH_KIB, "{growth} KiB more memory");
        for (index, source) in SOURCES.iter().enumerate() {
            // Otherwise there was nothing to be wrong about.
            assert!(counts.share_of_ok(index) > 0.1, "{source} was hardly ever ok");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        let mut row = |name: &str, value: String| writeln!(f, "| {name} | {value} |");
        let seconds = self.seconds;
        row("what", "value".into())?;
        row("---", "---".into())?;
        row("time, callers", format!("{seconds:.0} s, {}", self.callers))?;
        let troubles: u64 = self.troubles.values().sum();
        row("troubles of whole upstreams", troubles.to_string())?;
        row("actors started again after a panic", self.restarts.to_string())?;
        row("requests", counts.requests.to_string())?;
        row("callers that went away before the reply", counts.went_away.to_string())?;
        row("wrong", counts.wrong.to_string())?;
        row("unanswered", counts.unanswered.to_string())?;
        row("late (more than 50 ms after the deadline)", counts.later_than(LATE).to_string())?;
        row("later than 250 ms", counts.later_than(TOO_LATE).to_string())?;
        row("after the deadline, by the caller's clock", spread(&counts.over))?;
        row("after the deadline, by the service's clock", spread(&counts.over_inside))?;
        row("latency", spread(&counts.took))?;
        let leaks = &self.leaks;
        row("leaked: calls in flight", leaks.in_flight.to_string())?;
        row("leaked: requests at the upstreams", leaks.in_progress.to_string())?;
        row("leaked: threads", leaks.threads.to_string())?;
        row("leaked: file descriptors", leaks.descriptors.to_string())?;
        let kept = leaks.kept_connections;
        row("connections kept open", format!("{kept} (at most {MAX_KEPT_CONNECTIONS})"))?;
        let (warm, hot) = (mib(self.warm.memory_kib), mib(self.hot.memory_kib));
        let peak = mib(self.warm.peak_kib.max(self.hot.peak_kib));
        row("memory after the warm-up, at the end, peak", format!("{warm}, {hot}, {peak} MiB"))?;
        row("complete again after", format!("{} ms", self.recovered_after.as_millis()))?;
        writeln!(f, "\n| outcome | {} |\n| --- | ---: | ---: | ---: |", SOURCES.join(" | "))?;
        let mut words: Vec<&str> = counts.outcomes.keys().map(|(_, it)| it.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        for word in words {
            let of = |source| counts.outcomes.get(&(source, word.to_owned())).copied();
            let [a, b, c] = [0, 1, 2].map(|source| of(source).unwrap_or_default());
            writeln!(f, "| `{word}` | {a} | {b} | {c} |")?;
        }
        writeln!(f, "\n| trouble | times |\n| --- | ---: |")?;
        for (name, count) in &self.troubles {
            writeln!(f, "| {name} | {count} |")?;
        }
        Ok(())
    }
}

/// How many, and how they are spread.
fn spread(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |hundredths: usize| sorted.get((sorted.len() * hundredths / 100).min(last(&sorted)));
    let ms = |time: Option<&Duration>| time.copied().unwrap_or_default().as_secs_f64() * 1e3;
    let (half, most, max) = (ms(at(50)), ms(at(99)), ms(sorted.last()));
    format!("{} replies: p50 {half:.1}, p99 {most:.1}, max {max:.1} ms", times.len())
}

fn last(sorted: &[Duration]) -> usize {
    sorted.len().saturating_sub(1)
}

fn mib(kib: u64) -> u64 {
    kib / 1024
}

fn ratio(part: u64, whole: u64) -> f64 {
    let float = |number: u64| u32::try_from(number).map_or(f64::MAX, f64::from);
    float(part) / float(whole.max(1))
}
