//! Draws where a request's time went, as bars in the terminal.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::domain::trace::SpanKind;
use crate::telemetry::recent::{RequestRecord, SourceRecord};

/// The width of the bars, characters.
const WIDTH: usize = 48;
/// The width of the column in front of them.
const LABEL: usize = 26;

/// The request's waterfall: a line for each source and each stretch of its time, drawn to scale.
pub fn draw(record: &RequestRecord) -> String {
    let scale =
        Scale { start: record.started, whole: record.latency.max(Duration::from_millis(1)) };
    let mut out = String::new();
    let end = millis(record.latency);
    let ruler = format!("0 ms{:>width$}", end, width = WIDTH - 4);
    line(&mut out, "", &ruler, "");
    for source in &record.sources {
        draw_source(&mut out, source, scale);
    }
    let left = record.deadline.saturating_duration_since(record.started + record.latency);
    let deadline = millis(record.deadline.saturating_duration_since(record.started));
    line(&mut out, "", "", &format!("deadline {deadline}, {} to spare", millis(left)));
    out
}

fn draw_source(out: &mut String, source: &SourceRecord, scale: Scale) {
    let bar = scale.bar(scale.start, scale.start + source.latency, '─');
    let attempts = if source.attempts == 1 { "attempt" } else { "attempts" };
    let told = format!(
        "{} in {}, {} {attempts}",
        source.outcome.as_str(),
        millis(source.latency),
        source.attempts
    );
    line(out, source.source.as_str(), &bar, &told);
    let mut spans = source.spans.clone();
    spans.sort_by_key(|span| span.start);
    for span in &spans {
        let (label, fill) = describe(span.kind);
        let took = millis(span.end.saturating_duration_since(span.start));
        line(out, &format!("  {label}"), &scale.bar(span.start, span.end, fill), &took);
    }
}

fn describe(kind: SpanKind) -> (String, char) {
    match kind {
        SpanKind::Token => ("wait for token".to_owned(), '░'),
        SpanKind::RateLimit => ("wait for rate limit".to_owned(), '░'),
        SpanKind::Connect => ("connect".to_owned(), '▒'),
        SpanKind::Attempt { number, status: Some(status) } => {
            (format!("attempt {number}: {status}"), '█')
        }
        SpanKind::Attempt { number, status: None } => (format!("attempt {number}: no reply"), '█'),
        SpanKind::Backoff => ("backoff".to_owned(), '░'),
        SpanKind::Pause => ("pause between pages".to_owned(), '░'),
    }
}

fn line(out: &mut String, label: &str, bar: &str, told: &str) {
    let written = writeln!(out, "{label:LABEL$}│{bar:WIDTH$}│ {told}");
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

#[derive(Clone, Copy)]
struct Scale {
    start: Instant,
    whole: Duration,
}

impl Scale {
    /// A bar from `start` to `end`, at least one character wide.
    fn bar(&self, start: Instant, end: Instant, fill: char) -> String {
        let from = self.column(start).min(WIDTH - 1);
        let to = self.column(end).clamp(from + 1, WIDTH);
        let mut bar = " ".repeat(from);
        bar.extend(std::iter::repeat_n(fill, to - from));
        bar
    }

    fn column(&self, at: Instant) -> usize {
        let offset = at.saturating_duration_since(self.start).as_micros();
        let column = offset * WIDTH as u128 / self.whole.as_micros().max(1);
        usize::try_from(column).unwrap_or(WIDTH).min(WIDTH)
    }
}
