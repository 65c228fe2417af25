//! What this process needs, as Linux tells it.

use std::fs;

/// The process at one moment.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Memory in use (resident), KiB.
    pub memory_kib: u64,
    /// The most of it so far.
    pub peak_kib: u64,
    pub threads: usize,
    /// Open file descriptors.
    pub descriptors: usize,
}

impl Process {
    /// Now.
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        };
        let memory_kib = number("VmRSS:").unwrap_or_default();
        let descriptors = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self {
            memory_kib,
            peak_kib: memory_kib,
            threads: number("Threads:").and_then(|it| it.try_into().ok()).unwrap_or_default(),
            // Listing them takes one.
            descriptors: descriptors.saturating_sub(1),
        }
    }

    /// The same, with the higher peak of the two.
    #[must_use]
    pub fn with_peak_of(mut self, other: &Self) -> Self {
        self.peak_kib = self.peak_kib.max(other.peak_kib);
        self
    }
}
