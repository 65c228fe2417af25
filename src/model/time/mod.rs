//! Time: deadlines, windows of it, and what is random in waits.

pub mod deadline;
pub mod jitter;
pub mod latency_histogram;
pub mod log_throttle;
pub mod sliding_window;
#[cfg(test)]
pub mod test_clock;
