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
    let waited = source.spans.iter().find(|span| span.kind == SpanKind::Dependencies);
    let began = waited.map_or(scale.start, |span| span.end);
    let bar = scale.bar(began, scale.start + source.latency, '─');
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
        SpanKind::Dependencies => ("wait for other sources".to_owned(), '░'),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Id;
    use crate::domain::outcome::Outcome;
    use crate::domain::test_clock::{ms, start};
    use crate::domain::trace::Span;

    #[test]
    fn a_source_that_waited_for_another_begins_where_its_wait_ended() {
        let id = |text| Id::try_new(text).expect("an id");
        let arrival = start();
        let span = |kind, from, to| Span { kind, start: arrival + ms(from), end: arrival + ms(to) };
        let attempt = SpanKind::Attempt { number: 1, status: Some(200) };
        let source = |name, latency, spans| SourceRecord {
            source: id(name),
            outcome: Outcome::Ok,
            latency: ms(latency),
            attempts: 1,
            spans,
        };
        let record = RequestRecord {
            request_id: "r".to_owned(),
            action: id("a"),
            started: arrival,
            deadline: arrival + ms(100),
            latency: ms(48),
            sources: vec![
                source("first", 24, vec![span(attempt, 0, 24)]),
                source(
                    "then",
                    48,
                    vec![span(SpanKind::Dependencies, 0, 24), span(attempt, 24, 48)],
                ),
            ],
        };
        let drawn = draw(&record);
        let bars = drawn.lines().filter_map(|line| line.split('│').nth(1)).map(str::to_owned);
        let bars: Vec<String> = bars.collect();
        let (half, none) = (|fill: &str| fill.repeat(24), " ".repeat(24));
        let expected = [
            half("─") + &none,
            half("█") + &none,
            none.clone() + &half("─"),
            half("░") + &none,
            none.clone() + &half("█"),
        ];
        assert_eq!(bars.get(1..6), Some(expected.as_slice()), "{drawn}");
        assert!(drawn.contains("wait for other sources"), "{drawn}");
    }
}
